//! One guest as the signal's handler sees it: where its code and its stack are, and what was done to it.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence};
use std::sync::{Arc, OnceLock};

use super::code::GuestCode;
use super::{layout, trampoline};

/// Neither in the guest nor in a host function: try again this soon.
const CHASE_NS: i64 = 20_000;
/// No call to the host has more arguments on the stack.
const ARGUMENT_BYTES_MAX: usize = 1 << 10;
/// A return address was replaced: look this often whether it was used.
const LOOK_NS: i64 = 1_000_000;

/// What the handler could do.
pub(in super::super) enum Stopping {
    /// The guest calls `yield` next.
    Done,
    /// It does when the host function that it is in returns; look again, in nanoseconds.
    OnReturn(i64),
    /// Nothing yet; look again, in nanoseconds.
    NotYet(i64),
}

/// What never changes about a guest.
pub(super) struct Guest {
    pub(super) code: Arc<GuestCode>,
    pub(super) callee: Callee,
}

/// How `yield` is called. Its fields are read by the trampolines.
#[repr(C)]
pub(super) struct Callee {
    /// The trampoline from WebAssembly to `yield`.
    pub(super) wasm_call: usize,
    /// Its own context.
    pub(super) callee: usize,
    /// The guest's.
    pub(super) caller: usize,
}

/// A guest. The thread that runs it and the handler on that thread are the only users at any time; the
/// atomics keep the compiler from assuming that the handler is not there.
pub(crate) struct Target {
    guest: OnceLock<Guest>,
    /// Whether the guest's own code may run.
    entered: AtomicBool,
    /// Whether it was made to call `yield` in this slice.
    told: AtomicBool,
    /// Where a return address was replaced, or 0.
    replaced_at: AtomicUsize,
    /// What was there.
    replaced: AtomicUsize,
}

impl Target {
    pub(in super::super) const fn new() -> Self {
        Self {
            guest: OnceLock::new(),
            entered: AtomicBool::new(false),
            told: AtomicBool::new(false),
            replaced_at: AtomicUsize::new(0),
            replaced: AtomicUsize::new(0),
        }
    }

    pub(super) fn attach(&self, guest: Guest) {
        // There is one instance in a store, so this happens once.
        let _ = self.guest.set(guest);
    }

    /// Begins a slice.
    pub(in super::super) fn begin(&self) {
        self.restore();
        self.told.store(false, Ordering::Relaxed);
    }

    pub(in super::super) fn enter(&self) {
        self.entered.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }

    /// The call has ended; a replaced return address is gone with its stack.
    pub(in super::super) fn leave(&self) {
        compiler_fence(Ordering::SeqCst);
        self.entered.store(false, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.replaced_at.store(0, Ordering::Relaxed);
    }

    /// Puts a replaced return address back; the guest is suspended inside that call, or still in it.
    pub(in super::super) fn restore(&self) {
        let slot = self.replaced_at.swap(0, Ordering::Relaxed);
        if slot == 0 {
            return;
        }
        // SAFETY: the slot is on the stack of a call that has not ended.
        if unsafe { layout::read(slot) } == trampoline::on_return_address() {
            // SAFETY: as above; only its callee, which is not running, would read it.
            unsafe { layout::write(slot, self.replaced.load(Ordering::Relaxed)) };
        }
    }

    /// Whether it yields when the host function that it is in returns.
    pub(in super::super) fn yields_on_return(&self) -> bool {
        self.replaced_at.load(Ordering::Relaxed) != 0
    }

    /// The handler's part: makes the guest yield.
    ///
    /// # Safety
    /// `context` is the interrupted one of the thread that runs this guest.
    pub(in super::super) unsafe fn stop(&self, context: *mut c_void) -> Stopping {
        let Some(guest) = self.guest.get() else {
            // Only the host's own functions run.
            return Stopping::Done;
        };
        if !self.entered.load(Ordering::Relaxed) {
            return Stopping::NotYet(CHASE_NS);
        }
        // SAFETY: the kernel's own context, which nobody else uses meanwhile.
        let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        let (at, stack) = trampoline::position(registers);
        if guest.code.is_function(at) {
            if !self.told.swap(true, Ordering::Relaxed) {
                self.restore();
                // SAFETY: it is in a function of the guest, whose stack has room for the host below it.
                unsafe { trampoline::redirect(registers, &raw const guest.callee) };
            }
            return Stopping::Done;
        }
        if self.yields_on_return() {
            return Stopping::OnReturn(LOOK_NS);
        }
        if self.told.load(Ordering::Relaxed) {
            return Stopping::Done;
        }
        if guest.code.is_text(at) {
            return Stopping::NotYet(CHASE_NS);
        }
        // SAFETY: the guest is entered, so its store is alive.
        let Some((slot, returns_to)) = (unsafe { guest.return_slot(stack) }) else {
            return Stopping::NotYet(CHASE_NS);
        };
        self.replaced.store(returns_to, Ordering::Relaxed);
        self.replaced_at.store(slot, Ordering::Relaxed);
        // SAFETY: the slot was just found to hold the return address of a call that has not ended.
        unsafe { layout::write(slot, trampoline::on_return_address()) };
        Stopping::OnReturn(LOOK_NS)
    }

    /// The replaced return address was used: puts the true one at `slot`.
    ///
    /// # Safety
    /// `slot` is the word below the stack pointer with which the host function returned.
    pub(super) unsafe fn landed(&self, slot: usize) -> Option<*const Callee> {
        let guest = self.guest.get()?;
        let replaced_at = self.replaced_at.swap(0, Ordering::Relaxed);
        // A function removes the arguments that it got on the stack, if there were so many.
        if replaced_at == 0 || !(replaced_at..=replaced_at + ARGUMENT_BYTES_MAX).contains(&slot) {
            return None;
        }
        self.told.store(true, Ordering::Relaxed);
        // SAFETY: the trampoline has made room there for its own return address.
        unsafe { layout::write(slot, self.replaced.load(Ordering::Relaxed)) };
        Some(&raw const guest.callee)
    }
}

impl Guest {
    /// Where the return address of the host function lies in which the guest is, and what it is.
    ///
    /// # Safety
    /// The guest's store is alive.
    unsafe fn return_slot(&self, stack: usize) -> Option<(usize, usize)> {
        // SAFETY: the caller's promise.
        let (frame, returns_to) = unsafe { layout::last_exit(self.callee.caller) };
        let is_frame = frame != 0 && frame.is_multiple_of(align_of::<usize>()) && frame >= stack;
        if !is_frame || !self.code.is_function(returns_to) {
            return None;
        }
        let slot = frame + size_of::<usize>();
        // SAFETY: the last frame from which the guest went to the host is on its stack, which is mapped
        // as long as the guest is entered, whether the frame is still in use or not.
        (unsafe { layout::read(slot) } == returns_to).then_some((slot, returns_to))
    }
}
