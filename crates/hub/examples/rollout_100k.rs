//! Measures how long a rollout to 100,000 devices takes in the hub: the decision, the publication, and the reports' reading.
//! `cargo run --release -p thimble-hub --example rollout_100k`.

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

const DEVICES: u32 = 100_000;

#[tokio::main]
async fn main() {
    let begin = Instant::now();
    let plant = Plant::new(DEVICES).await;
    println!("made {DEVICES} devices: {} ms", begin.elapsed().as_millis());
    let deployment = plant.deploy("readers", json!({})).await;
    plant.roll_out(deployment, 1, json!({})).await;
    let begin = Instant::now();
    let changed = plant.step().await;
    println!(
        "decided and published for {changed}: {} ms",
        begin.elapsed().as_millis()
    );
    let begin = Instant::now();
    plant.obey(&[]).await;
    println!("all reported: {} ms", begin.elapsed().as_millis());
    let begin = Instant::now();
    plant.step().await;
    println!("all reports taken: {} ms", begin.elapsed().as_millis());
    let begin = Instant::now();
    let changed = plant.step().await;
    println!(
        "nothing to do, {changed} changed: {} ms",
        begin.elapsed().as_millis()
    );
}
