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
    let begin = Instant::now();
    let changed = plant.step().await;
    let decided = outcome("deciding and publishing", begin).budget("fleet_rollout_100k_ms_max");
    assert_eq!(changed, devices as usize);
    plant.obey(&[]).await;
    let begin = Instant::now();
    plant.step().await;
    let taken = outcome("taking the reports of all", begin).budget("fleet_reports_100k_ms_max");
    let begin = Instant::now();
    let changed = plant.step().await;
    let full = outcome("a step that reads everything and has nothing to do", begin)
        .budget("fleet_full_step_100k_ms_max");
    assert_eq!(changed, 0);
    let begin = Instant::now();
    plant.step().await;
    let idle = outcome("a step after nothing changed", begin).budget("fleet_idle_step_100k_ms_max");
    vec![
        decided.note(format!("{devices} devices, one transaction")),
        taken,
        full,
        idle,
    ]
}

fn outcome(what: &str, begin: Instant) -> Outcome {
    Outcome::new(what, begin.elapsed().as_secs_f64() * 1000.0, "ms")
}
