//! Calls an exported function of a module with numbers, and prints what it returns: `call MODULE FUNCTION [NUMBER…]`.

use std::error::Error;
use std::sync::Arc;

use thimble_engine_inplace::{Bytes, Direct, HeapBuffers, Limits, Program, Room, Run};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which module?")?;
    let name = arguments.next().ok_or("which function?")?;
    let values = arguments
        .map(|number| number.parse::<u64>())
        .collect::<Result<Vec<_>, _>>()?;
    let module = std::fs::read(file)?;
    let (program, validated) = Program::validated(Bytes::Shared(module.into()), &Limits::linux())?;
    eprintln!("{validated:?}");
    let program = Arc::new(program);
    let function = program
        .export(&name)
        .ok_or("there is no such function")?
        .index;
    let room = Room {
        buffers: &HeapBuffers,
        memory_bytes_max: 1 << 30,
        table_elements_max: 10_000,
        stack_bytes: 1 << 20,
        globals: &[],
    };
    let mut direct = Direct::new(program, &room)?;
    direct.initialize().map_err(|kind| kind.text())?;
    direct
        .begin(function, &values)
        .map_err(|kind| kind.text())?;
    let mut add = |_: u32, slots: &mut [u64], _: &mut [u8]| {
        slots[0] += 1;
        Ok(())
    };
    loop {
        match direct.run(&mut add, &mut 1_000_000) {
            Run::Preempted => {}
            Run::Returned => break,
            Run::Trapped(trap) => return Err(trap.to_string().into()),
        }
    }
    println!("{:x?}", direct.results());
    Ok(())
}
