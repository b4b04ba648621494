//! The engine that runs in place, with all that a device needs of it: validator, linking, running.

use alloc::sync::Arc;

use thimble_engine_inplace::{
    Bytes, Direct, HeapBuffers, Limits, Program, Room, Run, WordStore, validate,
};
use thimble_runtime::engine::Trap;

const DIGEST: [u8; 32] = [1; 32];

/// Runs the first function, until it returns.
pub(crate) fn run(module: &'static [u8]) -> Option<u64> {
    let mut table = WordStore::default();
    validate(module, &DIGEST, &Limits::small(), &mut table).ok()?;
    let program = Program::open(Bytes::Static(module), table.into_words(), DIGEST).ok()?;
    let program = Arc::new(program);
    let function = program.export("run")?.index;
    let room = Room {
        buffers: &HeapBuffers,
        memory_bytes_max: 128 << 10,
        table_elements_max: 64,
        stack_bytes: 8 << 10,
        globals: &[],
    };
    let mut guest = Direct::new(program, &room).ok()?;
    guest.initialize().ok()?;
    guest.begin(function, &[]).ok()?;
    let mut answer = |import: u32, slots: &mut [u64], _: &mut [u8]| -> Result<(), Trap> {
        if let Some(slot) = slots.first_mut() {
            *slot = u64::from(import);
        }
        Ok(())
    };
    loop {
        match guest.run(&mut answer, &mut 10_000) {
            Run::Returned => return guest.results().first().copied(),
            Run::Preempted => {}
            Run::Trapped(_) => return None,
        }
    }
}
