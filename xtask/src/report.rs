//! The steps of a long run: what passed, how long it took, and the last line.
//!
//! A failed step never hides the next one. The summary line counts tests; a step that failed without a failing
//! test (a build, a check) counts as one failure, so that a failed run never ends with `0 failed`.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed, and steps that failed without one.
    pub(crate) failed: u64,
    /// Tests that were not run.
    pub(crate) ignored: u64,
}

impl Tally {
    /// Adds a line of a test binary's output, if it is one that counts.
    pub(crate) fn observe(&mut self, line: &str) {
        let Some((_, counts)) = line
            .trim()
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(number), Some(word)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The steps taken so far.
#[derive(Default)]
pub(crate) struct Report {
    /// What the tests said so far.
    pub(crate) tally: Tally,
    steps: Vec<Step>,
}

struct Step {
    name: &'static str,
    took: Duration,
    error: Option<String>,
}

impl Report {
    /// Takes one step under its heading; a failure is shown at once and again at the end.
    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T>,
    ) -> Option<T> {
        self.counting_step(name, |_| work())
    }

    /// Takes one step that counts tests.
    pub(crate) fn counting_step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Tally) -> Result<T>,
    ) -> Option<T> {
        println!("\n== {name}");
        let failed_before = self.tally.failed;
        let begin = Instant::now();
        let outcome = work(&mut self.tally);
        let took = begin.elapsed();
        let (value, error) = match outcome {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        if let Some(error) = &error {
            println!("error: {error}");
            if self.tally.failed == failed_before {
                self.tally.failed += 1;
            }
        }
        self.steps.push(Step { name, took, error });
        value
    }

    /// Shows the steps; success if all of them passed.
    pub(crate) fn finish(&self) -> ExitCode {
        println!("\n== steps");
        for Step { name, took, error } in &self.steps {
            let outcome = if error.is_none() { "ok" } else { "FAILED" };
            println!("{name:<12} {:>7.1} s  {outcome}", took.as_secs_f64());
        }
        // The last words of the step itself, so that nobody has to scroll for them.
        for step in &self.steps {
            if let Some(error) = &step.error {
                println!("\n{} failed: {error}", step.name);
            }
        }
        match self.steps.iter().all(|step| step.error.is_none()) && self.tally.failed == 0 {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }

    /// Shows the steps, then the count of tests as the very last line.
    pub(crate) fn finish_with_summary(&self) -> ExitCode {
        let code = self.finish();
        if self.tally.ignored > 0 {
            println!(
                "\n{} tests were ignored; no test of ours should be",
                self.tally.ignored
            );
        }
        println!("\n{}", self.tally);
        // Nothing can follow, whoever reads our output.
        let _ = io::stdout().flush();
        code
    }
}
