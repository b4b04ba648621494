//! Executes recorded tests: a stream of modules, calls and what must come of them, from a file or from flash.
//!
//! The official test suite is text. A computer turns it into such a stream (`tests/suite`), and this executes it wherever
//! the engine runs: it needs no files, no clock and no more than [`Direct`] and [`Program`]. Instances call
//! each other's functions, later ones earlier ones; nothing else is shared. Never: a panic because of a broken stream.
//!
//! All numbers are little-endian, without padding:
//!
//! ```text
//! stream       "thmS" version:u32=1 command*
//! command      kind:u8 line:u32 length:u32 body[length]      the line is that of the text
//! 0 file       name                                          forgets all instances
//! 1 refuse     class:u8 module                               0 malformed, 1 invalid
//! 2 accept     module
//! 3 instance   trap:u8 start count:u32 target* count:u32 value* module
//! 4 invoke     target count:u32 slot* trap:u8 count:u32 pattern*
//! 5 read       instance:u32 global:u32 pattern
//! trap         0 for none, else the position in TRAPS, from 1
//! start        0:u8, or 1:u8 target
//! target       0:u8 (the host, which does nothing), or 1:u8 instance:u32 function:u32
//! value        0:u8 slot:u64, or 1:u8 instance:u32 global:u32
//! pattern      kind:u8 slot:u64    0 the same 32 bits, 1 the same 64 bits, 2 and 3 a canonical and an arithmetic NaN of
//!                                  32 bits, 4 and 5 the same of 64 bits, 6 a reference that is not null,
//!                                  7 anything
//! ```
//!
//! Targets of an instance are its imported functions, values its imported globals, each in order. An instance that is not
//! to trap takes the next number of its file, from 0. `start` is the function that runs once segments are in place.

mod cursor;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use thimble_runtime::engine::{Trap, TrapKind};

use crate::{Answer, Buffers, Bytes, Direct, Limits, Program, Reason, Refusal, Room, Run};

use cursor::Cursor;

/// What a stream begins with.
pub const MAGIC: &[u8; 4] = b"thmS";
/// The version of the format.
pub const VERSION: u32 = 1;

/// Traps by their number in a stream, from 1.
pub const TRAPS: [TrapKind; 9] = [
    TrapKind::Unreachable,
    TrapKind::MemoryOutOfBounds,
    TrapKind::TableOutOfBounds,
    TrapKind::IndirectCallToNull,
    TrapKind::BadSignature,
    TrapKind::IntegerDivisionByZero,
    TrapKind::IntegerOverflow,
    TrapKind::BadConversionToInteger,
    TrapKind::StackOverflow,
];

/// What instances get.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// What the validator may use.
    pub limits: Limits,
    /// Where memories come from.
    pub buffers: &'a dyn Buffers,
    /// Linear memory an instance may have, in bytes.
    pub memory_bytes_max: u64,
    /// Elements its tables may have.
    pub table_elements_max: u32,
    /// Bytes of operands and frames.
    pub stack_bytes: usize,
}

/// What became of a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A file begins.
    File(&'static str),
    /// It went as it must.
    Passed,
    /// There is no room for the instance, or it is about one for which there was none.
    NoRoom,
    /// It did not.
    Failed {
        /// The line in the text.
        line: u32,
        /// What happened instead.
        found: Found,
    },
}

/// What happened instead.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The stream is broken here; nothing follows.
    Damaged,
    /// The module was accepted.
    Accepted,
    /// The module was refused, for another reason than the one that is expected where one is.
    Refused(Refusal),
    /// Nothing trapped.
    Returned,
    /// A trap, or another one than the expected.
    Trapped(TrapKind),
    /// A result or global that does not match.
    Slot {
        /// Which result.
        position: u32,
        /// What it is.
        slot: u64,
    },
    /// As many results, where others are expected.
    Results(u32),
}

/// A stream that is executed, command by command.
pub struct Replay<'a> {
    stream: Cursor,
    means: Means<'a>,
    /// How much fuel the next slice has.
    fuel: &'a mut dyn FnMut() -> i32,
    /// The file's instances; nothing where there was no room.
    instances: Vec<Option<Linked>>,
}

/// An instance with what it imports.
struct Linked {
    direct: Direct,
    program: Arc<Program>,
    imports: Vec<Target>,
}

/// A function of an instance, or one of the host.
#[derive(Clone, Copy)]
enum Target {
    Host,
    Function { instance: u32, function: u32 },
}

/// Why a command did not go as it must.
enum Failure {
    NoRoom,
    Found(Found),
}

impl From<Found> for Failure {
    fn from(found: Found) -> Self {
        Self::Found(found)
    }
}

type Outcome<T> = Result<T, Failure>;

const DAMAGED: Failure = Failure::Found(Found::Damaged);

impl Iterator for Replay<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let kind = self.stream.u8()?;
        let (line, body) = match (self.stream.u32(), self.stream.part()) {
            (Some(line), Some(body)) => (line, body),
            (line, _) => {
                return Some(Step::Failed {
                    line: line.unwrap_or(0),
                    found: Found::Damaged,
                });
            }
        };
        if kind == 0 {
            self.instances.clear();
            return Some(Step::File(
                core::str::from_utf8(body.rest()).unwrap_or_default(),
            ));
        }
        Some(match self.command(kind, body) {
            Ok(()) => Step::Passed,
            Err(Failure::NoRoom) => Step::NoRoom,
            Err(Failure::Found(found)) => Step::Failed { line, found },
        })
    }
}

impl<'a> Replay<'a> {
    /// Executes a stream, each slice with as much fuel as `fuel` says. Nothing if it is none, or of another version.
    pub fn new(
        stream: &'static [u8],
        means: Means<'a>,
        fuel: &'a mut dyn FnMut() -> i32,
    ) -> Option<Self> {
        let mut stream = Cursor::new(stream);
        let is_known = stream.bytes(4)? == MAGIC && stream.u32()? == VERSION;
        is_known.then_some(Self {
            stream,
            means,
            fuel,
            instances: Vec::new(),
        })
    }

    fn command(&mut self, kind: u8, mut body: Cursor) -> Outcome<()> {
        match kind {
            1 => {
                let class = body.u8().ok_or(DAMAGED)?;
                match self.validated(body.rest()) {
                    Err(Failure::Found(Found::Refused(refusal)))
                        if is_of(refusal.reason, class) =>
                    {
                        Ok(())
                    }
                    Err(failure) => Err(failure),
                    Ok(_) => Err(Found::Accepted.into()),
                }
            }
            2 => self.validated(body.rest()).map(drop),
            3 => self.instantiate(body),
            4 => self.invoke(body),
            5 => {
                let (instance, global) = body.two().ok_or(DAMAGED)?;
                let pattern = body.pattern().ok_or(DAMAGED)?;
                let slot = self.linked(instance)?.direct.global(global);
                check(0, slot.ok_or(DAMAGED)?, pattern)
            }
            _ => Err(DAMAGED),
        }
    }

    /// The module with its table.
    fn validated(&self, module: &'static [u8]) -> Outcome<Program> {
        match Program::validated(Bytes::Static(module), &self.means.limits) {
            Ok((program, _)) => Ok(program),
            Err(Refusal {
                reason: Reason::NoRoom { .. } | Reason::NotStored,
                ..
            }) => Err(Failure::NoRoom),
            Err(refusal) => Err(Found::Refused(refusal).into()),
        }
    }

    fn instantiate(&mut self, mut body: Cursor) -> Outcome<()> {
        let trap = body.u8().ok_or(DAMAGED)?;
        let made = self.linked_from(&mut body);
        let (linked, start) = match made {
            Ok(made) => made,
            Err(failure) => {
                if trap == 0 {
                    self.instances.push(None);
                }
                return Err(failure);
            }
        };
        let place = u32::try_from(self.instances.len()).map_err(|_| DAMAGED)?;
        self.instances.push(Some(linked));
        let placed = self.linked(place)?.direct.initialize();
        let went = match (placed, start) {
            (Ok(()), Some(start)) => call(&mut self.instances, start, &[], self.fuel),
            (Ok(()), None) => Ok(()),
            (Err(kind), _) => Err(Trap::new(kind)),
        };
        if trap != 0 {
            self.instances.truncate(place as usize);
        }
        expect_trap(trap, went)
    }

    /// Makes an instance; what it imports must be of the stream.
    fn linked_from(&self, body: &mut Cursor) -> Outcome<(Linked, Option<Target>)> {
        let start = match body.u8().ok_or(DAMAGED)? {
            0 => None,
            _ => Some(body.target().ok_or(DAMAGED)?),
        };
        let mut imports = Vec::new();
        for _ in 0..body.u32().ok_or(DAMAGED)? {
            imports.push(body.target().ok_or(DAMAGED)?);
        }
        let mut globals = Vec::new();
        for _ in 0..body.u32().ok_or(DAMAGED)? {
            globals.push(self.value(body)?);
        }
        let program = Arc::new(self.validated(body.rest())?);
        let room = Room {
            buffers: self.means.buffers,
            memory_bytes_max: self.means.memory_bytes_max,
            table_elements_max: self.means.table_elements_max,
            stack_bytes: self.means.stack_bytes,
            globals: &globals,
        };
        let direct = Direct::new(Arc::clone(&program), &room).map_err(|_| Failure::NoRoom)?;
        Ok((
            Linked {
                direct,
                program,
                imports,
            },
            start,
        ))
    }

    fn value(&self, body: &mut Cursor) -> Outcome<u64> {
        if body.u8().ok_or(DAMAGED)? == 0 {
            return body.u64().ok_or(DAMAGED);
        }
        let (instance, global) = body.two().ok_or(DAMAGED)?;
        let linked = self.instances.get(instance as usize).ok_or(DAMAGED)?;
        let linked = linked.as_ref().ok_or(Failure::NoRoom)?;
        linked.direct.global(global).ok_or(DAMAGED)
    }

    fn linked(&mut self, instance: u32) -> Outcome<&mut Linked> {
        let linked = self.instances.get_mut(instance as usize).ok_or(DAMAGED)?;
        linked.as_mut().ok_or(Failure::NoRoom)
    }

    fn invoke(&mut self, mut body: Cursor) -> Outcome<()> {
        let target = body.target().ok_or(DAMAGED)?;
        let mut arguments = Vec::new();
        for _ in 0..body.u32().ok_or(DAMAGED)? {
            arguments.push(body.u64().ok_or(DAMAGED)?);
        }
        let trap = body.u8().ok_or(DAMAGED)?;
        if let Target::Function { instance, .. } = target {
            self.linked(instance)?;
        }
        let went = call(&mut self.instances, target, &arguments, self.fuel);
        let is_over = went.is_err();
        expect_trap(trap, went)?;
        if is_over {
            return Ok(());
        }
        let results = match target {
            Target::Host => &[],
            Target::Function { instance, .. } => self.linked(instance)?.direct.results(),
        };
        let count = body.u32().ok_or(DAMAGED)?;
        if u32::try_from(results.len()) != Ok(count) {
            return Err(Found::Results(u32::try_from(results.len()).unwrap_or(u32::MAX)).into());
        }
        for (position, slot) in (0..).zip(results) {
            check(position, *slot, body.pattern().ok_or(DAMAGED)?)?;
        }
        Ok(())
    }
}

/// Whether a refusal is of a class. What needs a feature that is not there is refused whatever else it is.
const fn is_of(reason: Reason, class: u8) -> bool {
    match reason {
        Reason::Malformed(_) | Reason::UnknownOpcode { .. } => class == 0,
        Reason::Invalid(_) | Reason::TypeMismatch { .. } | Reason::NothingOnTheStack { .. } => {
            class == 1
        }
        Reason::Feature(_) => true,
        _ => false,
    }
}

fn expect_trap(expected: u8, went: Result<(), Trap>) -> Outcome<()> {
    let expected = usize::from(expected)
        .checked_sub(1)
        .map(|position| TRAPS.get(position).copied());
    match (expected, went) {
        (None, Ok(())) => Ok(()),
        (Some(expected), Err(trap)) if expected == Some(trap.kind) => Ok(()),
        (Some(_), Ok(())) => Err(Found::Returned.into()),
        (_, Err(trap)) => Err(Found::Trapped(trap.kind).into()),
    }
}

/// Compares a slot with a pattern's kind and slot.
fn check(position: u32, slot: u64, (kind, wanted): (u8, u64)) -> Outcome<()> {
    let low = slot & 0xffff_ffff;
    let is_same = match kind {
        0 => low == wanted & 0xffff_ffff,
        1 => slot == wanted,
        2 => low & 0x7fff_ffff == 0x7fc0_0000,
        3 => low & 0x7fc0_0000 == 0x7fc0_0000,
        4 => slot & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        5 => slot & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        6 => low != 0,
        7 => true,
        _ => return Err(DAMAGED),
    };
    if is_same {
        return Ok(());
    }
    Err(Found::Slot { position, slot }.into())
}

/// Calls a function with as many slices as it takes.
fn call(
    instances: &mut [Option<Linked>],
    target: Target,
    arguments: &[u64],
    fuel: &mut dyn FnMut() -> i32,
) -> Result<(), Trap> {
    let Target::Function { instance, function } = target else {
        return Ok(());
    };
    let broken = || Trap::new(TrapKind::Engine);
    let (below, rest) = instances
        .split_at_mut_checked(instance as usize)
        .ok_or_else(broken)?;
    let [Some(linked), ..] = rest else {
        return Err(broken());
    };
    let Linked {
        direct, imports, ..
    } = linked;
    direct.begin(function, arguments).map_err(Trap::new)?;
    let mut answers = Answers {
        below,
        imports,
        fuel,
    };
    loop {
        let mut fuel = (answers.fuel)();
        match direct.run(&mut answers, &mut fuel) {
            Run::Returned => return Ok(()),
            Run::Preempted => {}
            Run::Trapped(trap) => return Err(trap),
        }
    }
}

/// Answers an instance's imports from those before it.
struct Answers<'a> {
    below: &'a mut [Option<Linked>],
    imports: &'a [Target],
    fuel: &'a mut dyn FnMut() -> i32,
}

impl Answer for Answers<'_> {
    fn answer(&mut self, import: u32, slots: &mut [u64], _: &mut [u8]) -> Result<(), Box<Trap>> {
        let broken = || Box::new(Trap::new(TrapKind::Engine));
        let target = *self.imports.get(import as usize).ok_or_else(broken)?;
        let Target::Function { instance, function } = target else {
            return Ok(());
        };
        let linked = self.below.get(instance as usize).and_then(Option::as_ref);
        let ty = linked.and_then(|linked| linked.program.function_type(function));
        let count = ty.ok_or_else(broken)?.parameters.len();
        let arguments = slots.get(..count).ok_or_else(broken)?;
        call(self.below, target, arguments, self.fuel).map_err(Box::new)?;
        let linked = self.below.get(instance as usize).and_then(Option::as_ref);
        let results = linked.map_or(&[][..], |linked| linked.direct.results());
        slots
            .get_mut(..results.len())
            .ok_or_else(broken)?
            .copy_from_slice(results);
        Ok(())
    }
}
