//! How long plans take.

use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use thimble_bench_report::Outcome;
use thimble_rollout::placement::{Deployment, Needs, Offer, Placer};
use thimble_rollout::policy::{Amount, Budget, Policy, Threshold, Wave};
use thimble_rollout::snapshot::Device;
use thimble_rollout::{
    Assigned, DeploymentId, DeviceId, Labels, Progress, RolloutId, Selector, Snapshot, UnixMs, plan,
};

use super::Size;

const NOW: UnixMs = UnixMs(1_795_993_200_000);
const DEPLOYMENT: DeploymentId = DeploymentId([1; 16]);

/// Placing devices, and planning a rollout to them at once and carefully.
pub(super) fn plans(size: &Size) -> Result<Vec<Outcome>> {
    let devices: Result<Vec<Device>> = (0..size.planned).map(device).collect();
    let mut devices = devices?;
    let began = Instant::now();
    place(&mut devices)?;
    let placed = Outcome::new("placing devices", ms(began), "ms");
    let mut snapshot = Snapshot {
        rollout: RolloutId([2; 16]),
        deployment: DEPLOYMENT,
        revision: Some(2),
        devices,
        ..Snapshot::default()
    };
    let mut outcomes = vec![placed.note(format!("{} devices", size.planned))];
    let policies = [
        ("a plan for all at once", Policy::default()),
        ("a plan in waves within budgets", careful()),
    ];
    for (what, policy) in policies {
        snapshot.progress = Progress::default();
        let began = Instant::now();
        let plan = plan(&policy, &snapshot, NOW);
        outcomes.push(
            Outcome::new(what, ms(began), "ms")
                .budget("fleet_plan_100k_ms_max")
                .note(format!("{} devices to be changed", plan.assignments.len())),
        );
    }
    Ok(outcomes)
}

fn place(devices: &mut [Device]) -> Result<()> {
    let deployments = [Deployment {
        id: DEPLOYMENT,
        app: "reader".to_owned(),
        selector: Selector::parse("site, model in (a,b)").map_err(|error| anyhow!("{error}"))?,
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
    let placer = Placer::new(&deployments).map_err(|error| anyhow!("{error}"))?;
    for device in devices {
        let verdicts = placer.place(&device.labels, Some(&offer));
        let verdict = verdicts.get(&DEPLOYMENT).context("no verdict")?;
        device.verdict = verdict.clone();
    }
    Ok(())
}

fn careful() -> Policy {
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
    Policy {
        waves: waves.to_vec(),
        budgets: vec![budget("site", 10), budget("line", 20)],
        rate_per_minute: Some(10_000),
        ..Policy::default()
    }
}

fn device(number: u32) -> Result<Device> {
    let [.., b2, b1, b0] = number.to_be_bytes();
    let mut id = [0; 16];
    let [.., i2, i1, i0] = &mut id;
    (*i2, *i1, *i0) = (b2, b1, b0);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let model = ["a", "b"][usize::from(number % 2 == 1)];
    let labels = Labels::new([
        pair("site", &(number % 500).to_string()),
        pair("line", &(number % 7).to_string()),
        pair("model", model),
        pair("device/arch", "thumbv7em"),
    ]);
    Ok(Device {
        id: DeviceId(id),
        labels: labels.map_err(|error| anyhow!("{error}"))?,
        hardware: "a".to_owned(),
        assigned: Some(Assigned {
            deployment: DEPLOYMENT,
            revision: 1,
        }),
        last_seen: Some(NOW),
        ..Device::default()
    })
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}
