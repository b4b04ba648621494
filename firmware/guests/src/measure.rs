//! The measurement itself, and the lines that tell it: `cargo xtask bench mcu` reads them.

use core::arch::asm;
use core::hint::black_box;

use firmware_boards::{
    COUNTER_STEP, Depth, command_line, in_use_bytes, instructions, peak_bytes, reset_peak, say,
};

use crate::{ALL, BIG, KERNELS};

/// Something that could not be done, in words.
pub type Refused = &'static str;

/// An engine under measurement, with one guest at a time.
pub trait Engine {
    /// Its name.
    const NAME: &'static str;

    /// Does what is done once, when a module is installed, and says what came of it.
    ///
    /// # Errors
    /// Words.
    fn install(&mut self, module: &'static [u8]) -> Result<Installed, Refused>;

    /// Makes the guest of the module that was installed, ready to run.
    ///
    /// # Errors
    /// Words.
    fn instantiate(&mut self) -> Result<(), Refused>;

    /// Calls an export with one number or none, and gives its result, 0 if there is none.
    ///
    /// # Errors
    /// Words.
    fn call(&mut self, export: &str, argument: Option<u32>) -> Result<u32, Refused>;

    /// Bytes on the heap that are the guest's own: linear memory, and the stack that it was given.
    fn own_bytes(&mut self) -> usize;

    /// Fuel used by the last call.
    fn fuel(&self) -> u64;

    /// What the guest wrote: bytes, and their sum.
    fn written(&self) -> (u32, u32);

    /// Drops the guest and the module.
    fn clear(&mut self);
}

/// What came of installing a module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Installed {
    /// Bytes of what was written beside the module.
    pub table_bytes: u32,
    /// The most memory it used, by its own account; 0 if it keeps none.
    pub peak_bytes: u32,
}

/// Iterations of the loop whose length is known: two instructions each.
const KNOWN: u32 = 1_000_000;

/// Measures an engine, as the command line says: `smoke` or not, and the names of kernels, all without any.
pub fn measure(engine: &mut impl Engine) -> bool {
    match run(engine) {
        Ok(()) => {
            say!("end");
            true
        }
        Err(reason) => {
            say!("refused: {reason}");
            false
        }
    }
}

fn run<E: Engine>(engine: &mut E) -> Result<(), Refused> {
    let mut buffer = [0; 200];
    let words = command_line(&mut buffer);
    let is_smoke = words.split(' ').any(|word| word == "smoke");
    let is_chosen = |name: &str| {
        let mut kernels = words
            .split(' ')
            .filter(|word| ALL.iter().any(|kernel| kernel.name == *word))
            .peekable();
        kernels.peek().is_none() || kernels.any(|word| word == name)
    };
    say!("engine name={} step={COUNTER_STEP}", E::NAME);
    say!("known iterations={KNOWN} instructions={}", known_loop());
    let depth = begin_guest(engine, "kernels", KERNELS)?;
    for kernel in ALL.iter().filter(|kernel| is_chosen(kernel.name)) {
        let amount = if is_smoke {
            kernel.smoke_amount
        } else {
            kernel.amount
        };
        // Some engines translate a function when it is first called.
        engine.call(export(kernel.name), Some(kernel.smoke_amount))?;
        let begun = instructions();
        let expected = (kernel.native)(black_box(amount));
        let native = instructions() - begun;
        let begun = instructions();
        let result = engine.call(export(kernel.name), Some(amount))?;
        let interpreted = instructions() - begun;
        say!(
            "kernel name={} amount={amount} native={native} engine={interpreted} fuel={} result={result:#x} \
             expected={expected:#x}",
            kernel.name,
            engine.fuel()
        );
        if result != expected {
            return Err("a result is not the native one");
        }
    }
    end_guest(engine, "kernels", &depth);
    if !is_smoke && is_chosen("big") {
        let depth = begin_guest(engine, "big", BIG)?;
        let begun = instructions();
        engine.call("_start", None)?;
        let (bytes, sum) = engine.written();
        say!(
            "wrote bytes={bytes} sum={sum:#x} instructions={}",
            instructions() - begun
        );
        end_guest(engine, "big", &depth);
    }
    Ok(())
}

fn export(kernel: &str) -> &'static str {
    match kernel {
        "fib" => "b_fib",
        "sieve" => "b_sieve",
        "matmul" => "b_matmul",
        "crc" => "b_crc",
        "sha" => "b_sha",
        "qsort" => "b_qsort",
        "nbody32" => "b_nbody32",
        "nbody64" => "b_nbody64",
        "indirect" => "b_indirect",
        "i64mix" => "b_i64mix",
        "loop" => "b_loop",
        _ => "b_host",
    }
}

/// Installs and instantiates.
fn begin_guest(
    engine: &mut impl Engine,
    name: &str,
    module: &'static [u8],
) -> Result<Depth, Refused> {
    let before_bytes = reset_peak();
    let depth = Depth::begin();
    let begun = instructions();
    let installed = engine.install(module)?;
    let taken = instructions() - begun;
    say!(
        "install module={name} bytes={} instructions={taken} table={} peak={} heap_peak={} heap={} stack={}",
        module.len(),
        installed.table_bytes,
        installed.peak_bytes,
        peak_bytes() - before_bytes,
        in_use_bytes() - before_bytes,
        depth.bytes(),
    );
    let depth = Depth::begin();
    reset_peak();
    let begun = instructions();
    engine.instantiate()?;
    say!(
        "instantiate module={name} instructions={}",
        instructions() - begun
    );
    Ok(depth)
}

/// Tells what the guest has had in memory since it was installed, and drops it.
fn end_guest(engine: &mut impl Engine, name: &str, depth: &Depth) {
    let stack = depth.bytes();
    let (peak, in_use, own) = (peak_bytes(), in_use_bytes(), engine.own_bytes());
    engine.clear();
    let without = in_use_bytes();
    say!(
        "memory module={name} peak={} in_use={} own={own} stack={stack}",
        peak.saturating_sub(without),
        in_use.saturating_sub(without)
    );
}

/// The instructions of a loop of which it is known how many it has: twice [`KNOWN`].
fn known_loop() -> u64 {
    let begun = instructions();
    #[cfg(target_arch = "arm")]
    // SAFETY: it counts a register down.
    unsafe {
        asm!("2:", "subs {n}, {n}, #1", "bne 2b", n = inout(reg) KNOWN => _);
    }
    #[cfg(target_arch = "riscv32")]
    // SAFETY: it counts a register down.
    unsafe {
        asm!("2:", "addi {n}, {n}, -1", "bnez {n}, 2b", n = inout(reg) KNOWN => _);
    }
    instructions() - begun
}
