//! Lends the host to a guest for exactly the length of one resume.
//!
//! A guest's calls arrive deep inside native code that cannot carry a borrowed reference. The slot holds
//! a pointer to the reference while [`HostSlot::lend`] is on the stack, and nothing at any other time.
//! Whoever uses the host takes it out of the slot first, so that there is never more than one user.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use thimble_runtime::engine::Host;

/// Where the host is found while it is lent.
///
/// A slot belongs to one guest; guest and native code share it and nobody else ever sees it. Both run on
/// the thread that is inside `lend`, so the accesses need no ordering.
#[derive(Debug)]
pub(crate) struct HostSlot {
    /// Points to the lender's `&mut dyn Host`, or is null: not lent, or in use.
    lent: AtomicPtr<()>,
}

/// Why the host could not be used.
#[derive(Debug)]
pub(crate) enum LendError {
    /// It is not lent now, or already in use.
    Absent,
    /// It panicked, with this message.
    Panicked(String),
}

impl HostSlot {
    pub(crate) const fn empty() -> Self {
        Self {
            lent: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Makes `host` reachable by [`HostSlot::with`] until `run` returns or unwinds.
    pub(crate) fn lend<R>(&self, host: &mut dyn Host, run: impl FnOnce() -> R) -> R {
        let mut host: &mut dyn Host = host;
        self.lent.store((&raw mut host).cast(), Ordering::Relaxed);
        let _end = EndOfLoan(self);
        run()
    }

    /// Uses the host. A panic inside it is caught: it may not unwind through native code's frames.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut dyn Host) -> R) -> Result<R, LendError> {
        let lent = self.lent.load(Ordering::Relaxed);
        if lent.is_null() {
            return Err(LendError::Absent);
        }
        self.lent.store(ptr::null_mut(), Ordering::Relaxed);
        let host: *mut &mut dyn Host = lent.cast();
        // SAFETY: the pointer was not null, so `lend` is still on this thread's stack with the reference
        // it points to; and it was taken out of the slot, so this is its only user.
        let host: &mut dyn Host = unsafe { &mut **host };
        let outcome = catch_unwind(AssertUnwindSafe(|| run(host)));
        self.lent.store(lent, Ordering::Relaxed);
        outcome.map_err(|panic| LendError::Panicked(panic_text(panic.as_ref())))
    }
}

/// Empties the slot, whichever way the loan ends.
struct EndOfLoan<'a>(&'a HostSlot);

impl Drop for EndOfLoan<'_> {
    fn drop(&mut self) {
        self.0.lent.store(ptr::null_mut(), Ordering::Relaxed);
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).into()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".into()
    }
}

#[cfg(test)]
mod tests {
    use thimble_abi::Call;
    use thimble_runtime::engine::CallOutcome;

    use super::*;

    struct Counter(u64);

    impl Host for Counter {
        fn call(&mut self, _: Call, _: &[u64], _: &mut [u8]) -> CallOutcome {
            CallOutcome::Blocked
        }

        fn memory_refused(&mut self, wanted_bytes: u64) {
            assert_ne!(wanted_bytes, 13, "unlucky");
            self.0 += wanted_bytes;
        }
    }

    #[test]
    fn lent_only_during_the_loan() {
        let slot = HostSlot::empty();
        let mut host = Counter(0);
        assert!(matches!(slot.with(|_| ()), Err(LendError::Absent)));
        slot.lend(&mut host, || {
            slot.with(|host| host.memory_refused(2)).unwrap();
            slot.with(|host| {
                host.memory_refused(3);
                assert!(
                    matches!(slot.with(|_| ()), Err(LendError::Absent)),
                    "one user at a time"
                );
            })
            .unwrap();
        });
        assert!(matches!(slot.with(|_| ()), Err(LendError::Absent)));
        assert_eq!(host.0, 5);
    }

    #[test]
    fn a_panic_ends_neither_loan_nor_process() {
        let slot = HostSlot::empty();
        let mut host = Counter(0);
        slot.lend(&mut host, || {
            let Err(LendError::Panicked(text)) = slot.with(|host| host.memory_refused(13)) else {
                panic!()
            };
            assert!(text.contains("unlucky"), "{text}");
            slot.with(|host| host.memory_refused(1)).unwrap();
        });
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            slot.lend(&mut host, || panic!("outside"))
        }));
        assert!(unwound.is_err());
        assert!(matches!(slot.with(|_| ()), Err(LendError::Absent)));
    }
}
