//! Hello world as a process: how long from exec to exit, and how much memory while it waits.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::clock::millis;
use crate::cpu::compiler;
use crate::guest;
use crate::memory::proportional_kb;
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::{Summary, summarize};

/// Measures `thimble run`, a static native program, and whatever else is installed.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let scratch = options.scratch()?;
    let sleeping = scratch.join("hello-sleeping.wasm");
    std::fs::write(&sleeping, wat::parse_str(guest::HELLO_SLEEPING)?)?;
    let natives = Natives::build(&scratch)?;
    let thimble = match options.thimble() {
        Ok(thimble) => thimble,
        Err(why) => return Ok(vec![Outcome::skipped("thimble run", why)]),
    };
    let hello = match options.guest("hello-c") {
        Ok(hello) => hello,
        Err(why) => return Ok(vec![Outcome::skipped("thimble run hello-c", why)]),
    };
    let mut variants = vec![
        Variant::new("native static `true`", &natives.nothing, &[]),
        Variant::new("thimble run, wasmtime", &thimble, &["run".as_ref(), &hello]),
        Variant::new(
            "thimble run, wasmi",
            &thimble,
            &["run".as_ref(), "--engine=wasmi".as_ref(), &hello],
        ),
    ];
    if let Some(wasm3) = installed("wasm3") {
        variants.push(Variant::new("wasm3", &wasm3, &[&hello]));
    }
    let mut outcomes = times(&variants, options.times(400, 5), options.smoke)?;
    let resting = [
        Variant::new("native static, asleep", &natives.asleep, &[]),
        Variant::new(
            "thimble run, wasmtime, asleep",
            &thimble,
            &["run".as_ref(), &sleeping],
        ),
        Variant::new(
            "thimble run, wasmi, asleep",
            &thimble,
            &["run".as_ref(), "--engine=wasmi".as_ref(), &sleeping],
        ),
    ];
    for variant in &resting {
        let size_mb = variant.size_mb()?;
        let outcome = Outcome::new(format!("{}: PSS", variant.what), size_mb, "MB");
        let promised = variant.what.contains("wasmtime");
        outcomes.push(if promised {
            outcome.budget("hello_process_pss_mb_max")
        } else {
            outcome
        });
    }
    Ok(outcomes)
}

/// One command to compare.
struct Variant {
    what: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

impl Variant {
    fn new(what: &'static str, program: &Path, arguments: &[&Path]) -> Self {
        Self {
            what,
            program: program.into(),
            arguments: arguments.iter().map(|path| path.to_path_buf()).collect(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// From before fork to after the end, in milliseconds.
    fn run(&self) -> Result<f64> {
        let begun = Instant::now();
        let status = self
            .command()
            .status()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if !status.success() {
            bail!("{} ended with {status}", self.what);
        }
        Ok(millis(begun.elapsed()))
    }

    /// The process's memory after it has said something.
    fn size_mb(&self) -> Result<f64> {
        let mut child = self.command().stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the process has no output")?;
        let mut line = String::new();
        let said = BufReader::new(output).read_line(&mut line);
        // It may still be on its way to sleep.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let size = proportional_kb(&child.id().to_string());
        child.kill()?;
        child.wait()?;
        if said? == 0 {
            bail!("{} ended without saying anything", self.what);
        }
        Ok(size? / 1024.0)
    }
}

/// Runs all variants in turn, so that disturbances hit all alike.
fn times(variants: &[Variant], rounds: usize, smoke: bool) -> Result<Vec<Outcome>> {
    let mut samples = vec![Vec::with_capacity(rounds); variants.len()];
    for round in 0..rounds + 2 {
        for (variant, samples) in variants.iter().zip(&mut samples) {
            let sample = variant.run()?;
            // The first rounds compile and fill caches.
            if round >= 2 {
                samples.push(sample);
            }
        }
    }
    let summaries = samples.into_iter().map(summarize);
    Ok(variants
        .iter()
        .zip(summaries)
        .map(|(variant, summary)| outcome(variant.what, summary, rounds, smoke))
        .collect())
}

fn outcome(what: &str, summary: Summary, rounds: usize, smoke: bool) -> Outcome {
    let outcome = Outcome::new(format!("{what}: exec to exit"), summary.median, "ms");
    let outcome = outcome.note(format!("p99 {:.2}, {rounds} times", summary.p99));
    if what.contains("wasmtime") && !smoke {
        outcome.budget("hello_process_ms_max")
    } else {
        outcome
    }
}

/// Static native programs to compare with.
struct Natives {
    nothing: PathBuf,
    asleep: PathBuf,
}

impl Natives {
    fn build(scratch: &Path) -> Result<Self> {
        let build = |name: &str, source: &str| -> Result<PathBuf> {
            let (file, program) = (scratch.join(name).with_extension("c"), scratch.join(name));
            std::fs::write(&file, source)?;
            compiler::run(
                Command::new(compiler::find()?)
                    .args(["-O2", "-static", "-o"])
                    .args([&program, &file]),
            )?;
            Ok(program)
        };
        Ok(Self {
            nothing: build("nothing", "int main(void) { return 0; }\n")?,
            asleep: build(
                "asleep",
                "#include <unistd.h>\nint main(void) { write(1, \"hello\\n\", 6); pause(); return 0; }\n",
            )?,
        })
    }
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
