//! Memory that start-up leaves alone: a note of a fixed length, with a sum that tells whether it is one.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;

use super::{Fault, FaultKind, MESSAGE_BYTES, Message};

/// "thim", and the version of the layout.
const MAGIC: u32 = 0x7468_6901;
/// Words of a note: magic and sum, kind, six numbers, uptime, the message's length, the message.
const WORDS: usize = 2 + 1 + 5 + 2 + 1 + MESSAGE_BYTES / 4;
const RUNNING: u32 = 0;
const RESTART: u32 = 1;
const FIRST_FAULT: u32 = 2;

/// What a run leaves for the next one.
pub(super) enum Note {
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
    if magic != MAGIC || found != sum(&body) {
        return None;
    }
    let [
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
        RUNNING => return Some(Note::Running),
        RESTART => return Some(Note::Restart),
        fault => fault - FIRST_FAULT,
    };
    let mut message = Message {
        bytes: [0; MESSAGE_BYTES],
        length: length.min(u32::try_from(MESSAGE_BYTES).ok()?),
    };
    for (bytes, word) in message.bytes.chunks_exact_mut(4).zip(text) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Some(Note::Ended(Fault {
        kind: *FaultKind::ALL.get(usize::try_from(number).ok()?)?,
        pc,
        lr,
        sp,
        cause,
        address,
        uptime_ms: u64::from(uptime_high) << 32 | u64::from(uptime_low),
        message,
    }))
}

/// Replaces the note.
pub(super) fn store(note: &Note) {
    let mut body = [0; WORDS - 2];
    match note {
        Note::Running => {}
        Note::Restart => {
            if let Some(kind) = body.first_mut() {
                *kind = RESTART;
            }
        }
        Note::Ended(fault) => fill(&mut body, fault),
    }
    for (index, word) in [MAGIC, sum(&body)].into_iter().chain(body).enumerate() {
        // SAFETY: within the note.
        unsafe { ptr::write_volatile(place(index), word) };
    }
}

fn fill(body: &mut [u32; WORDS - 2], fault: &Fault) {
    let number = FaultKind::ALL
        .iter()
        .position(|kind| *kind == fault.kind)
        .and_then(|index| u32::try_from(index).ok())
        .unwrap_or(0);
    let [uptime_low, uptime_high] = halves(fault.uptime_ms);
    let numbers = [
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
    let text = fault.message.bytes.chunks_exact(4).map(|bytes| {
        let mut word = [0; 4];
        word.copy_from_slice(bytes);
        u32::from_le_bytes(word)
    });
    for (place, word) in body.iter_mut().zip(numbers.into_iter().chain(text)) {
        *place = word;
    }
}

fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

/// CRC-32 (IEEE 802.3), a bit at a time: it is needed once in a run.
fn sum(words: &[u32]) -> u32 {
    let mut sum = u32::MAX;
    for word in words {
        sum ^= word;
        for _ in 0..32 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}
