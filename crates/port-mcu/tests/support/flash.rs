//! A flash that loses power: writing only clears bits, no word is written twice, and what a cut interrupts is left as it
//! was, as it should be, or as a mixture.

use std::cell::UnsafeCell;
use std::collections::BTreeSet;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use thimble_port_mcu::flash::{Mapped, SharedFlash};
use thimble_testkit::random::Random;

/// What a cut leaves of what it interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Torn {
    /// What was there before.
    Old,
    /// What should be there.
    New,
    /// Bits of both.
    Mixed,
    /// What was there before, but the word refuses to be written until it is erased.
    Spent,
}

/// All that can be left.
pub(crate) const TORN: [Torn; 4] = [Torn::Old, Torn::New, Torn::Mixed, Torn::Spent];

struct Bytes(Vec<UnsafeCell<u8>>);

// SAFETY: every access to the bytes is made under the lock of the state, or of memory that a test has mapped and does not
// change meanwhile.
unsafe impl Sync for Bytes {}

struct State {
    bytes: &'static Bytes,
    written: Vec<bool>,
    spent: BTreeSet<usize>,
    erasures: Vec<u32>,
    block_bytes: usize,
    write_bytes: usize,
    operations: u64,
    cut: Option<(u64, Torn)>,
    dead: bool,
    broken: bool,
    random: Random,
}

impl State {
    fn at(&self, offset: usize) -> u8 {
        // SAFETY: nobody else has access now.
        unsafe { *self.bytes.0[offset].get() }
    }

    fn set(&mut self, offset: usize, byte: u8) {
        // SAFETY: nobody else has access now.
        unsafe { *self.bytes.0[offset].get() = byte }
    }

    /// Counts an operation; what is left of it if it is the last one.
    fn count(&mut self) -> Option<Torn> {
        self.operations += 1;
        let (last, torn) = self.cut?;
        if self.operations < last {
            return None;
        }
        self.dead = true;
        Some(torn)
    }

    fn write_word(&mut self, offset: usize, word: &[u8]) -> Result<(), NorFlashErrorKind> {
        let place = offset / self.write_bytes;
        if self.spent.contains(&place) {
            return Err(NorFlashErrorKind::Other);
        }
        assert!(
            !self.written[place],
            "the word at {offset:#x} is written twice"
        );
        let torn = self.count();
        if torn == Some(Torn::Old) {
            return Err(NorFlashErrorKind::Other);
        }
        self.written[place] = true;
        if torn == Some(Torn::Spent) {
            self.spent.insert(place);
            return Err(NorFlashErrorKind::Other);
        }
        for (index, byte) in word.iter().enumerate() {
            let before = self.at(offset + index);
            let kept = match torn {
                Some(Torn::Mixed) => u8::try_from(self.random.below(256)).unwrap(),
                _ => 0,
            };
            self.set(offset + index, before & (byte | kept));
        }
        match torn {
            None => Ok(()),
            Some(_) => Err(NorFlashErrorKind::Other),
        }
    }

    fn erase_block(&mut self, block: usize) -> Result<(), NorFlashErrorKind> {
        let torn = self.count();
        if matches!(torn, Some(Torn::Old | Torn::Spent)) {
            return Err(NorFlashErrorKind::Other);
        }
        self.erasures[block] += 1;
        let start = block * self.block_bytes;
        for offset in start..start + self.block_bytes {
            let kept = match torn {
                Some(Torn::Mixed) => u8::try_from(self.random.below(256)).unwrap(),
                _ => 0xff,
            };
            let before = self.at(offset);
            self.set(offset, before | kept);
        }
        let words = self.block_bytes / self.write_bytes;
        self.spent
            .retain(|place| !(block * words..(block + 1) * words).contains(place));
        self.written[block * words..(block + 1) * words].fill(torn == Some(Torn::Mixed));
        match torn {
            None => Ok(()),
            Some(_) => Err(NorFlashErrorKind::Other),
        }
    }
}

/// Where a test stands beside the flash.
#[derive(Clone)]
pub(crate) struct Control(Arc<Mutex<State>>);

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Words written and blocks erased so far.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Cuts the power in the operation that is so many ahead, the next being 1.
    pub(crate) fn cut_in(&self, operations: u64, torn: Torn) {
        let mut state = self.state();
        state.cut = Some((state.operations + operations, torn));
    }

    /// Whether the power was cut.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Gives power again, for good.
    pub(crate) fn revive(&self) {
        let mut state = self.state();
        state.dead = false;
        state.cut = None;
    }

    /// How often each block was erased.
    pub(crate) fn erasures(&self) -> Vec<u32> {
        self.state().erasures.clone()
    }

    /// All bytes.
    pub(crate) fn image(&self) -> Vec<u8> {
        let state = self.state();
        (0..state.bytes.0.len()).map(|at| state.at(at)).collect()
    }

    /// Puts bytes there, however it came to that.
    pub(crate) fn overwrite(&self, offset: usize, bytes: &[u8]) {
        let mut state = self.state();
        for (index, byte) in bytes.iter().enumerate() {
            state.set(offset + index, *byte);
            let place = (offset + index) / state.write_bytes;
            state.written[place] |= *byte != 0xff;
        }
    }

    /// Lets every operation fail from now on, as flash that is broken does, or not.
    pub(crate) fn break_down(&self, broken: bool) {
        self.state().broken = broken;
    }
}

/// The flash itself.
struct Model<const WRITE: usize, const ERASE: usize>(Control);

impl<const WRITE: usize, const ERASE: usize> Model<WRITE, ERASE> {
    fn powered(&self) -> Result<MutexGuard<'_, State>, NorFlashErrorKind> {
        let state = self.0.state();
        if state.dead {
            return Err(NorFlashErrorKind::Other);
        }
        Ok(state)
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Model<WRITE, ERASE> {
    type Error = NorFlashErrorKind;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Model<WRITE, ERASE> {
    const READ_SIZE: usize = if WRITE == 16 { 4 } else { 1 };

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        let state = self.powered()?;
        let cells = &state.bytes.0[offset as usize..offset as usize + bytes.len()];
        // SAFETY: nobody else has access now, and cells are laid out as bytes.
        let source =
            unsafe { std::slice::from_raw_parts(cells.as_ptr().cast::<u8>(), bytes.len()) };
        bytes.copy_from_slice(source);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.state().bytes.0.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Model<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        let mut state = self.powered()?;
        if state.broken {
            return Err(NorFlashErrorKind::Other);
        }
        for block in from as usize / ERASE..to as usize / ERASE {
            state.erase_block(block)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let mut state = self.powered()?;
        if state.broken {
            return Err(NorFlashErrorKind::Other);
        }
        for (index, word) in bytes.chunks(WRITE).enumerate() {
            state.write_word(offset as usize + index * WRITE, word)?;
        }
        Ok(())
    }
}

// SAFETY: the bytes are leaked, and change only in the driver's calls.
unsafe impl<const WRITE: usize, const ERASE: usize> Mapped for Model<WRITE, ERASE> {
    fn base(&self) -> NonNull<u8> {
        let cells = self.0.state().bytes.0.as_ptr();
        NonNull::new(cells.cast_mut().cast()).unwrap()
    }
}

/// How a flash is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes written together.
    pub(crate) write: usize,
    /// Bytes erased together.
    pub(crate) erase: usize,
    /// Blocks.
    pub(crate) blocks: usize,
}

fn build<const WRITE: usize, const ERASE: usize>(control: Control) -> SharedFlash {
    SharedFlash::mapped(Model::<WRITE, ERASE>(control))
}

fn control(shape: Shape, seed: u64) -> Control {
    let length = shape.erase * shape.blocks;
    let bytes = (0..length).map(|_| UnsafeCell::new(0xff)).collect();
    Control(Arc::new(Mutex::new(State {
        bytes: Box::leak(Box::new(Bytes(bytes))),
        written: vec![false; length / shape.write],
        spent: BTreeSet::new(),
        erasures: vec![0; shape.blocks],
        block_bytes: shape.erase,
        write_bytes: shape.write,
        operations: 0,
        cut: None,
        dead: false,
        broken: false,
        random: Random::new(seed),
    })))
}

/// A flash that can only be read through its driver, and writes words of 4 bytes.
pub(crate) fn unmapped(shape: Shape) -> SharedFlash {
    assert_eq!((shape.write, shape.erase), (4, 512));
    SharedFlash::new(Model::<4, 512>(control(shape, 1)))
}

/// A flash, erased.
pub(crate) fn flash(shape: Shape, seed: u64) -> (SharedFlash, Control) {
    let control = control(shape, seed);
    let again = control.clone();
    let shared = match (shape.write, shape.erase) {
        (1, 512) => build::<1, 512>(again),
        (4, 512) => build::<4, 512>(again),
        (8, 512) => build::<8, 512>(again),
        (16, 512) => build::<16, 512>(again),
        (32, 512) => build::<32, 512>(again),
        (1, 1024) => build::<1, 1024>(again),
        (4, 1024) => build::<4, 1024>(again),
        (8, 2048) => build::<8, 2048>(again),
        (1, 4096) => build::<1, 4096>(again),
        (4, 4096) => build::<4, 4096>(again),
        (16, 8192) => build::<16, 8192>(again),
        other => panic!("no flash of {other:?} bytes"),
    };
    (shared, control)
}
