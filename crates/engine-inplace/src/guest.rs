//! The engine contract over the machine: modules, guests, slices.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use thimble_abi::{Call, ValueType};
use thimble_runtime::engine::{
    Budget, CallOutcome, Guest, Host, InstanceSpec, InstantiateError, Interrupt, LoadedModule,
    Trap, TrapKind, Yield,
};

use crate::instance::{Instance, NoInstance, Surroundings};
use crate::machine::{Called, Calls, Machine, Stack, Stop};
use crate::program::{KIND_FUNCTION, Program};
use crate::slot::{Slot as _, low};
use crate::{Pace, Settings, types};

/// A loaded module.
pub(crate) struct InplaceModule {
    pub(crate) program: Arc<Program>,
    /// The calls that answer its imports, in order.
    pub(crate) imports: Arc<[Call]>,
    /// Pages with which memories begin beyond what the module says.
    pub(crate) more_pages: u32,
    pub(crate) settings: Settings,
}

/// A function to call.
#[derive(Clone, Copy)]
struct Entry {
    index: u32,
    /// It is imported: the host answers it.
    import: Option<u32>,
    has_result: bool,
}

impl LoadedModule for InplaceModule {
    fn instantiate(&self, spec: &InstanceSpec) -> Result<Box<dyn Guest>, InstantiateError> {
        let mut entries = Vec::with_capacity(spec.entries.len().saturating_add(1));
        if let Some(start) = self.start() {
            entries.push(self.entry(start, false));
        }
        for name in &spec.entries {
            entries.push(self.named_entry(name)?);
        }
        entries.shrink_to_fit();
        let surroundings = Surroundings {
            buffers: self.settings.buffers,
            memory_bytes_max: spec.memory_bytes_max,
            table_elements_max: spec.table_elements_max,
            more_pages: self.more_pages,
            globals: &[],
        };
        let instance = Instance::new(Arc::clone(&self.program), &surroundings).map_err(
            |error| match error {
                NoInstance::Memory { needed_bytes } => InstantiateError::MemoryLimit {
                    needed_bytes,
                    limit_bytes: spec.memory_bytes_max,
                },
                NoInstance::Tables { needed_elements } => InstantiateError::TableLimit {
                    needed_elements,
                    limit_elements: spec.table_elements_max,
                },
                NoInstance::NoRoom => InstantiateError::NoRoom {
                    reason: "its memory and tables do not fit".to_string(),
                },
                NoInstance::Damaged => InstantiateError::Failed {
                    reason: "its side table is not readable any more; install the image again"
                        .to_string(),
                },
            },
        )?;
        let own = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
        let stack_bytes = spec.stack_bytes.map_or(self.settings.stack_bytes, own);
        let stack = Stack::new(stack_bytes).ok_or_else(|| InstantiateError::NoRoom {
            reason: format!("a stack of {stack_bytes} bytes does not fit"),
        })?;
        Ok(Box::new(InplaceGuest {
            machine: Machine::new(instance, stack),
            course: Course {
                phase: Phase::New,
                entries,
                done: 0,
                code: 0,
            },
            imports: Arc::clone(&self.imports),
            flag: Arc::new(Flag::default()),
            pace: self.settings.pace(),
        }))
    }
}

impl InplaceModule {
    fn start(&self) -> Option<u32> {
        self.program.table().ok()?.head.start.checked_sub(1)
    }

    fn entry(&self, index: u32, has_result: bool) -> Entry {
        let function = self.program.table().map(|table| table.function(index));
        let import = function.ok().filter(|function| function.is_imported());
        Entry {
            index,
            import: import.map(|function| function.code),
            has_result,
        }
    }

    fn named_entry(&self, name: &str) -> Result<Entry, InstantiateError> {
        let missing = || InstantiateError::MissingEntry {
            name: name.to_string(),
        };
        let export = self.program.export(name).ok_or_else(missing)?;
        if export.kind != KIND_FUNCTION {
            return Err(missing());
        }
        let ty = self
            .program
            .function_type(export.index)
            .ok_or_else(missing)?;
        if !ty.parameters.is_empty() || !matches!(ty.results, [] | [types::I32]) {
            return Err(InstantiateError::WrongEntrySignature {
                name: name.to_string(),
                signature: ty.to_string(),
            });
        }
        Ok(self.entry(export.index, !ty.results.is_empty()))
    }
}

/// One instance with its way through the entries.
struct InplaceGuest {
    machine: Machine,
    course: Course,
    imports: Arc<[Call]>,
    flag: Arc<Flag>,
    pace: Pace,
}

/// How far a guest is.
struct Course {
    phase: Phase,
    entries: Vec<Entry>,
    /// How many of them have returned.
    done: usize,
    /// The last one's result.
    code: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its segments are not in place.
    New,
    /// Before the next entry, or after the last one.
    Between,
    /// In an entry.
    Inside,
    /// It ended.
    Over,
}

impl Guest for InplaceGuest {
    fn resume(&mut self, host: &mut dyn Host, budget: Budget) -> Yield {
        let Self {
            machine,
            course,
            imports,
            flag,
            pace,
        } = self;
        let mut calls = HostCalls {
            host,
            imports,
            flag,
            ending: None,
        };
        let mut left = pace.fuel(budget);
        loop {
            if flag.take() {
                return Yield::Preempted;
            }
            let chunk = left.min(u64::from(pace.fuel_between_checks));
            let mut fuel = i32::try_from(chunk).unwrap_or(i32::MAX);
            let stop = course.step(machine, &mut calls, &mut fuel);
            let used = chunk.saturating_sub(u64::try_from(fuel).unwrap_or(0));
            left = left.saturating_sub(used.max(1));
            match stop {
                None | Some(Yield::Preempted) if left > 0 => {}
                None | Some(Yield::Preempted) => return Yield::Preempted,
                Some(end) => return end,
            }
        }
    }

    fn memory_bytes(&self) -> u64 {
        self.machine.instance.memory.bytes
    }

    fn set_memory_bytes_max(&mut self, memory_bytes_max: u64) {
        self.machine.instance.memory.limit_bytes = memory_bytes_max;
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        self.flag.clone()
    }
}

impl Course {
    /// Runs on for a chunk, or to the next entry.
    fn step(
        &mut self,
        machine: &mut Machine,
        calls: &mut HostCalls<'_>,
        fuel: &mut i32,
    ) -> Option<Yield> {
        match self.phase {
            Phase::Over => return Some(self.end(Yield::Trapped(again()))),
            Phase::New => {
                self.phase = Phase::Between;
                if let Err(kind) = machine.instance.initialize() {
                    return Some(self.end(Yield::Trapped(Trap::new(kind))));
                }
                return None;
            }
            Phase::Between => {
                let Some(entry) = self.entries.get(self.done).copied() else {
                    let code = self.code;
                    return Some(self.end(Yield::Exited(code)));
                };
                if let Some(import) = entry.import {
                    return self.ask(machine, calls, import);
                }
                if let Err(kind) = machine.begin(entry.index, &[]) {
                    return Some(self.end(Yield::Trapped(Trap::new(kind))));
                }
                self.phase = Phase::Inside;
            }
            Phase::Inside => {}
        }
        match machine.run(calls, fuel) {
            Stop::Returned => {
                let result = machine.results().last().copied().unwrap_or(0);
                self.returned(result);
                None
            }
            stop => Some(self.stopped(stop)),
        }
    }

    /// The entry is a function of the host.
    fn ask(
        &mut self,
        machine: &mut Machine,
        calls: &mut HostCalls<'_>,
        import: u32,
    ) -> Option<Yield> {
        let mut slots = [0];
        match calls.call(import, &mut slots, machine.instance.memory.slice()) {
            Called::Done | Called::DoneAndInterrupted => {
                let [result] = slots;
                self.returned(result);
                None
            }
            Called::Blocked => Some(Yield::Blocked),
            Called::Ended => {
                let ending = calls.ending();
                Some(self.stopped(ending))
            }
        }
    }

    /// The guest came back for another reason than that the entry returned.
    fn stopped(&mut self, stop: Stop) -> Yield {
        match stop {
            Stop::Preempted => Yield::Preempted,
            Stop::Blocked => Yield::Blocked,
            Stop::Exit(code) => self.end(Yield::Exited(code)),
            Stop::Trap(trap) => self.end(Yield::Trapped(trap)),
            Stop::Returned => self.end(Yield::Trapped(again())),
        }
    }

    /// The current entry returned, with 0 if it has no result.
    fn returned(&mut self, result: u64) {
        let has_result = self
            .entries
            .get(self.done)
            .is_some_and(|entry| entry.has_result);
        self.code = if has_result {
            i32::from_slot(result)
        } else {
            0
        };
        self.done = self.done.saturating_add(1);
        self.phase = Phase::Between;
    }

    const fn end(&mut self, end: Yield) -> Yield {
        self.phase = Phase::Over;
        end
    }
}

fn again() -> Trap {
    Trap::with_detail(TrapKind::Engine, "resumed after its end")
}

/// The host's side of a guest's calls.
struct HostCalls<'a> {
    host: &'a mut dyn Host,
    imports: &'a [Call],
    flag: &'a Flag,
    /// How a call ended the guest.
    ending: Option<Stop>,
}

impl Calls for HostCalls<'_> {
    fn call(&mut self, import: u32, slots: &mut [u64], memory: &mut [u8]) -> Called {
        let Some(call) = self.imports.get(import as usize).copied() else {
            self.ending = Some(Stop::Trap(Trap::new(TrapKind::Engine)));
            return Called::Ended;
        };
        let spec = call.spec();
        for (slot, parameter) in slots.iter_mut().zip(spec.parameters) {
            *slot = normalized(*slot, parameter.value_type());
        }
        let args = slots.get(..spec.parameters.len()).unwrap_or_default();
        match self.host.call(call, args, memory) {
            CallOutcome::Done(result) => {
                if let (Some(slot), Some(ty)) = (slots.first_mut(), spec.returns.value_type()) {
                    *slot = normalized(result, ty);
                }
                if self.flag.is_set() {
                    Called::DoneAndInterrupted
                } else {
                    Called::Done
                }
            }
            CallOutcome::Blocked => Called::Blocked,
            CallOutcome::Exit(code) => {
                self.ending = Some(Stop::Exit(code));
                Called::Ended
            }
            CallOutcome::Trap(trap) => {
                self.ending = Some(Stop::Trap(trap));
                Called::Ended
            }
        }
    }

    fn ending(&mut self) -> Stop {
        let ending = self.ending.take();
        ending.unwrap_or_else(|| Stop::Trap(Trap::new(TrapKind::Engine)))
    }

    fn memory_refused(&mut self, wanted_bytes: u64) {
        self.host.memory_refused(wanted_bytes);
    }
}

/// A slot whose upper half is zero if its value is a small one.
const fn normalized(slot: u64, ty: ValueType) -> u64 {
    match ty {
        ValueType::I32 | ValueType::F32 => low(slot) as u64,
        ValueType::I64 | ValueType::F64 => slot,
    }
}

/// Ends a slice from anywhere.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it was set; it no longer is. Without an exchange, which small processors lack: an interrupt that comes
    /// between the two ends the next slice instead.
    fn take(&self) -> bool {
        let is_set = self.is_set();
        if is_set {
            self.0.store(false, Ordering::Relaxed);
        }
        is_set
    }
}

impl Interrupt for Flag {
    fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
