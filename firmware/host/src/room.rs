//! Memory that is not on the heap: what stands for flash, and what containers' linear memories lie in.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering};

use thimble_engine_inplace::{Buffer, Buffers, NotStored, Store};

/// Bytes of a side table at most, and how many there are.
const TABLE_BYTES: usize = 4 << 10;
const TABLES: usize = 2;
/// Bytes of a memory at most, and how many there are.
const MEMORY_BYTES: usize = 4 << 10;
const MEMORY_COUNT: usize = 32;

#[repr(align(16))]
struct Place<const N: usize>(UnsafeCell<[u8; N]>);

// SAFETY: firmware has one thread.
unsafe impl<const N: usize> Sync for Place<N> {}

static TABLE_PLACE: Place<{ TABLE_BYTES * TABLES }> =
    Place(UnsafeCell::new([0; TABLE_BYTES * TABLES]));
static MEMORY_PLACE: Place<{ MEMORY_BYTES * MEMORY_COUNT }> =
    Place(UnsafeCell::new([0; MEMORY_BYTES * MEMORY_COUNT]));
static TABLES_GIVEN: AtomicUsize = AtomicUsize::new(0);
static MEMORIES_GIVEN: AtomicUsize = AtomicUsize::new(0);

/// Stands for flash: where one side table is written and then only read.
pub(crate) struct Flash(*mut u8);

impl Flash {
    /// The next free place.
    pub(crate) fn next() -> Self {
        let number = TABLES_GIVEN.fetch_add(1, Ordering::Relaxed).min(TABLES - 1);
        // SAFETY: the number is below that of the places.
        Self(unsafe { TABLE_PLACE.0.get().cast::<u8>().add(number * TABLE_BYTES) })
    }

    /// What was written, when nothing more will be.
    pub(crate) fn table(self) -> &'static [u8] {
        // SAFETY: the place is always there, and nobody writes to it any more.
        unsafe { slice::from_raw_parts(self.0, TABLE_BYTES) }
    }
}

impl Store for Flash {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NotStored> {
        let offset = offset as usize;
        let end = offset.checked_add(bytes.len()).ok_or(NotStored)?;
        if end > TABLE_BYTES {
            return Err(NotStored);
        }
        // SAFETY: the offset is within the place.
        let to = unsafe { self.0.add(offset) };
        // SAFETY: as many bytes fit there, and nobody reads the table while it is written.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Ok(())
    }
}

/// Gives containers their memories, each once.
pub(crate) struct Memories;

/// The one of them.
pub(crate) static MEMORIES: Memories = Memories;

impl Buffers for Memories {
    fn buffer(&self, bytes: usize, _: usize) -> Option<Box<dyn Buffer>> {
        let number = MEMORIES_GIVEN.fetch_add(1, Ordering::Relaxed);
        if number >= MEMORY_COUNT || bytes > MEMORY_BYTES {
            return None;
        }
        // SAFETY: the number is below that of the places.
        let start = unsafe { MEMORY_PLACE.0.get().cast::<u8>().add(number * MEMORY_BYTES) };
        Some(Box::new(Memory { start, bytes }))
    }
}

struct Memory {
    start: *mut u8,
    bytes: usize,
}

// SAFETY: firmware has one thread.
unsafe impl Send for Memory {}

// SAFETY: the place is always there and given once.
unsafe impl Buffer for Memory {
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: so many bytes are this one's alone.
        unsafe { slice::from_raw_parts_mut(self.start, self.bytes) }
    }

    fn grow(&mut self, bytes: usize) -> bool {
        if bytes > MEMORY_BYTES {
            return false;
        }
        self.bytes = bytes;
        true
    }
}
