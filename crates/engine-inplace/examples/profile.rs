//! Which instructions a module executes: how often each, which pairs and triples, and how long their immediates are.
//!
//! ```text
//! cargo run --release -p thimble-engine-inplace --features profile --example profile -- \
//!     target/firmware/guests/kernels.wasm [EXPORT=ARGUMENT...]
//! ```
//!
//! Without exports, the kernels of `benches/guests/mcu` with the amounts that are measured. The last table is of all
//! together, each with the same weight.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::sync::Arc;

use thimble_engine_inplace::opcode::{self, Immediates, PREFIX};
use thimble_engine_inplace::profile::{self, Triples};
use thimble_engine_inplace::{Bytes, Direct, HeapBuffers, Limits, Program, Room, Run};
use thimble_runtime::engine::Trap;

const KERNELS: [&str; 11] = [
    "b_fib=22",
    "b_sieve=3",
    "b_matmul=4",
    "b_crc=4",
    "b_sha=16",
    "b_qsort=4",
    "b_nbody32=400",
    "b_nbody64=100",
    "b_indirect=20000",
    "b_i64mix=10000",
    "b_host=10000",
];
/// Lines of a table at most.
const LINES: usize = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: profile MODULE [EXPORT=ARGUMENT...]")?;
    let module = fs::read(path)?;
    let mut wanted: Vec<String> = arguments.collect();
    if wanted.is_empty() {
        wanted = KERNELS.map(str::to_owned).to_vec();
    }
    let bytes = Bytes::Shared(Arc::from(module.as_slice()));
    let (program, _) = Program::validated(bytes, &Limits::linux())?;
    let program = Arc::new(program);
    let mut all = Shares::default();
    for wish in &wanted {
        let (name, argument) = wish.split_once('=').ok_or("an export is NAME=ARGUMENT")?;
        run(&program, name, argument.parse()?)?;
        let shares = Shares::of(&module, &profile::take());
        println!("{wish}: {:.0} instructions", shares.total);
        shares.print(shares.total);
        all.add(&shares);
    }
    println!("all of them");
    all.print(all.total);
    Ok(())
}

fn run(program: &Arc<Program>, export: &str, argument: u64) -> Result<(), Box<dyn Error>> {
    let room = Room {
        buffers: &HeapBuffers,
        memory_bytes_max: 1 << 30,
        table_elements_max: 10_000,
        stack_bytes: 1 << 16,
        globals: &[],
    };
    let mut guest = Direct::new(Arc::clone(program), &room)?;
    guest.initialize().map_err(|trap| format!("{trap:?}"))?;
    let function = program
        .export(export)
        .ok_or("there is no such export")?
        .index;
    guest
        .begin(function, &[argument])
        .map_err(|trap| format!("{trap:?}"))?;
    let mut answer = |_: u32, _: &mut [u64], _: &mut [u8]| -> Result<(), Box<Trap>> { Ok(()) };
    loop {
        match guest.run(&mut answer, &mut i32::MAX.clone()) {
            Run::Returned => return Ok(()),
            Run::Preempted => {}
            Run::Trapped(trap) => return Err(format!("{trap:?}").into()),
        }
    }
}

/// How often things happened.
#[derive(Default)]
struct Shares {
    total: f64,
    names: BTreeMap<String, f64>,
    pairs: BTreeMap<String, f64>,
    triples: BTreeMap<String, f64>,
    /// Numbers among immediates by their bytes, for each kind.
    lengths: BTreeMap<(String, usize), f64>,
}

impl Shares {
    fn of(module: &[u8], triples: &Triples) -> Self {
        let mut shares = Self::default();
        for (&[offset, before, earlier], &count) in triples {
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let count = count as f64;
            let Some((name, kind, lengths)) = decode(module, offset) else {
                continue;
            };
            shares.total += count;
            *shares.names.entry(name.to_owned()).or_default() += count;
            for length in lengths {
                *shares.lengths.entry((kind.clone(), length)).or_default() += count;
            }
            let named = |offset| decode(module, offset).map(|(name, _, _)| name);
            if let Some(before) = named(before) {
                let pair = format!("{before} {name}");
                if let Some(earlier) = named(earlier) {
                    *shares
                        .triples
                        .entry(format!("{earlier} {pair}"))
                        .or_default() += count;
                }
                *shares.pairs.entry(pair).or_default() += count;
            }
        }
        shares
    }

    /// Adds others, with the weight of one whole.
    fn add(&mut self, other: &Self) {
        let scale = |count: f64| count / other.total;
        self.total += 1.0;
        for (to, from) in [
            (&mut self.names, &other.names),
            (&mut self.pairs, &other.pairs),
            (&mut self.triples, &other.triples),
        ] {
            for (key, count) in from {
                *to.entry(key.clone()).or_default() += scale(*count);
            }
        }
        for (key, count) in &other.lengths {
            *self.lengths.entry(key.clone()).or_default() += scale(*count);
        }
    }

    fn print(&self, total: f64) {
        for (what, counts) in [
            ("instructions", &self.names),
            ("pairs", &self.pairs),
            ("triples", &self.triples),
        ] {
            println!("  {what}");
            let mut sorted: Vec<_> = counts.iter().collect();
            sorted.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            for (name, count) in sorted.into_iter().take(LINES) {
                println!("    {:5.2} %  {name}", 100.0 * count / total);
            }
        }
        println!("  numbers among immediates, by bytes, of all instructions");
        for ((kind, length), count) in &self.lengths {
            println!("    {:5.2} %  {kind} in {length}", 100.0 * count / total);
        }
        println!();
    }
}

/// The instruction at an offset: its name, the kind of its immediates, and the bytes of each number among them.
fn decode(module: &[u8], offset: u32) -> Option<(&'static str, String, Vec<usize>)> {
    if offset == 0 {
        return None;
    }
    let code = module.get(usize::try_from(offset).ok()?..)?;
    let (first, mut rest) = code.split_first()?;
    let instruction = match *first {
        PREFIX => {
            let second = number(&mut rest)?.0;
            opcode::after_prefix(second)?
        }
        plain => opcode::plain(plain)?,
    };
    let count = match instruction.immediates {
        Immediates::None | Immediates::F32 | Immediates::F64 | Immediates::ReferenceType => 0,
        Immediates::TypeTable
        | Immediates::MemoryArgument
        | Immediates::TwoMemories
        | Immediates::DataMemory
        | Immediates::ElementTable
        | Immediates::TwoTables => 2,
        // Their first number is how many there are.
        _ => 1,
    };
    let lengths = (0..count)
        .map(|_| number(&mut rest).map(|(_, length)| length))
        .collect::<Option<_>>()?;
    Some((
        instruction.name(),
        format!("{:?}", instruction.immediates),
        lengths,
    ))
}

/// A number, of which only the lower bits matter, and its bytes.
fn number(rest: &mut &[u8]) -> Option<(u32, usize)> {
    let length = rest.iter().position(|byte| *byte < 0x80)? + 1;
    let (bytes, after) = rest.split_at(length);
    *rest = after;
    let value = bytes
        .iter()
        .rev()
        .fold(0_u32, |value, byte| value << 7 | u32::from(byte & 0x7f));
    Some((value, length))
}
