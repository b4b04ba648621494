//! Linear memories from the heap, which notes when there was no room for one.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, Ordering};

use thimble_engine_inplace::{Buffer, Buffers, HeapBuffers};

static REFUSED: AtomicBool = AtomicBool::new(false);

/// Whether there was no room for a memory since the last time this was asked.
pub(crate) fn was_refused() -> bool {
    let was_refused = REFUSED.load(Ordering::Relaxed);
    REFUSED.store(false, Ordering::Relaxed);
    was_refused
}

/// [`HeapBuffers`] that note a refusal.
pub(crate) struct NotedBuffers;

impl Buffers for NotedBuffers {
    fn buffer(&self, bytes: usize, most_bytes: usize) -> Option<Box<dyn Buffer>> {
        let buffer = HeapBuffers.buffer(bytes, most_bytes);
        REFUSED.fetch_or(buffer.is_none(), Ordering::Relaxed);
        buffer.map(|buffer| Box::new(Noted(buffer)) as Box<dyn Buffer>)
    }
}

struct Noted(Box<dyn Buffer>);

// SAFETY: the buffer within is one.
unsafe impl Buffer for Noted {
    fn bytes(&mut self) -> &mut [u8] {
        self.0.bytes()
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let grew = self.0.grow(bytes);
        REFUSED.fetch_or(!grew, Ordering::Relaxed);
        grew
    }
}
