//! Random lives of a device: states, faults, vetoes, windows, holds, outages and power cuts after any action. What must never
//! happen is looked for at each action; in the end the device is as declared, or as it was before.

use crate::support::{Device, Fault, MONDAY, app, id};
use thimble_agent::{Consent, Event};
use thimble_protocol::report::{DeploymentState, Phase};
use thimble_protocol::state::{Escalation, Rung, UpdatePolicy, Window};
use thimble_protocol::{Item, UnixSeconds};
use thimble_testkit::random::{Random, seed};

const LIVES: u64 = 100;
const EVENTS: u64 = 60;
const APPS: u64 = 4;

#[test]
fn whatever_happens_the_device_is_never_wrong_and_ends_well() {
    let seed = seed(0x0074_6869_6d62_6c65);
    let mut cuts = 0;
    let mut rolled_back = 0;
    let mut installed = 0;
    for life in 0..LIVES {
        println!("life {life}");
        let mut random = Random::new(seed.wrapping_add(life));
        let mut device = Device::new();
        let has_ladder = life % 4 == 0;
        device.invariants.may_roll_back_state = has_ladder;
        for version in 0..EVENTS {
            happen(&mut device, &mut random, version, has_ladder);
        }
        let (good, back) = settle(&mut device);
        installed += good;
        rolled_back += back;
        cuts += device.cuts;
    }
    println!("{cuts} power cuts, {installed} as declared, {rolled_back} as before");
    assert!(
        cuts > 100 && installed > 100 && rolled_back > 20,
        "{cuts} {installed} {rolled_back}"
    );
}

fn happen(device: &mut Device, random: &mut Random, version: u64, has_ladder: bool) {
    match random.below(21) {
        20 => device.failing = u32::try_from(random.below(8)).unwrap(),
        0..=3 => declare(device, random, version, has_ladder),
        16 => device.is_slow = random.below(2) == 0,
        17 | 18 => {
            let answers = 1 + random.below(30);
            device.work(answers);
        }
        19 => import(device),
        4..=6 => {
            let seconds = *random.pick(&[1, 10, 61, 600, 4000]);
            device.pass(seconds);
        }
        7..=9 => device.poll(),
        10 => device.is_hub_up = random.below(3) > 0,
        11 | 12 => device.actions_left = Some(u32::try_from(random.below(40)).unwrap()),
        13 => {
            let deployment = id(u8::try_from(1 + random.below(APPS)).unwrap());
            let consent = match random.below(4) {
                0 => Consent::No("busy".into()),
                1 => Consent::Silent,
                2 => Consent::NotAsked,
                _ => Consent::Yes,
            };
            device.consents.insert(deployment, consent);
        }
        14 => {
            let is_held = random.below(3) == 0;
            device.invariants.is_held_here = is_held;
            // A hold that the power cut has the device forget is put in again by whoever stands there.
            for _ in 0..2 {
                device.handle(Event::LocalHold { is_held });
            }
        }
        _ => {
            device.now.clock = match random.below(4) {
                0 => None,
                _ => Some(UnixSeconds(MONDAY + random.below(7 * 86_400))),
            };
            device.handle(Event::Tick);
        }
    }
}

/// Somebody brings the present state, with all its blobs.
fn import(device: &mut Device) {
    let Some((state, envelope)) = device.state.clone() else {
        return;
    };
    for item in &state.items {
        let (_, manifest, fault) = &device.manifests[&item.manifest];
        let images = manifest.containers.iter().map(|container| &container.image);
        if *fault != Fault::Unavailable {
            device
                .stored
                .extend(images.flat_map(|image| [image.manifest, image.config, image.layer]));
        }
        device.stored.insert(item.manifest);
    }
    device.handle(Event::BundleImported {
        envelope: &envelope,
    });
}

fn declare(device: &mut Device, random: &mut Random, version: u64, has_ladder: bool) {
    let mut items: Vec<Item> = Vec::new();
    for number in 1..=APPS {
        if random.below(4) == 0 {
            continue;
        }
        let number = u8::try_from(number).unwrap();
        let old = device.state.as_ref().and_then(|(state, _)| {
            state
                .items
                .iter()
                .find(|item| item.deployment == id(number))
                .cloned()
        });
        if let Some(old) = old.filter(|_| random.below(2) == 0) {
            items.push(old);
            continue;
        }
        let mut manifest = app(number, &version.to_string());
        manifest.update.hub_within_s = *random.pick(&[0, 0, 300]);
        if random.below(3) == 0 {
            let other = u8::try_from(1 + random.below(APPS)).unwrap();
            manifest.depends_on = vec![id(if other == number {
                1 + number % 4
            } else {
                other
            })];
        }
        if random.below(8) == 0 {
            manifest.containers[0].limits.memory_bytes = Some(600_000);
        }
        let fault = *random.pick(&[
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::Crashes,
            Fault::Unhealthy,
            Fault::DoesNotStart,
            Fault::Untrusted,
            Fault::Unavailable,
        ]);
        let mut item = device.publish(&manifest, fault);
        if random.below(8) == 0 {
            item.override_reason = Some("urgent".into());
        }
        items.push(item);
    }
    let mut policy = UpdatePolicy::default();
    match random.below(8) {
        0 => policy.is_held = true,
        1 => policy.hold_until = Some(UnixSeconds(MONDAY + random.below(7 * 86_400))),
        2 | 3 => {
            policy.windows = vec![Window {
                days: u8::try_from(1 + random.below(127)).unwrap(),
                begin_minute: u16::try_from(random.below(1440)).unwrap(),
                minutes: u16::try_from(1 + random.below(1440)).unwrap(),
                utc_offset_minutes: i16::try_from(random.below(1681)).unwrap() - 840,
            }];
        }
        _ => {}
    }
    let next = device
        .state
        .as_ref()
        .map_or(0, |(state, _)| state.version.0)
        + 1;
    let envelope = device.sign_as(next, &items, policy, |state| {
        if has_ladder {
            state.ladder = vec![Rung {
                after_s: 3000,
                step: Escalation::RollBack,
            }];
        }
    });
    // It may be lost on its way.
    if device.is_hub_up && random.below(4) > 0 {
        device.receive(&envelope);
    }
}

/// Everything is well for long enough. Returns how many deployments are as declared, and how many as before.
fn settle(device: &mut Device) -> (u32, u32) {
    device.actions_left = None;
    device.failing = 0;
    device.is_slow = false;
    device.work(u64::MAX);
    device.is_hub_up = true;
    device.consents.clear();
    device.now.clock = Some(UnixSeconds(MONDAY));
    device.invariants.is_held_here = false;
    device.handle(Event::LocalHold { is_held: false });
    let items = device
        .state
        .as_ref()
        .map(|(state, _)| state.items.clone())
        .unwrap_or_default();
    device.declare(&items);
    device.pass_polling(3 * 3600, 60);
    let tail = device.log.len().saturating_sub(60);
    let log = format!(
        "{:#?}\n{}",
        device.agent.status(device.now),
        device.log[tail..].join("\n")
    );
    let status = device.agent.status(device.now);
    assert_eq!(status.adopted, device.state.as_ref().unwrap().0.version);
    let (mut good, mut back) = (0, 0);
    for item in &items {
        let (_, manifest, fault) = &device.manifests[&item.manifest];
        let running = device
            .installed
            .get(&item.deployment)
            .filter(|app| app.is_running);
        let phase = device.phase(item.deployment);
        if running.is_some_and(|app| app.digest == item.manifest) {
            assert_eq!(
                (phase.0, phase.1),
                (DeploymentState::Installed, Phase::Idle),
                "{log}"
            );
            assert!(
                !matches!(
                    fault,
                    Fault::Crashes | Fault::Unhealthy | Fault::DoesNotStart
                ),
                "{log}"
            );
            good += 1;
            continue;
        }
        back += 1;
        let is_waiting = matches!(phase.0, DeploymentState::Failed | DeploymentState::Pending);
        assert!(
            is_waiting && phase.2.is_some(),
            "{phase:?} {}\n{log}",
            manifest.version
        );
        if let Some(app) = running {
            let fault = device.manifests[&app.digest].2;
            assert!(
                !matches!(
                    fault,
                    Fault::Crashes | Fault::Unhealthy | Fault::DoesNotStart
                ),
                "{fault:?}\n{log}"
            );
        }
    }
    for (deployment, app) in &device.installed {
        assert!(
            items.iter().any(|item| item.deployment == *deployment),
            "{deployment} is still there\n{log}"
        );
        assert!(app.is_running, "{deployment} does not run\n{log}");
    }
    (good, back)
}
