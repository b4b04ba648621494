//! Measures how long a rollout to 100,000 devices takes in the hub, on SQLite and on PostgreSQL: the decision and the
//! publication, taking what all devices report, and looking when there is nothing to do.
//! `cargo run --release -p thimble-hub --example rollout_100k [-- --smoke] [--json]`; `--smoke` makes it tiny, without a budget.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "it measures, may stop at the first surprise, and needs a part of the tests' plant"
)]

#[path = "../tests/rollouts/plant.rs"]
mod plant;

use std::time::Instant;

use plant::Plant;
use serde_json::json;
use tempfile::TempDir;
use thimble_bench_report::{Budgets, Outcome, print};
use thimble_testkit::postgres::{Durability, Postgres};

const DEVICES: u32 = 100_000;
const SMOKE_DEVICES: u32 = 100;

fn main() -> anyhow::Result<()> {
    let mut arguments = pico_args::Arguments::from_env();
    let is_json = arguments.contains("--json");
    let is_smoke = arguments.contains("--smoke");
    let devices = if is_smoke { SMOKE_DEVICES } else { DEVICES };
    let budgets = Budgets::read()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut missed = 0;
    let sqlite = |folder: &TempDir| format!("sqlite:{}", folder.path().join("hub.db").display());
    let server = Postgres::start(Durability::Full);
    for name in ["rollout on SQLite", "rollout on PostgreSQL"] {
        let folder = TempDir::new()?;
        let address = match name {
            "rollout on SQLite" => sqlite(&folder),
            _ => server.database(),
        };
        let mut outcomes = runtime.block_on(measure(&address, folder, devices));
        if is_smoke {
            outcomes
                .iter_mut()
                .for_each(|outcome| outcome.budget = None);
        }
        let about = (name, "a rollout to many devices, in the hub");
        missed += print(about, &outcomes, &budgets, is_json)?;
    }
    anyhow::ensure!(missed == 0, "{missed} budgets missed");
    Ok(())
}

async fn measure(address: &str, folder: TempDir, devices: u32) -> Vec<Outcome> {
    let plant = Plant::at(address, folder, devices).await;
    let deployment = plant.deploy("readers", json!({})).await;
    plant.roll_out(deployment, 1, json!({})).await;
    let (changed, decided) = step(&plant, "deciding and publishing").await;
    assert_eq!(changed, devices as usize);
    plant.obey(&[]).await;
    let (_, taken) = step(&plant, "taking the reports of all").await;
    let (changed, full) = step(&plant, "a step that reads all and has nothing to do").await;
    assert_eq!(changed, 0);
    let (_, idle) = step(&plant, "a step after nothing changed").await;
    vec![
        decided.budget("fleet_rollout_100k_ms_max"),
        taken.budget("fleet_reports_100k_ms_max"),
        full.budget("fleet_full_step_100k_ms_max"),
        idle.budget("fleet_idle_step_100k_ms_max"),
    ]
}

/// Takes a step: how many devices it changed, and how long it took.
async fn step(plant: &Plant, what: &str) -> (usize, Outcome) {
    let (begin, processor_s) = (Instant::now(), processor_s());
    let changed = plant.step().await;
    let ms = begin.elapsed().as_secs_f64() * 1000.0;
    let processor_s = self::processor_s() - processor_s;
    let note = format!(
        "{} devices, {processor_s:.2} s of processor",
        plant.devices.len()
    );
    (changed, Outcome::new(what, ms, "ms").note(note))
}

/// Seconds of processor time that this process took so far; a database server's are its own.
fn processor_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    // The kernel tells times in hundredths of a second.
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
