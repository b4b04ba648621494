//! What idle containers cost in memory, beyond what the guests themselves touch.
//!
//! Each measurement has a process of its own, so that nothing of an earlier one is left over.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::device::{self, EngineName};
use crate::guest::{self, Guest};
use crate::memory::proportional_kb;
use crate::options::Options;
use thimble_bench_report::Outcome;

/// The argument that makes this program such a process.
pub(crate) const CHILD: &str = "__idle";

/// What the guest touches of its own memory: one page of the processor.
const TOUCHED_KB: f64 = 4.0;

/// Measures 1,000 and 10,000 containers on wasmtime, 1,000 on wasmi.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    let runs = [
        (EngineName::Wasmtime, 1_000, 50),
        (EngineName::Wasmtime, 10_000, 100),
        (EngineName::Wasmi, 1_000, 50),
    ];
    for (name, full, smoke) in runs {
        let count = options.times(full, smoke);
        let (before_kb, after_kb) = in_child(options, name, count)?;
        let each_kb = (after_kb - before_kb) / count as f64 - TOUCHED_KB;
        let what = format!("idle container, {} of them, {}", count, name.text());
        let note = format!(
            "process {:.1} MB, before them {:.1} MB",
            after_kb / 1024.0,
            before_kb / 1024.0
        );
        let outcome = Outcome::new(what, each_kb, "KB").note(note);
        outcomes.push(match name {
            EngineName::Wasmtime if !options.smoke => outcome.budget("idle_container_kb_max"),
            _ => outcome,
        });
    }
    Ok(outcomes)
}

fn in_child(options: &Options, engine: EngineName, count: usize) -> Result<(f64, f64)> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([CHILD, engine.text(), &count.to_string()])
        .arg(options.scratch()?);
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!(
            "the process with {count} containers failed: {}",
            output.status
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || {
        numbers
            .next()
            .context("the process said too little")?
            .context("not a number")
    };
    Ok((next()?, next()?))
}

/// The process: prints its size before and with the containers.
pub(crate) fn child(arguments: &[OsString]) -> Result<()> {
    let [engine, count, scratch] = arguments else {
        bail!("needs ENGINE COUNT FOLDER")
    };
    let engine = if engine == "wasmi" {
        EngineName::Wasmi
    } else {
        EngineName::Wasmtime
    };
    let count: usize = count.to_str().context("not a number")?.parse()?;
    let machine = device::machine()?;
    let engine = engine.make(u32::try_from(count)? + 1, scratch.as_ref())?;
    let guest = Guest::from_text(&*engine, guest::SLEEPING)?;
    let config = guest::config("idle", &[])?;
    // One comes before, so that what is made only once is made.
    let mut containers = vec![guest.start(&machine, &config)?];
    guest::run_until(&machine, |machine| {
        containers.iter().all(|id| guest::has_run(machine, *id))
    })?;
    let before_kb = proportional_kb("self")?;
    for _ in 0..count {
        let id = guest.start(&machine, &config)?;
        guest::run_until(&machine, |machine| guest::has_run(machine, id))?;
        containers.push(id);
    }
    println!("{before_kb} {}", proportional_kb("self")?);
    guest::kill_all(&machine, &containers)
}
