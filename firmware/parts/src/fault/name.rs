//! The container that runs, in memory that start-up leaves alone, so that whatever ends the run says whose slice it was:
//! a handler, or a watchdog that leaves no other trace.
//!
//! A slice costs two stores, and a name is written when another container begins to run.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;
use core::str;
use core::sync::atomic::{AtomicU32, Ordering};

/// Bytes of a container's name that are kept; the supervisor's names have no more.
pub const NAME_BYTES: usize = 48;

const NAME_WORDS: usize = NAME_BYTES / 4;
/// Words: who runs, the name's length, the name, and their sum.
const WORDS: usize = SUM + 1;
const STATE: usize = 0;
const LENGTH: usize = 1;
const NAME: usize = 2;
const SUM: usize = NAME + NAME_WORDS;

/// A container runs. Memory that nobody wrote hardly holds it.
const RUNS: u32 = 0x7275_6e73;
const NOBODY: u32 = 0;
/// What the sum of a name begins with, so that zeros are none.
const SUM_BEGIN: u32 = 0x6e61_6d65;

struct Kept(UnsafeCell<MaybeUninit<[u32; WORDS]>>);

// SAFETY: the program's one thread writes it, word by word; who reads it comes at the start, before that.
unsafe impl Sync for Kept {}

#[unsafe(link_section = ".uninit.fault")]
static KEPT: Kept = Kept(UnsafeCell::new(MaybeUninit::uninit()));

fn write(index: usize, word: u32) {
    // SAFETY: only ever called with the places above, which are within.
    unsafe { ptr::write_volatile(KEPT.0.get().cast::<u32>().wrapping_add(index), word) };
}

fn read(index: usize) -> u32 {
    // SAFETY: as above; whatever the memory holds, it is a number.
    unsafe { ptr::read_volatile(KEPT.0.get().cast::<u32>().wrapping_add(index)) }
}

/// Whose name is written, as a number that is never 0.
static WRITTEN: AtomicU32 = AtomicU32::new(0);

/// A slice of this container begins. The number tells containers apart: as long as it stays the same, the name does.
pub fn runs(number: u32, name: &str) {
    let number = number.wrapping_add(1).max(1);
    if WRITTEN.load(Ordering::Relaxed) != number {
        write(STATE, NOBODY);
        Name::new(name).store();
        WRITTEN.store(number, Ordering::Relaxed);
    }
    write(STATE, RUNS);
}

/// No container runs.
pub fn nobody_runs() {
    write(STATE, NOBODY);
}

/// Who ran when the run before ended; from here on, nobody runs.
pub(super) fn take() -> Name {
    let name = match read(STATE) {
        RUNS => Name::load(),
        _ => Name::NONE,
    };
    nobody_runs();
    name
}

/// The name of a container; empty if none ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    bytes: [u8; NAME_BYTES],
    length: u32,
}

impl Name {
    pub(super) const NONE: Self = Self {
        bytes: [0; NAME_BYTES],
        length: 0,
    };

    /// As much of it as is kept.
    fn new(name: &str) -> Self {
        let name = name
            .get(..name.floor_char_boundary(NAME_BYTES))
            .unwrap_or_default();
        let mut kept = Self::NONE;
        for (place, byte) in kept.bytes.iter_mut().zip(name.bytes()) {
            *place = byte;
        }
        kept.length = u32::try_from(name.len()).unwrap_or(0);
        kept
    }

    pub(super) fn text(&self) -> &str {
        let length = usize::try_from(self.length).unwrap_or(0);
        let bytes = self.bytes.get(..length).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }

    fn words(&self) -> impl Iterator<Item = u32> {
        let (words, _) = self.bytes.as_chunks::<4>();
        words.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Cheap, since it is needed whenever another container runs.
    fn sum(&self) -> u32 {
        self.words().fold(SUM_BEGIN ^ self.length, |sum, word| {
            sum.rotate_left(5).wrapping_add(word)
        })
    }

    fn store(&self) {
        write(LENGTH, self.length);
        for (index, word) in (NAME..SUM).zip(self.words()) {
            write(index, word);
        }
        write(SUM, self.sum());
    }

    fn load() -> Self {
        let mut name = Self {
            length: read(LENGTH),
            ..Self::NONE
        };
        for (index, bytes) in (NAME..SUM).zip(name.bytes.as_chunks_mut::<4>().0) {
            *bytes = read(index).to_le_bytes();
        }
        if name.sum() == read(SUM) {
            name
        } else {
            Self::NONE
        }
    }
}
