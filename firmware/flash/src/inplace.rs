//! The engine that runs in place, with all that a device needs of it: validator, linking, running.

use alloc::boxed::Box;
use alloc::sync::Arc;

use thimble_engine_inplace::{Bytes, Direct, HeapBuffers, Limits, Program, Room, Run};
use thimble_runtime::engine::Trap;

/// Runs the first function, until it returns.
pub(crate) fn run(module: &'static [u8]) -> Option<u64> {
    let (program, _) = Program::validated(Bytes::Static(module), &Limits::small()).ok()?;
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
    let mut answer = |import: u32, slots: &mut [u64], _: &mut [u8]| -> Result<(), Box<Trap>> {
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
