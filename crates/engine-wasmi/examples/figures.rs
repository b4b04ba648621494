//! Measures what the engine costs: `cargo run --release -p thimble-engine-wasmi --example figures`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use thimble_abi::Call;
use thimble_engine_wasmi::{Settings, WasmiEngine};
use thimble_runtime::engine::{
    Budget, CallOutcome, Engine, Guest, Host, InstanceSpec, LoadedModule, Yield,
};
use thimble_runtime::module::Module;

/// How often each figure is taken; the median counts.
const SAMPLES: usize = 15;

/// A guest for each figure.
const TEXT: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $typed (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "env" "ocre_sensors_read" (func $untyped (param i32 i32) (result f64)))
    (memory (export "memory") 1)
    (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "fib") (result i32) (call $fib (i32.const 27)))
    (func (export "nothing"))
    (func (export "empty") (local $i i32)
        (loop $more
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 100000)))))
    (func (export "typed") (local $i i32)
        (loop $more
            (drop (call $typed))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 100000)))))
    (func (export "write") (local $i i32)
        (loop $more
            (drop (call $write (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 100000)))))
    (func (export "untyped") (local $i i32)
        (loop $more
            (drop (call $untyped (i32.const 1) (i32.const 2)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 100000)))))
    (func (export "busy") (loop $more (br $more))))"#;

/// A trivial guest.
const TRIVIAL: &str = r#"(module (memory 1) (func (export "nothing")))"#;

struct Answering {
    blocks: bool,
    again: bool,
}

impl Host for Answering {
    fn call(&mut self, call: Call, args: &[u64], memory: &mut [u8]) -> CallOutcome {
        black_box((call, args, memory));
        self.again = self.blocks && !self.again;
        if self.again {
            CallOutcome::Blocked
        } else {
            CallOutcome::Done(0)
        }
    }

    fn memory_refused(&mut self, _: u64) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = WasmiEngine::new(Settings::linux());
    let module = Module::parse(wat::parse_str(TEXT)?)?;
    let loaded = engine.load(&module)?;
    let entry = |name: &str| median(|| run(&*loaded, name, false));
    let loops = entry("empty");
    println!(
        "fib(27)                     {:8.2} ms",
        millis(entry("fib"))
    );
    println!(
        "plain host call, typed      {:8.1} ns",
        nanos(entry("typed").saturating_sub(loops), 100_000)
    );
    println!(
        "plain host call, 4 args     {:8.1} ns",
        nanos(entry("write").saturating_sub(loops), 100_000)
    );
    println!(
        "plain host call, untyped    {:8.1} ns",
        nanos(entry("untyped").saturating_sub(loops), 100_000)
    );
    let blocked = median(|| run(&*loaded, "typed", true)).saturating_sub(loops);
    println!(
        "suspend and resume          {:8.1} ns",
        nanos(blocked, 100_000)
    );
    for (name, text) in [("trivial guest", TRIVIAL), ("guest with 3 imports", TEXT)] {
        let loaded = engine.load(&Module::parse(wat::parse_str(text)?)?)?;
        let cycles = median(|| {
            let begin = Instant::now();
            for _ in 0..1_000 {
                run(&*loaded, "nothing", false);
            }
            begin.elapsed()
        });
        println!(
            "create to drop, {name:20} {:8.2} us",
            nanos(cycles, 1_000) / 1_000.0
        );
    }
    println!(
        "load                        {:8.2} us",
        nanos(median(|| timed(|| drop(engine.load(&module)))), 1) / 1_000.0
    );
    println!(
        "fuel                        {:8.2} units/us of a busy loop",
        busy(&*loaded)
    );
    println!(
        "idle guest with one page     {:8.1} KB resident",
        idle(&*loaded)?
    );
    Ok(())
}

/// KB that a guest which waits in a call keeps resident, from a thousand of them.
fn idle(loaded: &dyn LoadedModule) -> Result<f64, Box<dyn std::error::Error>> {
    let resident = || -> Result<f64, Box<dyn std::error::Error>> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap_or_default();
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    let before = resident()?;
    let guests: Vec<_> = (0..1_000)
        .map(|_| {
            let mut guest = guest(loaded, "typed");
            let mut host = Answering {
                blocks: true,
                again: false,
            };
            guest.resume(
                &mut host,
                Budget {
                    time: Duration::from_secs(1),
                    fuel: 1_000_000,
                },
            );
            guest
        })
        .collect();
    let after = resident()?;
    drop(guests);
    Ok((after - before) / 1_000.0)
}

fn guest(loaded: &dyn LoadedModule, entry: &str) -> Box<dyn Guest> {
    let spec = InstanceSpec {
        memory_bytes_max: 1 << 20,
        table_elements_max: 100,
        stack_bytes: None,
        entries: vec![entry.to_string()],
    };
    match loaded.instantiate(&spec) {
        Ok(guest) => guest,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1)
        }
    }
}

fn run(loaded: &dyn LoadedModule, entry: &str, blocks: bool) -> Duration {
    let mut guest = guest(loaded, entry);
    let mut host = Answering {
        blocks,
        again: false,
    };
    timed(|| {
        let budget = Budget {
            time: Duration::from_secs(100),
            fuel: u64::MAX / 2,
        };
        while !matches!(
            guest.resume(&mut host, budget),
            Yield::Exited(_) | Yield::Trapped(_)
        ) {}
    })
}

fn busy(loaded: &dyn LoadedModule) -> f64 {
    let mut guest = guest(loaded, "busy");
    let fuel = 10_000_000;
    let budget = Budget {
        time: Duration::from_secs(1),
        fuel,
    };
    let took = median(|| {
        timed(|| {
            drop(guest.resume(
                &mut Answering {
                    blocks: false,
                    again: false,
                },
                budget,
            ))
        })
    });
    fuel as f64 / (took.as_secs_f64() * 1e6)
}

fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

fn median(mut sample: impl FnMut() -> Duration) -> Duration {
    let mut samples: Vec<_> = (0..SAMPLES).map(|_| sample()).collect();
    samples.sort();
    samples.get(SAMPLES / 2).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn nanos(duration: Duration, count: u32) -> f64 {
    duration.as_secs_f64() * 1e9 / f64::from(count)
}
