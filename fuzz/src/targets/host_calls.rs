//! Sequences of host calls with hostile arguments, against real folders, pipes and loopback sockets.
//!
//! An input says what is granted, how large the memory is, and up to 200 calls. A call that waits is made
//! again as an engine would; one that goes on waiting ends the sequence, as killing the guest would.

mod arguments;
mod device;
mod outputs;

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use thimble_abi::calls::EnvCall;
use thimble_abi::{Call, CallSpec, Errno, calls};
use thimble_runtime::engine::{CallOutcome, Host as _};
use thimble_runtime::module::Module;

use crate::finding::{Violation, ensure};
use crate::shapes::Shapes;

use super::{Target, TargetSpec, smith};
use device::{Device, Guest};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "host_calls",
    summary: "every host call with hostile arguments: never panics, blocks, leaks, or writes elsewhere",
    bytes_max: 4096,
    patience: Duration::from_secs(20),
    tokens: &[
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\x03\0\0\0",
        b"\x40\0\0\0",
    ],
    make: || match HostCalls::new() {
        Ok(target) => Box::new(target),
        Err(reason) => Box::new(Unable(reason)),
    },
};

/// Calls of one sequence.
const CALLS_MAX: usize = 200;
/// Bytes of the guest's memory: none, too few for most things, some, and what the module says.
const MEMORY_BYTES: [usize; 6] = [0, 1, 100, 4096, 65_536, 196_608];
/// Bytes before and after the memory that nobody may touch.
const CANARY_BYTES: usize = 4096;
const CANARY: u8 = 0xc5;
/// A call that takes longer holds up the other containers, even on a busy machine.
const CALL_TIME_MAX: Duration = Duration::from_secs(2);

/// The device could not be made; every input says so.
struct Unable(String);

impl Target for Unable {
    fn examine(&mut self, _: &[u8], _: &mut Shapes) -> Result<(), Violation> {
        Err(Violation::new("the device can be made", self.0.clone()))
    }
}

struct HostCalls {
    device: Device,
    module: Module,
    specs: Vec<&'static CallSpec>,
}

impl HostCalls {
    fn new() -> Result<Self, String> {
        let specs: Vec<_> = calls::all().collect();
        let memory = smith::memory(2, Some(8));
        let bytes = smith::shape(
            &specs,
            None,
            Some(memory),
            &[("_start", None), ("on_event", None)],
        );
        let module = Module::parse(bytes).map_err(|error| error.to_string())?;
        Ok(Self {
            device: Device::new().map_err(|error| error.to_string())?,
            module,
            specs,
        })
    }

    fn sequence(
        &self,
        input: &[u8],
        shapes: &mut Shapes,
    ) -> arbitrary::Result<Result<(), Violation>> {
        let mut u = Unstructured::new(input);
        let mut guest = match self.device.guest(&self.module, &mut u)? {
            Ok(guest) => guest,
            Err(error) => {
                return Ok(Err(Violation::new(
                    "a guest can be made",
                    error.to_string(),
                )));
            }
        };
        let result = self.calls(&mut guest, &mut u, shapes);
        self.device.dispose(guest);
        result
    }

    /// The calls of one guest.
    fn calls(
        &self,
        guest: &mut Guest,
        u: &mut Unstructured<'_>,
        shapes: &mut Shapes,
    ) -> arbitrary::Result<Result<(), Violation>> {
        let mut memory = Memory::new(*u.choose(&MEMORY_BYTES)?);
        arguments::fill(memory.bytes(), u)?;
        let mut last = None;
        for _ in 0..CALLS_MAX {
            if u.is_empty() {
                break;
            }
            let spec = *u.choose(&self.specs)?;
            if u.ratio(1, 8)? {
                arguments::fill(memory.bytes(), u)?;
            }
            let arguments = arguments::of(spec, memory.bytes().len(), u)?;
            self.device.tick();
            let end = match self.call(guest, spec, &arguments, &mut memory) {
                Ok(end) => end,
                Err(violation) => return Ok(Err(violation)),
            };
            shapes.note((spec.module, spec.name, end));
            shapes.note((last, spec.call));
            last = Some(spec.call);
            if matches!(end, End::Waits | End::Over) {
                break;
            }
        }
        Ok(Ok(()))
    }

    /// Makes a call until it is done, and checks what it did.
    fn call(
        &self,
        guest: &mut Guest,
        spec: &'static CallSpec,
        arguments: &[u64],
        memory: &mut Memory,
    ) -> Result<End, Violation> {
        let before = memory.bytes().to_vec();
        let mut waited = false;
        let outcome = loop {
            let (waker, woken) = device::waker();
            let ports = self.device.ports();
            let begin = Instant::now();
            let outcome =
                guest
                    .state
                    .bind(&ports, &waker)
                    .call(spec.call, arguments, memory.bytes());
            let took = begin.elapsed();
            let detail = || format!("{}.{}{arguments:x?} took {took:?}", spec.module, spec.name);
            ensure(
                took < CALL_TIME_MAX,
                "a call does not hold up the thread",
                detail,
            )?;
            if !matches!(outcome, CallOutcome::Blocked) {
                break outcome;
            }
            waited = true;
            if !self.device.wait(guest.state.wait_until(), &woken) {
                return self
                    .check(spec, arguments, memory, &before, None, waited)
                    .map(|()| End::Waits);
            }
        };
        let result = match &outcome {
            CallOutcome::Done(result) => Some(*result),
            _ => None,
        };
        self.check(spec, arguments, memory, &before, result, waited)?;
        Ok(match outcome {
            CallOutcome::Done(result) => End::Done(shape_of(spec, result)),
            _ => End::Over,
        })
    }

    /// Checks what a call wrote.
    fn check(
        &self,
        spec: &'static CallSpec,
        arguments: &[u64],
        memory: &mut Memory,
        before: &[u8],
        result: Option<u64>,
        waited: bool,
    ) -> Result<(), Violation> {
        let detail = |what: &str| {
            format!(
                "{}.{}({arguments:x?}) with {} bytes of memory: {what}",
                spec.module,
                spec.name,
                before.len()
            )
        };
        ensure(
            memory.is_fenced(),
            "a call writes outside of the memory",
            || detail("canary"),
        )?;
        let after = memory.bytes();
        let fault = result.is_some_and(|result| is_fault(spec, result));
        if fault && !waited {
            let changed = first_difference(before, after, &[]);
            ensure(changed.is_none(), "a bad pointer has no effect", || {
                detail(&format!("{changed:?}"))
            })?;
        }
        let mut ranges = outputs::ranges(spec, arguments, before);
        if matches!(spec.call, Call::Env(EnvCall::GetEvent)) {
            ranges.extend(
                self.module
                    .app_heap()
                    .map(|heap| u64::from(heap.start)..u64::from(heap.end)),
            );
        }
        let changed = first_difference(before, after, &ranges);
        ensure(
            changed.is_none(),
            "a call writes only where it is told to",
            || detail(&format!("byte {changed:x?} changed, may write {ranges:x?}")),
        )
    }
}

impl Target for HostCalls {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        self.device.reset();
        let open = device::open_descriptors();
        // Too little entropy is no finding.
        let result = self.sequence(input, shapes).unwrap_or(Ok(()));
        self.device.settle();
        let left = self.device.descriptors_after(open);
        result?;
        ensure(
            left.len() <= open,
            "descriptors of the process are given back",
            || format!("{open} were open, then {left:?}"),
        )
    }
}

/// How a call ended, as far as it matters for shapes and the sequence.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    /// Done, with this kind of result.
    Done(u64),
    /// It goes on waiting.
    Waits,
    /// The guest ended.
    Over,
}

/// Errors as they are, other results by their size.
fn shape_of(spec: &CallSpec, result: u64) -> u64 {
    match spec.returns {
        calls::ReturnKind::Errno => result,
        _ if low_half(result) < 0 => result & 0xffff_ffff,
        _ => u64::from(result.checked_ilog2().unwrap_or(0)) + 1000,
    }
}

fn is_fault(spec: &CallSpec, result: u64) -> bool {
    let fault = u64::from(Errno::Fault.number());
    match (spec.returns, spec.call) {
        (calls::ReturnKind::Errno, _) => result == fault,
        (calls::ReturnKind::I32, Call::Thimble(_)) => {
            i64::from(low_half(result)) == -fault.cast_signed()
        }
        _ => false,
    }
}

fn low_half(result: u64) -> i32 {
    let [a, b, c, d, ..] = result.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// The first byte outside of the ranges that differs.
fn first_difference(before: &[u8], after: &[u8], ranges: &[std::ops::Range<u64>]) -> Option<u64> {
    let places = (0_u64..).zip(before.iter().zip(after));
    { places }
        .filter(|(_, (before, after))| before != after)
        .map(|(place, _)| place)
        .find(|place| !ranges.iter().any(|range| range.contains(place)))
}

/// A guest's memory between canaries.
struct Memory(Vec<u8>);

impl Memory {
    fn new(bytes: usize) -> Self {
        let mut all = vec![CANARY; bytes + 2 * CANARY_BYTES];
        all.get_mut(CANARY_BYTES..CANARY_BYTES + bytes)
            .unwrap_or_default()
            .fill(0);
        Self(all)
    }

    fn bytes(&mut self) -> &mut [u8] {
        let end = self.0.len() - CANARY_BYTES;
        self.0.get_mut(CANARY_BYTES..end).unwrap_or_default()
    }

    fn is_fenced(&self) -> bool {
        let end = self.0.len() - CANARY_BYTES;
        let fences = self
            .0
            .iter()
            .take(CANARY_BYTES)
            .chain(self.0.iter().skip(end));
        { fences }.all(|byte| *byte == CANARY)
    }
}
