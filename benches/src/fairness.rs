//! How the processor is divided on one worker: by share among busy containers, and at once for one that
//! wakes beside a busy neighbour.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use thimble_port_linux::machine::Machine;
use thimble_runtime::config::{ContainerConfig, ContainerId, CpuShare};
use thimble_runtime::engine::Engine;

use crate::device::{self, EngineName, Output};
use crate::guest::{self, Guest};
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::summarize;

/// Between two wakes of the sleeper.
const PERIOD_MS: u32 = 20;

/// Measures both engines.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for name in EngineName::ALL {
        let engine = name.make(16, &options.scratch()?)?;
        outcomes.push(shares(options, name, &*engine)?);
        outcomes.push(lateness(options, name, &*engine)?);
    }
    Ok(outcomes)
}

fn shares(options: &Options, name: EngineName, engine: &dyn Engine) -> Result<Outcome> {
    let duration = Duration::from_millis(if options.smoke { 50 } else { 3000 });
    let guest = Guest::from_text(engine, guest::BUSY)?;
    let machine = device::machine()?;
    let start = |thousandths| -> Result<ContainerId> {
        let mut config = ContainerConfig::new("busy");
        config.cpu_share = CpuShare::from_thousandths(thousandths).context("no such share")?;
        guest.start(&machine, &Arc::new(config))
    };
    let containers = [start(1000)?, start(3000)?];
    let begun = Instant::now();
    guest::run_until(&machine, |_| begun.elapsed() >= duration)?;
    let [small, large] = containers.map(|id| {
        machine
            .usage(id)
            .map_or(0.0, |usage| usage.cpu.as_secs_f64())
    });
    guest::kill_all(&machine, &containers)?;
    let ratio = large / small;
    let error_percent = (ratio / 3.0 - 1.0).abs() * 100.0;
    let outcome = Outcome::new(
        format!("shares 3 and 1, {}: error", name.text()),
        error_percent,
        "%",
    );
    let outcome = outcome.note(format!("processor time {ratio:.3} to 1 over {duration:?}"));
    Ok(if options.smoke {
        outcome
    } else {
        outcome.budget("share_error_percent_max")
    })
}

fn lateness(options: &Options, name: EngineName, engine: &dyn Engine) -> Result<Outcome> {
    let wakes = options.times(500, 5);
    let machine = device::machine()?;
    let alone = summarize(wake(&machine, engine, wakes)?);
    let busy =
        Guest::from_text(engine, guest::BUSY)?.start(&machine, &guest::config("busy", &[])?)?;
    let beside = summarize(wake(&machine, engine, wakes)?);
    guest::kill_all(&machine, &[busy])?;
    let what = format!(
        "wake every {PERIOD_MS} ms by a busy one, {}: worst",
        name.text()
    );
    let note = format!(
        "median {:.3}, p99 {:.3}; alone: median {:.3}, p99 {:.3}, worst {:.3}; {wakes} wakes",
        beside.median, beside.p99, alone.median, alone.p99, alone.max
    );
    let outcome = Outcome::new(what, beside.max, "ms").note(note);
    Ok(if options.smoke {
        outcome
    } else {
        outcome.budget("wake_lateness_ms_max")
    })
}

/// How late, in milliseconds, a container wakes each time.
fn wake(machine: &Machine, engine: &dyn Engine, wakes: usize) -> Result<Vec<f64>> {
    let output = Output::kept();
    let sleeper = Guest::from_text(engine, &sleeper(wakes))?;
    let id = sleeper.start_with_output(machine, &guest::config("sleeper", &[])?, Some(&output))?;
    guest::run_until(machine, |machine| guest::has_ended(machine, id))?;
    guest::check_success(machine, id)?;
    Ok(output
        .numbers()
        .into_iter()
        .map(|slept_ns| slept_ns as f64 / 1e6 - f64::from(PERIOD_MS))
        .collect())
}

/// Sleeps `wakes` times and writes how long each took, in nanoseconds.
fn sleeper(wakes: usize) -> String {
    let bytes = wakes * 8;
    format!(
        r#"
(module
  (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $now (result i64)
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
    (i64.load (i32.const 8)))
  (func (export "_start") (local $at i32) (local $begun i64)
    (loop $again
      (local.set $begun (call $now))
      (drop (call $sleep (i32.const {PERIOD_MS})))
      (i64.store offset=1024 (local.get $at) (i64.sub (call $now) (local.get $begun)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const {bytes}))))
    (i32.store (i32.const 16) (i32.const 1024))
    (i32.store (i32.const 20) (i32.const {bytes}))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))))"#
    )
}
