//! Measures what this engine promises: calls, guests, memory, kills, loading. Run it with `--release`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use thimble_abi::Call;
use thimble_engine_wasmtime::{CacheSettings, Settings, WasmtimeEngine, compile_child_main};
use thimble_runtime::engine::{
    Budget, CallOutcome, Engine as _, Guest, Host, InstanceSpec, LoadedModule, Yield,
};
use thimble_runtime::module::Module;

type Outcome<T> = Result<T, Box<dyn Error>>;

const BUDGET: Budget = Budget {
    time: Duration::from_secs(60),
    fuel: u64::MAX,
};
const CALLS: u32 = 20_000_000;

const EXITS: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (i32.store (i32.const 0) (i32.const 1)) (call $exit (i32.const 3))))"#;
const RETURNS: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "_start") (i32.store (i32.const 0) (i32.const 1))))"#;
const WAITS: &str = r#"(module
    (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 1))
        (loop $more (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 64))) (br $more))))"#;
const BUSY: &str = r#"(module (func (export "_start") (loop $more (br $more))))"#;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "__compile") {
        return compile_child_main(arguments);
    }
    match figures() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn figures() -> Outcome<()> {
    host_calls()?;
    for (name, slots) in [("slots", 64), ("one by one", 0)] {
        lifetimes(name, slots)?;
    }
    for guests in [1_000, 10_000] {
        idle_guests(guests, guests)?;
    }
    idle_guests(0, 1_000)?;
    kills()?;
    slices()?;
    loads()
}

/// Answers at once, or waits every time.
struct Script {
    waits: bool,
    calls: u64,
}

impl Host for Script {
    fn call(&mut self, call: Call, args: &[u64], memory: &mut [u8]) -> CallOutcome {
        self.calls += 1;
        black_box((args, memory));
        match call.spec().name {
            "proc_exit" => CallOutcome::Exit(3),
            _ if self.waits => CallOutcome::Blocked,
            _ => CallOutcome::Done(0),
        }
    }

    fn memory_refused(&mut self, _: u64) {}
}

fn engine(slots: u32) -> Outcome<WasmtimeEngine> {
    Ok(WasmtimeEngine::new(Settings {
        slots,
        ..Settings::default()
    })?)
}

fn load(engine: &WasmtimeEngine, text: &str) -> Outcome<Arc<dyn LoadedModule>> {
    Ok(engine.load(&Module::parse(wat::parse_str(text)?)?)?)
}

fn guest(module: &dyn LoadedModule) -> Outcome<Box<dyn Guest>> {
    let entries = vec!["_start".to_owned()];
    Ok(module.instantiate(&InstanceSpec {
        memory_bytes_max: 1 << 20,
        table_elements_max: 100,
        stack_bytes: None,
        entries,
    })?)
}

/// Nanoseconds for each of `count`.
fn each_ns(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e9 / f64::from(count)
}

/// The median, and the one that 99 of 100 are below.
fn quantiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |percent: usize| {
        times
            .get(times.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    (at(50), at(99))
}

fn host_calls() -> Outcome<()> {
    let engine = engine(1)?;
    let looping = |import: &str, call: &str| {
        format!(
            r#"(module (import {import})) (memory (export "memory") 1)
            (func (export "_start") (local $i i32)
                (loop $more
                    {call}
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $more (i32.lt_u (local.get $i) (i32.const {CALLS}))))))"#
        )
    };
    let prompt =
        r#""wasi_snapshot_preview1" "clock_res_get" (func $f (param i32 i32) (result i32)"#;
    let waits = r#""env" "ocre_sleep" (func $f (param i32) (result i32)"#;
    for (name, text) in [
        ("loop alone", looping(prompt, "nop")),
        (
            "call that never waits",
            looping(prompt, "(drop (call $f (i32.const 0) (i32.const 8)))"),
        ),
        (
            "call that may wait and does not",
            looping(waits, "(drop (call $f (i32.const 0)))"),
        ),
    ] {
        let mut guest = guest(&*load(&engine, &text)?)?;
        let mut host = Script {
            waits: false,
            calls: 0,
        };
        let begin = Instant::now();
        let end = guest.resume(&mut host, BUDGET);
        println!(
            "{name}: {:.1} ns ({end:?})",
            each_ns(begin.elapsed(), CALLS)
        );
    }
    let mut guest = guest(&*load(&engine, WAITS)?)?;
    let mut host = Script {
        waits: true,
        calls: 0,
    };
    let begin = Instant::now();
    for _ in 0..1_000_000 {
        black_box(guest.resume(&mut host, BUDGET));
    }
    println!(
        "resume of a guest that goes on waiting: {:.0} ns",
        each_ns(begin.elapsed(), 1_000_000)
    );
    Ok(())
}

fn lifetimes(name: &str, slots: u32) -> Outcome<()> {
    let engine = engine(slots)?;
    for (what, text) in [("returns", RETURNS), ("exits", EXITS)] {
        let module = load(&engine, text)?;
        let mut host = Script {
            waits: false,
            calls: 0,
        };
        let mut times = Vec::new();
        for _ in 0..20_000 {
            let begin = Instant::now();
            let mut guest = guest(&*module)?;
            black_box(guest.resume(&mut host, BUDGET));
            drop(guest);
            times.push(begin.elapsed());
        }
        let (median, high) = quantiles(times);
        println!("{name}: create, start, {what}, drop: {median:?}, p99 {high:?}");
    }
    let module = load(&engine, WAITS)?;
    let mut times = Vec::new();
    for _ in 0..20_000 {
        let mut guest = guest(&*module)?;
        black_box(guest.resume(
            &mut Script {
                waits: true,
                calls: 0,
            },
            BUDGET,
        ));
        let begin = Instant::now();
        drop(guest);
        times.push(begin.elapsed());
    }
    let (median, high) = quantiles(times);
    println!("{name}: kill a waiting guest: {median:?}, p99 {high:?}");
    Ok(())
}

fn pss_kb() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .ok_or("no Pss")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn maps() -> Outcome<usize> {
    Ok(fs::read_to_string("/proc/self/maps")?.lines().count())
}

fn idle_guests(slots: u32, count: u32) -> Outcome<()> {
    let maps_at_first = maps()?;
    let begin = Instant::now();
    let engine = engine(slots)?;
    let made = begin.elapsed();
    let module = load(&engine, WAITS)?;
    let wait = || {
        let mut guest = guest(&*module)?;
        black_box(guest.resume(
            &mut Script {
                waits: true,
                calls: 0,
            },
            BUDGET,
        ));
        Outcome::Ok(guest)
    };
    drop(wait()?);
    let (pss, maps_before) = (pss_kb()?, maps()?);
    let begin = Instant::now();
    let guests = (0..count).map(|_| wait()).collect::<Outcome<Vec<_>>>()?;
    let each = begin.elapsed() / count;
    let (pss, maps_after) = (pss_kb()? - pss, maps()?);
    println!(
        "{count} idle guests, {slots} slots (made in {made:?}): {:.1} KB PSS each, {each:?} to create, {:.1} maps each ({} of them for the slots)",
        f64::from(u32::try_from(pss)?) / f64::from(count),
        f64::from(u32::try_from(maps_after - maps_at_first)?) / f64::from(count),
        maps_before - maps_at_first,
    );
    drop(guests);
    Ok(())
}

fn kills() -> Outcome<()> {
    let engine = engine(4)?;
    let module = load(&engine, BUSY)?;
    let asked_ns = AtomicU64::new(0);
    let origin = Instant::now();
    let mut times = Vec::new();
    for _ in 0..2_000 {
        let mut guest = guest(&*module)?;
        let interrupter = guest.interrupter();
        thread::scope(|scope| -> Outcome<()> {
            scope.spawn(|| {
                thread::sleep(Duration::from_micros(300));
                asked_ns.store(
                    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(0),
                    Ordering::Release,
                );
                interrupter.interrupt();
            });
            let end = guest.resume(
                &mut Script {
                    waits: false,
                    calls: 0,
                },
                BUDGET,
            );
            drop(guest);
            let gone = origin.elapsed();
            if !matches!(end, Yield::Preempted) {
                return Err(format!("{end:?}").into());
            }
            times.push(gone.saturating_sub(Duration::from_nanos(asked_ns.load(Ordering::Acquire))));
            Ok(())
        })?;
    }
    let (median, high) = quantiles(times);
    println!("kill a busy loop from another thread: {median:?}, p99 {high:?}");
    Ok(())
}

fn slices() -> Outcome<()> {
    let engine = engine(1)?;
    let mut guest = guest(&*load(&engine, BUSY)?)?;
    let budget = Budget {
        time: Duration::from_millis(1),
        fuel: 0,
    };
    let mut times = Vec::new();
    for _ in 0..3_000 {
        let begin = Instant::now();
        black_box(guest.resume(
            &mut Script {
                waits: false,
                calls: 0,
            },
            budget,
        ));
        times.push(begin.elapsed());
    }
    let (median, high) = quantiles(times);
    println!("a slice of 1 ms: {median:?}, p99 {high:?}");
    Ok(())
}

/// A module of about this many bytes.
fn module_of(bytes: usize) -> Outcome<Module> {
    let mut text =
        String::from(r#"(module (memory (export "memory") 1) (func (export "_start")) "#);
    for function in 0..bytes / 4_100 {
        write!(
            text,
            "(func $f{function} (param i32) (result i32) (local i32 i32 i32)"
        )?;
        for step in 0..200 {
            write!(
                text,
                "(local.set {} (i32.add (i32.mul (local.get {}) (i32.const {step})) (i32.load (local.get {}))))
                (if (i32.lt_u (local.get 1) (local.get 2)) (then (local.set 3 (i32.const {step}))))",
                step % 3 + 1,
                (step + 1) % 3 + 1,
                step % 4
            )?;
        }
        text.push_str("(local.get 1))");
    }
    text.push(')');
    Ok(Module::parse(wat::parse_str(&text)?)?)
}

fn loads() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    let settings = || Settings {
        cache: Some(CacheSettings::new(folder.path())),
        ..Settings::default()
    };
    for module in [
        Module::parse(wat::parse_str(RETURNS)?)?,
        module_of(20_000)?,
        module_of(1_000_000)?,
    ] {
        let begin = Instant::now();
        WasmtimeEngine::new(settings())?.load(&module)?;
        let compiled = begin.elapsed();
        let mut times = Vec::new();
        let pss = pss_kb()?;
        let mut used = 0;
        for _ in 0..50 {
            let engine = WasmtimeEngine::new(settings())?;
            let begin = Instant::now();
            let loaded = engine.load(&module)?;
            times.push(begin.elapsed());
            used = pss_kb()?.saturating_sub(pss);
            drop(loaded);
        }
        let (median, high) = quantiles(times);
        println!(
            "load {} bytes: compiled {compiled:?}, from the cache {median:?}, p99 {high:?}, {used} KB PSS",
            module.bytes().len()
        );
    }
    Ok(())
}
