//! The contract between a chip and the program on it.

use embassy_executor::Spawner;
use embedded_io_async::{Read, Write};
use embedded_storage::nor_flash::NorFlash;
use thimble_runtime::port::Board;

use crate::{Fault, StartedBy, Words};

/// A chip, with the board around it: which drivers it has. The type is never made; it only names.
pub trait Chip: 'static {
    /// The console's receiving half. Reading waits without work; a read that is given up loses nothing.
    type Input: Read + 'static;
    /// The console's sending half. `flush` waits until the last byte is on the line.
    type Output: Write + 'static;
    /// Flash that is left to the program, without what the firmware itself lies in; offsets begin at 0.
    type Flash: MappedFlash + Send + 'static;
    /// Pins and sensors for containers.
    type Board: Board + Send + 'static;
    /// The watchdog.
    type Watchdog: Watchdog + 'static;

    /// The board's name, as `cargo xtask` takes it.
    const NAME: &'static str;
    /// The processor's name, for people.
    const PROCESSOR: &'static str;

    /// Ends the run: QEMU ends with this status; a real board starts anew. What was written to the console is sent
    /// before.
    fn exit(status: u32) -> !;

    /// Starts the board anew. The next start is [`StartedBy::Restart`]. What was written to the console is sent before.
    fn restart() -> !;

    /// Instructions executed since the start, where there is a counter that says so: on QEMU with `--icount`. Time
    /// asleep counts as if it executed.
    fn instructions() -> Option<u64> {
        None
    }

    /// Executed instructions of one step of that counter.
    const INSTRUCTIONS_STEP: u64 = 1;
}

/// Flash that the processor sees at an address.
pub trait MappedFlash: NorFlash {
    /// The address of offset 0. All of [`capacity`](embedded_storage::nor_flash::ReadNorFlash::capacity) can be read
    /// there, at any time but during a write or an erasure.
    fn address(&self) -> usize;
}

/// Resets the chip unless it is fed. What a reset by it leaves behind is [`crate::FaultKind::Watchdog`] where the
/// chip can tell, with the place that was reached where it can tell that too.
pub trait Watchdog {
    /// Starts it: fed at least this often, in milliseconds, or else. Most chips cannot stop it again.
    fn start(&mut self, timeout_ms: u32);

    /// Feeds it. Before [`Watchdog::start`] it does nothing.
    fn feed(&mut self);

    /// Waits for as long as it can until it is fed again: nothing is to be done, and the processor is about to sleep for
    /// as long as that lasts. What hangs in an interrupt's handler while it does not count, it does not see.
    fn pause(&mut self) -> Pause {
        Pause::None
    }
}

/// For how long a watchdog lets the processor sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It counts as ever.
    None,
    /// It must be fed after so many milliseconds at the latest.
    Millis(u32),
    /// It does not count.
    Unlimited,
}

/// Everything that a board hands to the program, once, at the start.
pub struct Parts<C: Chip> {
    /// The console's receiving half: a buffer of a kilobyte, filled by interrupts. What does not fit waits at the
    /// sender where that is possible, as in QEMU, and is lost on a bare line.
    pub input: C::Input,
    /// The console's sending half.
    pub output: C::Output,
    /// Flash for images and records.
    pub flash: C::Flash,
    /// Pins and sensors.
    pub board: C::Board,
    /// The watchdog, not started.
    pub watchdog: C::Watchdog,
    /// 32 bytes from a true source of randomness, new at every start. For a generator: never used twice.
    pub seed: [u8; 32],
    /// Why the board started.
    pub started_by: StartedBy,
    /// What ended the last run, if it was a fault. It is told once.
    pub fault: Option<Fault>,
    /// What is known about time. The monotonic clock itself is `embassy_time::Instant::now()`: it starts at 0, has 64
    /// bits, and costs no wake-up but one in minutes.
    pub clock: ClockFacts,
    /// What the board was told at the start: in QEMU the words of `-semihosting-config arg=`; else none.
    pub words: Words,
    /// Spawns more tasks. Timers belong to tasks: one that is polled with a waker of another kind panics.
    pub spawner: Spawner,
}

/// What a board knows about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockFacts {
    /// Seconds since 1970-01-01 UTC at tick 0 of the monotonic clock, if the board can tell.
    pub unix_seconds_at_start: Option<u64>,
    /// The resolution of the monotonic clock.
    pub resolution_nanos: u64,
}
