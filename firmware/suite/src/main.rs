//! Runs the official WebAssembly test suite on a board that QEMU plays, with the loop in assembly where there is one: once
//! without interruption, and once in slices of any length.

#![no_std]
#![no_main]

extern crate alloc;

mod memory;

use firmware_boards::say;
use thimble_engine_inplace::Limits;
use thimble_engine_inplace::replay::{Means, Replay, Step};

use memory::NotedBuffers;

static SUITE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/suite.bin"));

/// Instances of the suite share the heap, some of them dozens of them at once.
const MEANS: Means<'static> = Means {
    limits: Limits::linux(),
    buffers: &NotedBuffers,
    memory_bytes_max: 1 << 32,
    table_elements_max: 100_000,
    stack_bytes: 32 << 10,
};

firmware_boards::entry!(main);

fn main() -> bool {
    let whole = run("whole", &mut || i32::MAX);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let sliced = run("sliced", &mut || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 50) as i32
    });
    whole && sliced
}

/// Runs all of it. Whether everything passed.
fn run(name: &str, fuel: &mut dyn FnMut() -> i32) -> bool {
    let Some(replay) = Replay::new(SUITE, MEANS, fuel) else {
        say!("the recorded suite is of another version");
        return false;
    };
    let (mut passed, mut no_room, mut failed, mut file) = (0_u32, 0_u32, 0_u32, "");
    for step in replay {
        match step {
            Step::File(next) => file = next,
            Step::Passed => passed += 1,
            Step::NoRoom => no_room += 1,
            // A test that grows a memory over what the board has sees that it did not.
            Step::Failed { .. } if memory::was_refused() => no_room += 1,
            Step::Failed { line, found } => {
                failed += 1;
                if failed <= 20 {
                    say!("{file}:{line}: {found:?}");
                }
            }
        }
    }
    say!("suite {name} passed={passed} failed={failed} no_room={no_room}");
    failed == 0
}
