//! What ended a run, kept in memory that a reset leaves alone, and told at the next start.

mod name;
mod record;

use core::cell::Cell;
use core::fmt::{self, Write as _};
use core::panic::PanicInfo;
use core::str;

use critical_section::Mutex;
use embassy_time::Instant;

use name::Name;
pub use name::{NAME_BYTES, nobody_runs, runs};

/// Bytes of a fault's message that are kept.
pub const MESSAGE_BYTES: usize = 160;
/// Parts of a source file's path that are kept: package, folder and file.
const PATH_PARTS: usize = 3;
/// How the message of an allocation that nobody survives begins; the standard library's.
const NO_MEMORY: &str = "memory allocation of ";

/// Resets the chip, without a word.
type Reset = fn() -> !;

static RESET: Mutex<Cell<Option<Reset>>> = Mutex::new(Cell::new(None));

/// What kind of end it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The processor refused an instruction or an address.
    Hard,
    /// The program's stack was too small.
    StackOverflow,
    /// The firmware found out that it is wrong.
    Panic,
    /// Memory was needed that there was not.
    OutOfMemory,
    /// Nobody fed the watchdog.
    Watchdog,
    /// An interrupt that nobody handles.
    Interrupt,
}

impl FaultKind {
    const ALL: [Self; 6] = [
        Self::Hard,
        Self::StackOverflow,
        Self::Panic,
        Self::OutOfMemory,
        Self::Watchdog,
        Self::Interrupt,
    ];
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Hard => "hard fault",
            Self::StackOverflow => "stack overflow",
            Self::Panic => "panic",
            Self::OutOfMemory => "out of memory",
            Self::Watchdog => "watchdog",
            Self::Interrupt => "unexpected interrupt",
        })
    }
}

/// Why a board started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartedBy {
    /// Its memory was empty.
    PowerOn,
    /// Somebody reset it from outside.
    Reset,
    /// The program asked for it.
    Restart,
    /// A fault ended the run before.
    Fault,
}

impl fmt::Display for StartedBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::PowerOn => "power-on",
            Self::Reset => "reset",
            Self::Restart => "restart",
            Self::Fault => "fault",
        })
    }
}

/// What ended a run. Numbers that a fault has not are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of end it was.
    pub kind: FaultKind,
    /// The instruction that was reached.
    pub pc: u32,
    /// Where it would have returned to.
    pub lr: u32,
    /// The stack pointer.
    pub sp: u32,
    /// What the processor says about it: `CFSR` on Cortex-M, `mcause` on RISC-V, the number of an interrupt.
    pub cause: u32,
    /// The address that was refused.
    pub address: u32,
    /// How long the run had lasted.
    pub uptime_ms: u64,
    /// Faults since somebody cleared them, this one among them; known at the start after it.
    pub count: u32,
    container: Name,
    message: Message,
}

/// Text that is cut where the room ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Message {
    bytes: [u8; MESSAGE_BYTES],
    length: u32,
}

impl Message {
    const EMPTY: Self = Self {
        bytes: [0; MESSAGE_BYTES],
        length: 0,
    };

    fn text(&self) -> &str {
        let length = usize::try_from(self.length).unwrap_or(0);
        let bytes = self.bytes.get(..length).unwrap_or_default();
        match str::from_utf8(bytes) {
            Ok(text) => text,
            // A character was cut.
            Err(error) => bytes
                .get(..error.valid_up_to())
                .and_then(|whole| str::from_utf8(whole).ok())
                .unwrap_or_default(),
        }
    }
}

impl fmt::Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let begin = usize::try_from(self.length).unwrap_or(MESSAGE_BYTES);
        let room = self.bytes.get_mut(begin..).unwrap_or_default();
        let length = text.len().min(room.len());
        if let (Some(room), Some(text)) = (room.get_mut(..length), text.as_bytes().get(..length)) {
            room.copy_from_slice(text);
        }
        self.length = u32::try_from(begin + length).unwrap_or(0);
        Ok(())
    }
}

impl Fault {
    /// A fault now, of which nothing else is known yet.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            pc: 0,
            lr: 0,
            sp: 0,
            cause: 0,
            address: 0,
            uptime_ms: Instant::now().as_millis(),
            count: 0,
            container: Name::NONE,
            message: Message::EMPTY,
        }
    }

    /// What the firmware said about it, with its place in the source; the beginning of it, or nothing.
    #[must_use]
    pub fn message(&self) -> &str {
        self.message.text()
    }

    /// The container whose slice it was, empty if it was none's; known at the start after it.
    #[must_use]
    pub fn container(&self) -> &str {
        self.container.text()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} after {} ms", self.kind, self.uptime_ms)?;
        if !self.container().is_empty() {
            write!(formatter, " in {}", self.container())?;
        }
        if !self.message().is_empty() {
            write!(formatter, ": {}", self.message())?;
        }
        if self.pc | self.sp | self.cause != 0 {
            let Self {
                pc,
                lr,
                sp,
                cause,
                address,
                ..
            } = self;
            write!(
                formatter,
                " (pc {pc:#010x}, lr {lr:#010x}, sp {sp:#010x}, cause {cause:#x}, address {address:#010x})"
            )?;
        }
        Ok(())
    }
}

/// Tells how the chip is reset.
pub(crate) fn set_reset(reset: Reset) {
    critical_section::with(|section| RESET.borrow(section).set(Some(reset)));
}

/// What the last run left behind.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// Why the board started.
    pub started_by: StartedBy,
    /// What ended the run, if it was a fault. It is told once.
    pub fault: Option<Fault>,
    /// The container that ran.
    container: Name,
}

impl Left {
    /// The same, if the chip says that its watchdog reset it: where that leaves no other trace, this is a fault.
    #[must_use]
    pub fn with_watchdog(self, was_watchdog: bool) -> Self {
        if !was_watchdog || self.started_by != StartedBy::Reset {
            return self;
        }
        let count = record::count().saturating_add(1);
        record::store_running(count);
        Self {
            started_by: StartedBy::Fault,
            fault: Some(Fault {
                // Nobody looked at the clock.
                uptime_ms: 0,
                count,
                container: self.container,
                ..Fault::new(FaultKind::Watchdog)
            }),
            ..self
        }
    }
}

/// What the last run left behind; from here on, a reset that nobody announced is one from outside.
pub(crate) fn take() -> Left {
    let container = name::take();
    let left = record::load();
    record::store_running(left.as_ref().map_or(0, |note| note.count));
    let (started_by, fault) = match left.map(|note| note.state) {
        None => (StartedBy::PowerOn, None),
        Some(record::State::Running) => (StartedBy::Reset, None),
        Some(record::State::Restart) => (StartedBy::Restart, None),
        Some(record::State::Ended(fault)) => {
            let fault = Fault { container, ..fault };
            (StartedBy::Fault, Some(fault))
        }
    };
    Left {
        started_by,
        fault,
        container,
    }
}

/// Begins to count faults anew.
pub fn clear_count() {
    record::store_running(0);
}

/// Records a fault, and resets the chip.
pub fn end(fault: &Fault) -> ! {
    record::store_fault(fault);
    reset()
}

/// Resets the chip because the program wants that.
pub fn restart() -> ! {
    record::store_restart();
    reset()
}

/// Records a fault that a handler found, with what it can tell about the code that it interrupted, and resets the chip.
#[cfg(target_arch = "arm")]
pub fn end_interrupted(kind: FaultKind) -> ! {
    end(&crate::processor::interrupted(kind))
}

fn reset() -> ! {
    let reset = critical_section::with(|section| RESET.borrow(section).get());
    match reset {
        Some(reset) => reset(),
        // Nothing has begun: there is nobody to tell.
        None => loop {
            crate::processor::sleep();
        },
    }
}

#[panic_handler]
fn panic(panic: &PanicInfo<'_>) -> ! {
    let mut fault = Fault::new(FaultKind::Panic);
    // What does not fit is cut, so that writing cannot fail.
    let _ = write!(fault.message, "{}", panic.message());
    if fault.message.text().starts_with(NO_MEMORY) {
        fault.kind = FaultKind::OutOfMemory;
    } else if let Some(location) = panic.location() {
        let said = fault.message;
        fault.message = Message::EMPTY;
        let path = tail(location.file());
        let _ = write!(fault.message, "{path}:{}: {}", location.line(), said.text());
    }
    end(&fault)
}

/// The last parts of a path.
fn tail(path: &str) -> &str {
    path.rmatch_indices('/')
        .nth(PATH_PARTS - 1)
        .and_then(|(slash, _)| path.get(slash + 1..))
        .unwrap_or(path)
}
