//! Measures the engine that runs WebAssembly in place, on a board that QEMU plays.
//!
//! Side tables go to memory that stands for flash, linear memories to memory that is the guests': neither is on the
//! heap, so that the heap holds the engine's own alone, and the guest's stack.

#![no_std]
#![no_main]

extern crate alloc;

mod memory;

use alloc::boxed::Box;
use alloc::sync::Arc;

use firmware_guests::{Engine, Installed, KERNELS, Refused, Wasi, host_add};
use thimble_engine_inplace::{Answer, Bytes, Direct, Limits, Program, Room, Run, Words, validate};
use thimble_runtime::engine::{Trap, TrapKind};

use memory::{Flash, GUESTS};

/// Operands and frames of a guest.
const STACK_BYTES: usize = 8 << 10;
/// Linear memory that a guest may have.
const MEMORY_BYTES_MAX: u64 = 512 << 10;
const DIGEST: [u8; 32] = [1; 32];

firmware_boards::entry!(main);

fn main() -> bool {
    firmware_guests::measure(&mut Inplace {
        module: &[],
        program: None,
        guest: None,
        host: Host::default(),
        fuel_used: 0,
    })
}

struct Inplace {
    module: &'static [u8],
    program: Option<Arc<Program>>,
    guest: Option<Box<Direct>>,
    host: Host,
    fuel_used: u64,
}

impl Engine for Inplace {
    const NAME: &'static str = if cfg!(feature = "unmetered") {
        "unmetered"
    } else {
        "inplace"
    };

    fn install(&mut self, module: &'static [u8]) -> Result<Installed, Refused> {
        self.module = module;
        let mut flash = Flash::erased();
        let validated = validate(module, &DIGEST, &Limits::small(), &mut flash)
            .map_err(|_| "the module is not valid")?;
        Ok(Installed {
            table_bytes: validated.table_bytes,
            peak_bytes: validated.peak_bytes,
        })
    }

    fn instantiate(&mut self) -> Result<(), Refused> {
        let words = Words::Static(Flash::words());
        // SAFETY: `install` wrote the table, for this module; both stay as they are.
        let program = unsafe { Program::open(Bytes::Static(self.module), words, DIGEST) };
        let program = program.map_err(|_| "the side table is not that of the module")?;
        let program = Arc::new(program);
        let room = Room {
            buffers: &GUESTS,
            memory_bytes_max: MEMORY_BYTES_MAX,
            table_elements_max: 64,
            stack_bytes: STACK_BYTES,
            globals: &[],
        };
        let mut guest =
            Direct::new(Arc::clone(&program), &room).map_err(|_| "there is no room for a guest")?;
        guest.initialize().map_err(|_| "a segment does not fit")?;
        self.host = Host {
            is_kernels: self.module.as_ptr() == KERNELS.as_ptr(),
            program: Some(Arc::clone(&program)),
            wasi: Wasi::default(),
        };
        self.program = Some(program);
        self.guest = Some(Box::new(guest));
        Ok(())
    }

    fn call(&mut self, export: &str, argument: Option<u32>) -> Result<u32, Refused> {
        let (Some(program), Some(guest)) = (&self.program, &mut self.guest) else {
            return Err("there is no guest");
        };
        let function = program
            .export(export)
            .ok_or("there is no such export")?
            .index;
        let argument = argument.map(u64::from);
        guest
            .begin(function, argument.as_slice())
            .map_err(|_| "the function cannot be called")?;
        self.fuel_used = 0;
        loop {
            let mut fuel = i32::MAX;
            let run = guest.run(&mut self.host, &mut fuel);
            self.fuel_used += u64::from(fuel.abs_diff(i32::MAX));
            match run {
                Run::Returned => break,
                Run::Preempted => {}
                Run::Trapped(_) => return Err("the guest trapped"),
            }
        }
        let result = guest.results().first().copied().unwrap_or(0);
        Ok(low(result))
    }

    fn own_bytes(&mut self) -> usize {
        STACK_BYTES
    }

    fn fuel(&self) -> u64 {
        self.fuel_used
    }

    fn written(&self) -> (u32, u32) {
        (self.host.wasi.written, self.host.wasi.sum)
    }

    fn clear(&mut self) {
        self.guest = None;
        self.program = None;
        self.host = Host::default();
    }
}

/// What guests import.
#[derive(Default)]
struct Host {
    is_kernels: bool,
    program: Option<Arc<Program>>,
    wasi: Wasi,
}

impl Answer for Host {
    fn answer(
        &mut self,
        import: u32,
        slots: &mut [u64],
        memory: &mut [u8],
    ) -> Result<(), Box<Trap>> {
        if self.is_kernels {
            if let Some(slot) = slots.first_mut() {
                *slot = u64::from(host_add(low(*slot)));
            }
            return Ok(());
        }
        self.answer_wasi(import, slots, memory)
    }
}

impl Host {
    /// Apart from the kernels' host, which is measured.
    #[cold]
    #[inline(never)]
    fn answer_wasi(
        &mut self,
        import: u32,
        slots: &mut [u64],
        memory: &mut [u8],
    ) -> Result<(), Box<Trap>> {
        let mut arguments = [0; 5];
        for (argument, slot) in arguments.iter_mut().zip(slots.iter()) {
            *argument = low(*slot);
        }
        let name = self.program.as_ref().and_then(|program| {
            program
                .imports()
                .nth(import as usize)
                .map(|import| import.name)
        });
        let answer = arguments
            .get(..slots.len())
            .and_then(|arguments| self.wasi.answer(name?, arguments, memory))
            .ok_or_else(|| Box::new(Trap::new(TrapKind::Engine)))?;
        if let Some(slot) = slots.first_mut() {
            *slot = u64::from(answer);
        }
        Ok(())
    }
}

/// The lower half of a slot, which is all that a small value has.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper half may hold anything"
)]
fn low(slot: u64) -> u32 {
    slot as u32
}
