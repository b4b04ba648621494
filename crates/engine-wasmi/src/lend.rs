//! Lends the host to a store while a guest runs: the only unsafe code of this crate.
//!
//! A store outlives every resume, so its data cannot name the lifetime of a `&mut dyn Host`. The slot holds
//! the reference without its lifetime, and three things make that sound: [`lend`] is the only way to fill
//! it, it empties it before the borrow ends, also when it unwinds; and [`HostSlot::with`] takes the pointer
//! out while it is in use, so that there are never two references.

use core::mem;
use core::ptr::NonNull;

use thimble_runtime::engine::Host;
use wasmi::Store;

use crate::state::State;

/// Where a store keeps the host it was lent. Empty whenever no guest runs.
#[derive(Default)]
pub(crate) struct HostSlot(Option<NonNull<dyn Host>>);

// SAFETY: the slot is empty outside of `lend`, and inside it the store is borrowed exclusively by the
// thread that lent the host; so a pointer never travels to another thread.
unsafe impl Send for HostSlot {}

impl HostSlot {
    /// Calls the host. `None` outside of a resume, and inside of another call.
    pub(crate) fn with<R>(&mut self, ask: impl FnOnce(&mut dyn Host) -> R) -> Option<R> {
        let mut pointer = self.0.take()?;
        // SAFETY: `lend` filled the slot from an exclusive reference that it still holds, and the pointer
        // was taken out of the slot, so that this is the only reference made from it.
        let result = ask(unsafe { pointer.as_mut() });
        self.0 = Some(pointer);
        Some(result)
    }
}

/// Runs `run` with the host in the store's slot.
pub(crate) fn lend<R>(
    store: &mut Store<State>,
    host: &mut dyn Host,
    run: impl FnOnce(&mut Store<State>) -> R,
) -> R {
    /// Empties the slot on every way out.
    struct Lent<'a>(&'a mut Store<State>);

    impl Drop for Lent<'_> {
        fn drop(&mut self) {
            self.0.data_mut().host = HostSlot::default();
        }
    }

    // SAFETY: only the lifetime changes. The slot is emptied by `Lent` before `host`'s borrow ends.
    let pointer =
        unsafe { mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(NonNull::from(host)) };
    store.data_mut().host = HostSlot(Some(pointer));
    let lent = Lent(store);
    run(lent.0)
}
