//! Measures how long a rollout to 100,000 devices takes in the hub: the decision, the publication, and the reports' reading.
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
use thimble_bench_report::{Budgets, Outcome, print};

const DEVICES: u32 = 100_000;
const SMOKE_DEVICES: u32 = 100;

fn main() -> anyhow::Result<()> {
    let mut arguments = pico_args::Arguments::from_env();
    let is_json = arguments.contains("--json");
    let is_smoke = arguments.contains("--smoke");
    let devices = if is_smoke { SMOKE_DEVICES } else { DEVICES };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut outcomes = runtime.block_on(measure(devices));
    if is_smoke {
        outcomes
            .iter_mut()
            .for_each(|outcome| outcome.budget = None);
    }
    let about = ("rollout", "a rollout to many devices, in the hub, SQLite");
    let missed = print(about, &outcomes, &Budgets::read()?, is_json)?;
    anyhow::ensure!(missed == 0, "{missed} budgets missed");
    Ok(())
}

async fn measure(devices: u32) -> Vec<Outcome> {
    let plant = Plant::new(devices).await;
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
    let idle = outcome("looking when there is nothing to do", begin);
    assert_eq!(changed, 0);
    vec![
        decided.note(format!("{devices} devices, one transaction")),
        taken,
        idle,
    ]
}

fn outcome(what: &str, begin: Instant) -> Outcome {
    Outcome::new(what, begin.elapsed().as_secs_f64() * 1000.0, "ms")
}
