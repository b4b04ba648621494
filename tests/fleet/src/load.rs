//! What a node takes: polls, idle connections, enrolments, devices.
//!
//! The node is a process of its own ([`node`]), with a real store, so that its memory and its processor time are told apart
//! from the generator's. Both run on one machine and share its processors; figures per core count the node's processor time.

mod child;
mod figures;
mod idle;
mod plan;
mod process;

use std::path::PathBuf;

use anyhow::{Result, bail};
use thimble_bench_report::{Budgets, print, print_failure};

pub use child::node;
pub use idle::part as idle_part;

/// What is measured, and with how much.
#[derive(Clone, Debug)]
pub struct Size {
    /// Connections of the figure `idle`.
    pub connections: usize,
    /// Devices of the figure `map`.
    pub devices: usize,
    /// Devices of the figure `plan`.
    pub planned: u32,
    /// Seconds of the figures that count.
    pub seconds: u64,
}

impl Size {
    /// Everything tiny: only to see that it runs.
    const SMOKE: Self = Self {
        connections: 20,
        devices: 200,
        planned: 1000,
        seconds: 1,
    };
    /// What budgets are about.
    const FULL: Self = Self {
        connections: 20_000,
        devices: 100_000,
        planned: 100_000,
        seconds: 10,
    };
}

/// Descriptors beside those of connections.
const DESCRIPTORS: usize = 200;

const FIGURES: [(&str, &str); 5] = [
    (
        "polls",
        "polls that are answered with 304, over kept connections",
    ),
    ("idle", "memory of connections whose poll waits"),
    (
        "enrolments",
        "enrolments, each with a handshake and a certificate",
    ),
    ("map", "memory and start with many registered devices"),
    ("plan", "plans of a rollout to many devices"),
];

/// Measures and prints figures.
///
/// # Errors
/// A figure is not known, or a budget was missed.
pub fn run(mut arguments: pico_args::Arguments) -> Result<()> {
    let is_json = arguments.contains("--json");
    let is_smoke = arguments.contains("--smoke");
    let size = if is_smoke { Size::SMOKE } else { Size::FULL };
    let size = Size {
        connections: arguments
            .opt_value_from_str("--connections")?
            .unwrap_or(size.connections),
        devices: arguments
            .opt_value_from_str("--devices")?
            .unwrap_or(size.devices),
        seconds: arguments
            .opt_value_from_str("--seconds")?
            .unwrap_or(size.seconds),
        ..size
    };
    let wanted: Vec<String> = arguments
        .finish()
        .into_iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let names = FIGURES.map(|(name, _)| name);
    if let Some(other) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        bail!(
            "there is no figure `{other}`: there are {}",
            names.join(", ")
        );
    }
    let budgets = Budgets::read()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut missed = 0;
    for (name, about) in FIGURES {
        if !wanted.is_empty() && !wanted.iter().any(|other| other == name) {
            continue;
        }
        let outcomes = match name {
            "polls" => runtime.block_on(figures::polls(&size)),
            "idle" => idle::idle(&size),
            "enrolments" => runtime.block_on(figures::enrolments(&size)),
            "plan" => plan::plans(&size),
            _ => runtime.block_on(figures::map(&size)),
        };
        match outcomes {
            Ok(mut outcomes) => {
                if is_smoke {
                    outcomes
                        .iter_mut()
                        .for_each(|outcome| outcome.budget = None);
                }
                missed += print((name, about), &outcomes, &budgets, is_json)?;
            }
            Err(error) => {
                print_failure(name, &error, is_json);
                missed += 1;
            }
        }
    }
    if missed > 0 {
        bail!("{missed} of the figures failed or missed their budgets");
    }
    Ok(())
}

/// Where a node tells its devices.
fn devices_file(folder: &std::path::Path) -> PathBuf {
    folder.join("devices.bin")
}
