//! From the reset to the program: memory, words, devices, tasks.

use core::cell::{Cell, UnsafeCell};
use core::ops::Range;
use core::str;

use critical_section::Mutex;
use embassy_executor::Spawner;
use firmware_parts::{Beginning, ClockFacts, Parts, Words, scheduler, stack};

use crate::chip::Qemu;
use crate::console::Console;
use crate::flash::{Flash, PowerCut};
use crate::processor::{self, Watchdog};
use crate::semihosting::{self, HostFile, Mode};
use crate::{board, clock, console};

/// RAM in all, unless a word says otherwise.
const RAM_BYTES: u32 = 256 * 1024;
/// Bytes of the command line that are taken.
const LINE_BYTES: usize = 512;

unsafe extern "C" {
    static mut __ram_start: u8;
    static mut __ram_end: u8;
    static mut __sheap: u8;
}

/// What spawns the program.
type Spawn = fn(Parts<Qemu>);

static SPAWN: Mutex<Cell<Option<Spawn>>> = Mutex::new(Cell::new(None));

struct Line(UnsafeCell<[u8; LINE_BYTES]>);

// SAFETY: it is written once, at the start, before anybody reads it.
unsafe impl Sync for Line {}

static LINE: Line = Line(UnsafeCell::new([0; LINE_BYTES]));

/// Starts everything; [`entry!`](crate::entry) calls it, once, after start-up.
pub fn begin(spawn: Spawn) -> ! {
    critical_section::with(|section| SPAWN.borrow(section).set(Some(spawn)));
    // SAFETY: nothing but start-up ran so far, which is over.
    unsafe { stack::enter(on_stack) }
}

extern "C" fn on_stack() -> ! {
    scheduler::run(start)
}

fn start(spawner: Spawner) {
    let words = words();
    // SAFETY: this runs once; the linker script leaves the memory to the heap.
    let left = unsafe {
        firmware_parts::begin(Beginning {
            heap: heap(words),
            reset: processor::reset,
        })
    };
    clock::begin();
    console::begin();
    let mut seed = [0; 32];
    let unix_seconds = semihosting::unix_seconds();
    if HostFile::open(c"/dev/urandom", Mode::READ)
        .and_then(|file| file.read(&mut seed))
        .is_err()
    {
        panic!("the host gives no randomness");
    }
    let flash = Flash::begin(words, PowerCut::of(words), left.started_by);
    let Console { input, output } = Console::take();
    processor::interrupts_on();
    let parts = Parts {
        input,
        output,
        flash,
        board: board::simulated(),
        watchdog: Watchdog::new(),
        seed,
        started_by: left.started_by,
        fault: left.fault,
        clock: ClockFacts {
            unix_seconds_at_start: Some(u64::from(unix_seconds)),
            resolution_nanos: 1000,
        },
        words,
        spawner,
    };
    let spawn = critical_section::with(|section| SPAWN.borrow(section).get());
    if let Some(spawn) = spawn {
        spawn(parts);
    }
}

/// The words that QEMU was started with.
fn words() -> Words {
    // SAFETY: this is the only use that writes, and it runs once, before what it gives is read.
    let line = unsafe { &mut *LINE.0.get() };
    let length = semihosting::command_line(line);
    let line: &'static [u8] = line;
    let text = line
        .get(..length)
        .and_then(|bytes| str::from_utf8(bytes).ok())
        .unwrap_or_default();
    Words::new(text.trim_end_matches('\0'))
}

/// The memory that is left: from the end of what the firmware itself needs to the end of the RAM that is asked for.
fn heap(words: Words) -> Range<usize> {
    let ram = (&raw const __ram_start) as usize;
    let ram_bytes = words.bytes("ram").unwrap_or(RAM_BYTES) as usize;
    let end = ram
        .saturating_add(ram_bytes)
        .min((&raw const __ram_end) as usize);
    let begin = (&raw const __sheap) as usize;
    // With too little RAM there is no heap at all: the first allocation says so.
    begin.next_multiple_of(8)..(end & !7).max(begin.next_multiple_of(8))
}
