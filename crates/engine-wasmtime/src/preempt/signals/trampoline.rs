//! The trampolines that save every register, call `yield` on the guest's stack, and go back.
//!
//! Layout of the stack, from `top`, which is the interrupted stack pointer rounded down to 16, less 128
//! bytes that the guest may be using below it (the red zone of the System V ABI; Cranelift uses none):
//!
//! ```text
//! top -  8   the interrupted instruction: looks like the return address of this frame
//! top - 16   the interrupted RBP          <- RBP
//! top - 24   RFLAGS, then RDI, RSI, RAX   <- RSP on entry; RAX holds the address of the `Callee`
//!            the other registers; XSAVE area, aligned to 64 bytes
//! ```
//!
//! RBP is a multiple of 16 because whoever walks the stack insists on it. The XSAVE area holds x87, SSE,
//! AVX and AVX-512 state as far as the system has enabled it (Intel SDM volume 1, chapter 13).

use std::arch::naked_asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::{Stop, timer};
use super::layout;
use super::target::Callee;

/// x87, SSE, AVX, and AVX-512's three.
const XSAVE_COMPONENTS: u64 = 0b1110_0111;
/// The area of x87 and SSE and its header.
const XSAVE_BYTES_MIN: u32 = 576;
/// Below the stack pointer.
const RED_ZONE_BYTES: usize = 128;
/// Leaves flags as functions expect them: the direction flag.
const DIRECTION_FLAG: i64 = 0x400;

/// Bytes of the XSAVE area, a multiple of 64, and which components are in it. Written once, before any
/// trampoline can run; read by them.
static XSAVE: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Finds out what has to be saved; false if this processor or system has no XSAVE.
pub(super) fn prepare() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    *SUPPORTED.get_or_init(|| {
        if !std::arch::is_x86_feature_detected!("xsave") {
            return false;
        }
        // SAFETY: the processor has it and the system has enabled it.
        let enabled = unsafe { enabled_components() };
        let components = enabled & XSAVE_COMPONENTS;
        let mut bytes = XSAVE_BYTES_MIN;
        for component in 2..8 {
            if components >> component & 1 == 1 {
                let area = __cpuid_count(0xd, component);
                bytes = bytes.max(area.eax.saturating_add(area.ebx));
            }
        }
        let [size, mask] = &XSAVE;
        size.store(u64::from(bytes).next_multiple_of(64), Ordering::Relaxed);
        mask.store(components, Ordering::Relaxed);
        // Leaf 0xd exists wherever XSAVE does.
        __cpuid(0).eax >= 0xd
    })
}

/// What the system has enabled.
#[target_feature(enable = "xsave")]
fn enabled_components() -> u64 {
    // SAFETY: register 0 always exists where XSAVE does.
    unsafe { std::arch::x86_64::_xgetbv(0) }
}

/// The interrupted instruction and stack pointer.
pub(super) fn position(registers: &[i64; 23]) -> (usize, usize) {
    (word(registers[RIP]), word(registers[RSP]))
}

const RIP: usize = register(libc::REG_RIP);
const RSP: usize = register(libc::REG_RSP);
const RBP: usize = register(libc::REG_RBP);
const RDI: usize = register(libc::REG_RDI);
const RSI: usize = register(libc::REG_RSI);
const RAX: usize = register(libc::REG_RAX);
const FLAGS: usize = register(libc::REG_EFL);

const fn register(number: libc::c_int) -> usize {
    number as usize
}

const fn word(value: i64) -> usize {
    usize::from_ne_bytes(value.to_ne_bytes())
}

const fn value(word: usize) -> i64 {
    i64::from_ne_bytes(word.to_ne_bytes())
}

/// Makes the thread continue in a trampoline that calls `yield`, and then where it was.
///
/// # Safety
/// The registers are those of a thread inside a function of the guest that `callee` belongs to.
pub(super) unsafe fn redirect(registers: &mut [i64; 23], callee: *const Callee) {
    let stack = word(registers[RSP]);
    let is_odd = !stack.is_multiple_of(16);
    let top = (stack & !15) - RED_ZONE_BYTES;
    let saved = [RIP, RBP, FLAGS, RDI, RSI, RAX];
    let mut slot = top;
    for register in saved {
        slot -= size_of::<usize>();
        // SAFETY: below the guest's stack pointer there is room for what the host does.
        unsafe { layout::write(slot, word(registers[register])) };
    }
    registers[RBP] = value(top - 2 * size_of::<usize>());
    registers[RSP] = value(slot);
    registers[RAX] = value(callee.expose_provenance());
    registers[FLAGS] &= !DIRECTION_FLAG;
    let trampoline = if is_odd {
        interrupt_odd as *const ()
    } else {
        interrupt as *const ()
    };
    registers[RIP] = value(trampoline.expose_provenance());
}

/// What a replaced return address is.
pub(super) fn on_return_address() -> usize {
    (on_return as *const ()).expose_provenance()
}

/// Saves what `redirect` has not, and the XSAVE area; R8 is the callee then.
macro_rules! save {
    () => {
        "push rbx
        push rcx
        push rdx
        push r8
        push r9
        push r10
        push r11
        push r12
        push r13
        push r14
        push r15
        mov r8, rax
        sub rsp, [rip + {xsave}]
        and rsp, -64
        xor eax, eax
        mov [rsp + 512], rax
        mov [rsp + 520], rax
        mov [rsp + 528], rax
        mov [rsp + 536], rax
        mov [rsp + 544], rax
        mov [rsp + 552], rax
        mov [rsp + 560], rax
        mov [rsp + 568], rax
        mov eax, [rip + {xsave} + 8]
        xor edx, edx
        xsave64 [rsp]"
    };
}

/// Calls the callee in R8, restores everything, and leaves the frame; the return address is next.
macro_rules! call_and_restore {
    () => {
        "mov rdi, [r8 + 8]
        mov rsi, [r8 + 16]
        call [r8]
        mov eax, [rip + {xsave} + 8]
        xor edx, edx
        xrstor64 [rsp]
        lea rsp, [rbp - 120]
        pop r15
        pop r14
        pop r13
        pop r12
        pop r11
        pop r10
        pop r9
        pop r8
        pop rdx
        pop rcx
        pop rbx
        pop rax
        pop rsi
        pop rdi
        popfq
        pop rbp"
    };
}

/// Entered by [`redirect`] where the stack pointer is a multiple of 16.
#[unsafe(naked)]
extern "C" fn interrupt() {
    naked_asm!(save!(), call_and_restore!(), "ret 128", xsave = sym XSAVE)
}

/// Entered by [`redirect`] where it is not: in a prologue or an epilogue.
#[unsafe(naked)]
extern "C" fn interrupt_odd() {
    naked_asm!(save!(), call_and_restore!(), "ret 136", xsave = sym XSAVE)
}

/// Where a host function returns to whose return address was replaced. Results are in registers; what is
/// below the stack pointer is free: that address, and arguments that were on the stack.
#[unsafe(naked)]
extern "C" fn on_return() {
    naked_asm!(
        "sub rsp, 8
        push rbp
        mov rbp, rsp
        pushfq
        push rdi
        push rsi
        push rax",
        save!(),
        "mov rdi, rbp
        call {landed}
        mov r8, rax",
        call_and_restore!(),
        "ret",
        landed = sym landed,
        xsave = sym XSAVE,
    )
}

/// Puts the true return address back; returns whom to call.
extern "C" fn landed(frame: usize) -> *const Callee {
    let slot = frame + size_of::<usize>();
    let callee = timer::with_running(|slice| match &slice.stop {
        // SAFETY: the trampoline's return address lies above its saved RBP, where the host function left it.
        Stop::Signals(target) => unsafe { target.landed(slot) },
        Stop::Epochs(_) => None,
    });
    match callee.flatten() {
        Some(callee) => callee,
        // Where to return to is not known: nothing can be saved any more.
        None => std::process::abort(),
    }
}
