//! Guidance by coverage, on stable Rust, where the build asked for it.
//!
//! With the feature `coverage` and the compiler flags of README.md, every edge of the program has a counter
//! of 8 bits. How often each was passed, in steps, is a shape of the input.

#[cfg(not(feature = "coverage"))]
pub(crate) use absent::{begin, end};
#[cfg(feature = "coverage")]
pub(crate) use counters::{begin, end};

/// Without counters there is nothing to read.
#[cfg(not(feature = "coverage"))]
mod absent {
    use crate::shapes::Shapes;

    pub(crate) fn begin() {}

    pub(crate) fn end(_: &mut Shapes) {}
}

#[cfg(feature = "coverage")]
mod counters {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU8, Ordering};

    use crate::shapes::Shapes;

    /// The counters of every linked object.
    static COUNTERS: Mutex<Vec<&'static [AtomicU8]>> = Mutex::new(Vec::new());

    /// Called by each object's constructor, as LLVM's `SanitizerCoverage` defines it.
    ///
    /// # Safety
    /// `start` and `stop` bound counters that live as long as the program.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(
        start: *const AtomicU8,
        stop: *const AtomicU8,
    ) {
        let len = (stop as usize).saturating_sub(start as usize);
        if start.is_null() || len == 0 {
            return;
        }
        // SAFETY: the caller is LLVM's constructor, which hands over its object's static counters; an
        // `AtomicU8` is laid out as the byte that instrumented code adds to.
        let counters = unsafe { std::slice::from_raw_parts(start, len) };
        if let Ok(mut all) = COUNTERS.lock()
            && !all.iter().any(|known| known.as_ptr() == start)
        {
            all.push(counters);
        }
    }

    /// Called next to the counters; the table of places is not needed.
    #[unsafe(no_mangle)]
    extern "C" fn __sanitizer_cov_pcs_init(_: *const usize, _: *const usize) {}

    pub(crate) fn begin() {
        for counter in COUNTERS
            .lock()
            .iter()
            .flat_map(|all| all.iter().copied())
            .flatten()
        {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn end(shapes: &mut Shapes) {
        let all = COUNTERS.lock().map(|all| all.clone()).unwrap_or_default();
        for (edge, counter) in all.into_iter().flatten().enumerate() {
            let passed = counter.load(Ordering::Relaxed);
            if passed > 0 {
                shapes.note((edge, passed.ilog2()));
            }
        }
    }
}
