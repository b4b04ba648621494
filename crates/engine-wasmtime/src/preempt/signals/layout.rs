//! The few fields of Wasmtime's internal structures that are read here.
//!
//! Their places come from `wasmtime-environ`, of the same version, from which Wasmtime's compiler takes
//! them as well. What a pointer points to is recognised by the mark that each structure begins with.

use std::ffi::c_void;
use std::ptr::NonNull;

use wasmtime_environ::{HostPtr, PtrSize as _, VM_ARRAY_CALL_HOST_FUNC_MAGIC, VMCONTEXT_MAGIC};

/// Reads a word.
///
/// # Safety
/// The address is that of an initialised, aligned word.
pub(super) unsafe fn read(address: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::with_exposed_provenance::<usize>(address).read() }
}

/// Writes a word.
///
/// # Safety
/// The address is that of an aligned word that nobody else uses meanwhile.
pub(super) unsafe fn write(address: usize, value: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::with_exposed_provenance_mut::<usize>(address).write(value) }
}

/// The context of a function that the guest defines; `None` for one of the host.
///
/// `function` is what [`wasmtime::Func::to_raw`] gave.
pub(super) fn own_context(function: *mut c_void) -> Option<usize> {
    let (_, context) = fields(function)?;
    (mark(context) == VMCONTEXT_MAGIC).then_some(context)
}

/// The entry from WebAssembly, and the context, of a function of the host.
pub(super) fn host_function(function: *mut c_void) -> Option<(usize, usize)> {
    let (wasm_call, context) = fields(function)?;
    (wasm_call != 0 && mark(context) == VM_ARRAY_CALL_HOST_FUNC_MAGIC)
        .then_some((wasm_call, context))
}

/// The entry from WebAssembly and the context.
fn fields(function: *mut c_void) -> Option<(usize, usize)> {
    let function = NonNull::new(function)?.expose_provenance().get();
    let layout = HostPtr.vm_func_ref();
    // SAFETY: it points to a function reference, which lives as long as its store.
    let wasm_call = unsafe { read(function + usize::from(layout.wasm_call())) };
    // SAFETY: as above.
    let context = unsafe { read(function + usize::from(layout.vmctx())) };
    (context != 0).then_some((wasm_call, context))
}

/// The mark that a context begins with.
fn mark(context: usize) -> u32 {
    // SAFETY: every context begins with a mark.
    unsafe { std::ptr::with_exposed_provenance::<u32>(context).read() }
}

/// Where the last call from the guest to the host left the guest: the frame pointer of the trampoline
/// that it went through, and the address in the guest's code to which it returns.
///
/// # Safety
/// `context` is [`own_context`] of a live store.
pub(super) unsafe fn last_exit(context: usize) -> (usize, usize) {
    let layout = HostPtr.vm_store_context();
    // SAFETY: the context has this field.
    let store = unsafe { read(context + usize::from(HostPtr.vmcontext_store_context())) };
    // SAFETY: it points to the store's own context, which has this field.
    let frame = unsafe { read(store + usize::from(layout.last_wasm_exit_trampoline_fp())) };
    // SAFETY: as above.
    let returns_to = unsafe { read(store + usize::from(layout.last_wasm_exit_pc())) };
    (frame, returns_to)
}
