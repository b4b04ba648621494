//! The smallest guest in Rust: no standard library, no SDK, one call of WASI.
//!
//! `thimble run hello-rust.wasm` prints a line and ends with exit code 0. It needs no grant. It is a few hundred bytes
//! in all, so it also shows what a container costs that does next to nothing.

#![no_std]
#![no_main]

/// A piece of memory, as WASI's `fd_write` wants it.
#[repr(C)]
struct Slice {
    start: *const u8,
    bytes: usize,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// Writes `count` slices to a descriptor; 0 or an error number.
    fn fd_write(fd: i32, slices: *const Slice, count: usize, written: *mut usize) -> i32;
}

const STANDARD_OUTPUT: i32 = 1;

/// What the runtime calls.
#[unsafe(no_mangle)]
pub extern "C" fn _start() {
    let text = b"Hello from Rust!\n";
    let slice = Slice {
        start: text.as_ptr(),
        bytes: text.len(),
    };
    let mut written = 0;
    // SAFETY: `slice` describes `text`; both and `written` live until after the call.
    let errno = unsafe { fd_write(STANDARD_OUTPUT, &raw const slice, 1, &raw mut written) };
    if errno != 0 {
        core::arch::wasm32::unreachable();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
