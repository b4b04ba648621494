//! Memory that start-up leaves alone: a note of a fixed length, with a sum that tells whether it is one.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;

use super::name::Name;
use super::{Fault, FaultKind, MESSAGE_BYTES, Message};

/// "thim", and the version of the layout.
const MAGIC: u32 = 0x7468_6902;
/// Words of a note: magic and sum, the count of faults, kind, five numbers, uptime, the message's length, the message.
const WORDS: usize = BODY + 2 + 5 + 2 + 1 + MESSAGE_BYTES / 4;
/// Where the body begins, behind magic and sum.
const BODY: usize = 2;
const RUNNING: u32 = 0;
const RESTART: u32 = 1;
const FIRST_FAULT: u32 = 2;

/// What a run leaves for the next one.
pub(super) struct Note {
    /// Faults since somebody cleared them.
    pub(super) count: u32,
    pub(super) state: State,
}

/// How a run is.
pub(super) enum State {
    /// It runs.
    Running,
    /// It wanted to start anew.
    Restart,
    /// A fault ended it.
    Ended(Fault),
}

struct Kept(UnsafeCell<MaybeUninit<[u32; WORDS]>>);

// SAFETY: it is used at the start, and at the end, which never comes back.
unsafe impl Sync for Kept {}

#[unsafe(link_section = ".uninit.fault")]
static KEPT: Kept = Kept(UnsafeCell::new(MaybeUninit::uninit()));

fn place(index: usize) -> *mut u32 {
    KEPT.0.get().cast::<u32>().wrapping_add(index)
}

/// The note, if there is one.
pub(super) fn load() -> Option<Note> {
    let mut words = [0; WORDS];
    for (index, word) in words.iter_mut().enumerate() {
        // SAFETY: within the note; whatever the memory holds, it is a number.
        *word = unsafe { ptr::read_volatile(place(index)) };
    }
    let [magic, found, body @ ..] = words;
    let mut sum = Sum::new();
    body.iter().for_each(|word| sum.add(*word));
    if magic != MAGIC || found != sum.value() {
        return None;
    }
    let [
        count,
        kind,
        pc,
        lr,
        sp,
        cause,
        address,
        uptime_low,
        uptime_high,
        length,
        text @ ..,
    ] = body;
    let number = match kind {
        RUNNING => {
            let state = State::Running;
            return Some(Note { count, state });
        }
        RESTART => {
            let state = State::Restart;
            return Some(Note { count, state });
        }
        fault => fault.checked_sub(FIRST_FAULT)?,
    };
    let mut message = Message {
        bytes: [0; MESSAGE_BYTES],
        length: length.min(u32::try_from(MESSAGE_BYTES).ok()?),
    };
    for (bytes, word) in message.bytes.chunks_exact_mut(4).zip(text) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    let fault = Fault {
        kind: *FaultKind::ALL.get(usize::try_from(number).ok()?)?,
        pc,
        lr,
        sp,
        cause,
        address,
        uptime_ms: u64::from(uptime_high) << 32 | u64::from(uptime_low),
        container: Name::NONE,
        count,
        message,
    };
    let state = State::Ended(fault);
    Some(Note { count, state })
}

/// The count of the note, which is there from the start on.
pub(super) fn count() -> u32 {
    // SAFETY: within the note; whatever the memory holds, it is a number.
    unsafe { ptr::read_volatile(place(BODY)) }
}

/// Notes that it runs.
pub(super) fn store_running(count: u32) {
    store(&[count, RUNNING], &[]);
}

/// Notes that it wanted to start anew.
pub(super) fn store_restart() {
    store(&[count(), RESTART], &[]);
}

/// Notes what ended it. Handlers call this, on a stack that is small.
pub(super) fn store_fault(fault: &Fault) {
    let number = FaultKind::ALL
        .iter()
        .position(|kind| *kind == fault.kind)
        .and_then(|index| u32::try_from(index).ok())
        .unwrap_or(0);
    let [uptime_low, uptime_high] = halves(fault.uptime_ms);
    let numbers = [
        count().saturating_add(1),
        FIRST_FAULT + number,
        fault.pc,
        fault.lr,
        fault.sp,
        fault.cause,
        fault.address,
        uptime_low,
        uptime_high,
        fault.message.length,
    ];
    store(&numbers, &fault.message.bytes);
}

/// Replaces the note by these numbers, the bytes behind them, and zeros.
fn store(numbers: &[u32], bytes: &[u8]) {
    let text = bytes.chunks_exact(4).map(|bytes| {
        let mut word = [0; 4];
        word.copy_from_slice(bytes);
        u32::from_le_bytes(word)
    });
    let words = numbers.iter().copied().chain(text);
    let mut sum = Sum::new();
    let zeros = core::iter::repeat(0);
    for (index, word) in (BODY..WORDS).zip(words.chain(zeros)) {
        sum.add(word);
        write(index, word);
    }
    write(1, sum.value());
    write(0, MAGIC);
}

fn write(index: usize, word: u32) {
    // SAFETY: within the note.
    unsafe { ptr::write_volatile(place(index), word) };
}

fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

/// CRC-32 (IEEE 802.3), a bit at a time: it is needed twice in a run.
struct Sum(u32);

impl Sum {
    const fn new() -> Self {
        Self(u32::MAX)
    }

    fn add(&mut self, word: u32) {
        self.0 ^= word;
        for _ in 0..32 {
            self.0 = (self.0 >> 1) ^ (0xedb8_8320 & (self.0 & 1).wrapping_neg());
        }
    }

    const fn value(&self) -> u32 {
        !self.0
    }
}
