//! Measures how long a plan of 100,000 devices takes: `cargo run --release -p thimble-rollout --example plan_100k`.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement may stop at the first surprise"
)]

use std::time::Instant;

use thimble_rollout::placement::{Deployment, Needs, Offer, Placer};
use thimble_rollout::policy::{Amount, Budget, Policy, Threshold, Wave};
use thimble_rollout::snapshot::Device;
use thimble_rollout::{
    Assigned, DeploymentId, DeviceId, Labels, RolloutId, Selector, Snapshot, UnixMs, plan,
};

const DEVICES: u32 = 100_000;
const NOW: UnixMs = UnixMs(1_795_993_200_000);

fn main() {
    let deployments = [Deployment {
        id: DeploymentId([1; 16]),
        app: "reader".to_owned(),
        selector: Selector::parse("site, model in (a,b)").unwrap(),
        priority: 0,
        needs: Needs {
            ram_bytes: 65_536,
            ..Needs::default()
        },
        depends_on: Vec::new(),
    }];
    let offer = Offer {
        ram_bytes: 1 << 20,
        ..Offer::default()
    };
    let mut devices: Vec<Device> = (0..DEVICES).map(device).collect();
    let begin = Instant::now();
    let placer = Placer::new(&deployments).unwrap();
    for device in &mut devices {
        let verdicts = placer.place(&device.labels, Some(&offer));
        device.verdict = verdicts
            .get(&deployments[0].id)
            .cloned()
            .unwrap_or_default();
    }
    println!(
        "place {DEVICES} devices: {} ms",
        begin.elapsed().as_millis()
    );
    let mut snapshot = Snapshot {
        rollout: RolloutId([2; 16]),
        deployment: deployments[0].id,
        revision: Some(2),
        devices,
        ..Snapshot::default()
    };
    let budget = |key: &str, percent| Budget {
        key: key.to_owned(),
        max: Threshold {
            count: None,
            percent: Some(percent),
        },
    };
    let waves = [Amount::count(100), Amount::percent(10), Amount::ALL].map(|amount| Wave {
        amount,
        ..Wave::default()
    });
    let careful = Policy {
        waves: waves.to_vec(),
        budgets: vec![budget("site", 10), budget("line", 20)],
        rate_per_minute: Some(10_000),
        ..Policy::default()
    };
    for (name, policy) in [("at once", Policy::default()), ("carefully", careful)] {
        snapshot.progress = thimble_rollout::Progress::default();
        let begin = Instant::now();
        let plan = plan(&policy, &snapshot, NOW);
        let elapsed_ms = begin.elapsed().as_millis();
        println!(
            "plan {name}: {elapsed_ms} ms, {} assignments",
            plan.assignments.len()
        );
    }
}

fn device(number: u32) -> Device {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    let pair = |key: &str, value: String| (key.to_owned(), value);
    Device {
        id: DeviceId(id),
        labels: Labels::new([
            pair("site", (number % 500).to_string()),
            pair("line", (number % 7).to_string()),
            pair(
                "model",
                if number.is_multiple_of(2) { "a" } else { "b" }.to_owned(),
            ),
            pair("device/arch", "thumbv7em".to_owned()),
        ])
        .unwrap(),
        hardware: "a".to_owned(),
        assigned: Some(Assigned {
            deployment: DeploymentId([1; 16]),
            revision: 1,
        }),
        last_seen: Some(NOW),
        ..Device::default()
    }
}
