//! The device as one of a fleet, from end to end: the real daemon, and a hub that speaks the devices' resources over mutual
//! TLS with whatever trouble a test wants.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod device;
mod guests;
mod hub;

use std::collections::BTreeMap;

use thimble_device_api::{ContainerSpec, FleetLink, Publish, State};
use thimble_protocol::report::{DeploymentState, LogRequest, Phase, ReasonCode, ReportReply};
use thimble_protocol::state::UpdatePolicy;
use thimble_protocol::{Manifest, seal};
use thimble_testkit::random::{Random, seed};

use device::Device;
use guests::{
    CAREFUL, DEPLOYMENT, TELLS, TRAPS, WELL, container, image, manifest, secret_variable, watched,
};
use hub::{DEVICE, Hub};

/// Lives that are ended at a random moment during an update; `THIMBLE_KILLS` sets another number.
const KILLS: u32 = 12;

fn well(hub: &Hub, tag: &str) -> Manifest {
    manifest(tag, watched(container("main", image(hub, tag, WELL, 0))))
}

/// Random bytes for sealing; what they are does not matter here.
struct Sealing(Random);

impl p256::elliptic_curve::rand_core::TryRng for Sealing {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::try_from(self.0.below(1 << 32)).unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0.below(u64::MAX))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for byte in bytes {
            *byte = u8::try_from(self.0.below(256)).unwrap();
        }
        Ok(())
    }
}

impl p256::elliptic_curve::rand_core::TryCryptoRng for Sealing {}

#[test]
fn a_device_enrols_installs_and_updates() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    device.start();
    // What was made by hand stays, whatever the fleet does.
    hub.declare(&[well(&hub, "1.0")], Vec::new());
    device.until_committed(1);
    assert!(device.runs("app.main", ":1.0"), "{}", device.log());
    let by_hand = ContainerSpec {
        name: Some("by-hand".to_owned()),
        image: device.container("app.main").unwrap().image.digest,
        restart: Some("always".to_owned()),
        ..ContainerSpec::default()
    };
    device.client().create(&by_hand, true).unwrap();

    let status = device.fleet();
    assert_eq!(status.link, FleetLink::Connected);
    assert_eq!(status.device, Some(DEVICE.to_string()));
    assert_eq!(status.deployments.len(), 1);
    assert_eq!(status.deployments[0].state, "installed");
    let key = device.root().join("daemon/fleet/device.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&key.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "the key is for the daemon alone");
    device.until("the hub hears that it is installed", || {
        hub.with(|state| {
            state.reports.iter().any(|report| {
                report.deployments.iter().flatten().any(|deployment| {
                    deployment.deployment == DEPLOYMENT
                        && deployment.state == DeploymentState::Installed
                })
            })
        })
    });

    hub.declare(&[well(&hub, "2.0")], Vec::new());
    device.until_committed(2);
    assert!(device.runs("app.main", ":2.0"), "{}", device.log());
    assert!(device.runs("by-hand", ""));

    // What is not declared any more goes.
    hub.declare(&[], Vec::new());
    device.until_committed(3);
    assert!(device.container("app.main").is_none());
    assert!(device.runs("by-hand", ""));
    assert_eq!(hub.with(|state| state.enrolments), 1);
}

#[test]
fn secrets_reach_the_container_and_nobody_else() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    device.start();
    hub.declare(&[], Vec::new());
    device.until_committed(1);
    let key = hub.with(|state| state.device_key).unwrap();
    let mut random = Sealing(Random::new(seed(3)));
    let secret = |value: &str, revision, random: &mut Sealing| {
        seal::seal(value.as_bytes(), "password", revision, DEVICE, &key, random).unwrap()
    };
    let mut main = container("main", image(&hub, "1.0", TELLS, 0));
    main.env.push("COLOUR=blue".to_owned());
    main.secret_env
        .push(secret_variable("PASSWORD", "password"));
    let declared = manifest("1.0", main);

    let first = secret("hunter2", 1, &mut random);
    hub.declare(std::slice::from_ref(&declared), vec![first]);
    device.until_committed(2);
    let has = |device: &Device, line: &str| device.lines("app.main").iter().any(|it| it == line);
    device.until("it has its secret", || has(&device, "PASSWORD=hunter2"));
    assert!(has(&device, "COLOUR=blue"));

    let shown = serde_json::to_string(&device.container("app.main").unwrap()).unwrap();
    assert!(
        shown.contains("blue") && !shown.contains("hunter2"),
        "{shown}"
    );
    assert!(!device.log().contains("hunter2"));

    // It is there after a start without the hub.
    let before = device.lines("app.main").len();
    device.kill();
    device.start();
    device.until("it has it again", || {
        let lines = device.lines("app.main");
        lines.len() > before && lines[before..].iter().any(|it| it == "PASSWORD=hunter2")
    });

    // Another value makes it anew.
    let second = secret("correct horse", 2, &mut random);
    hub.declare(&[declared], vec![second]);
    device.until_committed(3);
    device.until("it has the other one", || {
        has(&device, "PASSWORD=correct horse")
    });
}

#[test]
fn a_download_goes_on_where_it_ended_also_after_the_daemon_was_killed() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    let declared = manifest(
        "1.0",
        watched(container("main", image(&hub, "1.0", WELL, 300_000))),
    );
    let layer = declared.containers[0].image.layer;
    hub.with(|state| state.cuts.insert(layer, 200_000));
    hub.declare(&[declared], Vec::new());
    device.start();
    let part = device.root().join("images/ingest").join(layer.hex());
    device.until("the first part came", || {
        part.metadata().is_ok_and(|it| it.len() >= 200_000)
    });
    device.kill();
    device.start();
    device.until_committed(1);
    let offsets: Vec<usize> = hub.with(|state| {
        let all = state.offsets.iter();
        all.filter(|(digest, _)| *digest == layer)
            .map(|(_, offset)| *offset)
            .collect()
    });
    assert_eq!(offsets[0], 0);
    assert_eq!(offsets.last(), Some(&200_000), "{offsets:?}");
    assert!(device.runs("app.main", ":1.0"));
}

#[test]
fn an_app_that_says_no_is_asked_again_until_it_says_yes() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    let mut careful = container("main", image(&hub, "1.0", CAREFUL, 0));
    careful.grants.push("bus.sub:job".to_owned());
    hub.declare(&[manifest("1.0", careful)], Vec::new());
    device.start();
    device.until_committed(1);

    hub.declare(&[well(&hub, "2.0")], Vec::new());
    device.until_fleet("it says no", |it| {
        it.deployments
            .first()
            .is_some_and(|it| it.phase == "vetoed" && it.reason.as_deref() == Some("vetoed"))
    });
    assert!(device.runs("app.main", ":1.0"));
    let text = device.fleet().deployments[0].text.clone().unwrap();
    assert!(text.contains("a job is running"), "{text}");

    let idle = Publish {
        topic: "job".to_owned(),
        payload: "idle".to_owned(),
        content_type: String::new(),
        retain: false,
    };
    device.client().publish(&idle).unwrap();
    device.until_committed(2);
    assert!(device.runs("app.main", ":2.0"));
}

#[test]
fn what_crashes_is_taken_back_and_not_tried_again() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    hub.declare(&[well(&hub, "1.0")], Vec::new());
    device.start();
    device.until_committed(1);

    let broken = manifest("2.0", container("main", image(&hub, "2.0", TRAPS, 0)));
    hub.declare(std::slice::from_ref(&broken), Vec::new());
    device.until("the hub hears that it was taken back", || {
        hub.with(|state| {
            state.reports.iter().any(|report| {
                report.deployments.iter().flatten().any(|deployment| {
                    deployment.state == DeploymentState::Failed
                        && deployment.phase == Phase::RolledBack
                        && deployment
                            .reason
                            .as_ref()
                            .is_some_and(|reason| reason.code == ReasonCode::Crashed)
                })
            })
        })
    });
    device.until("the old one runs", || device.runs("app.main", ":1.0"));

    // The same again in a newer state: refused, and the old one runs on.
    let before = device.container("app.main").unwrap().id;
    let version = hub.declare(&[broken], Vec::new());
    device.until_fleet("it took the state", |it| it.adopted == version);
    device.until_fleet("it is refused", |it| {
        it.deployments
            .first()
            .is_some_and(|it| it.state == "failed")
    });
    assert_eq!(device.container("app.main").unwrap().id, before);

    hub.declare(&[well(&hub, "3.0")], Vec::new());
    device.until_committed(4);
    assert!(device.runs("app.main", ":3.0"));
}

#[test]
fn what_runs_goes_on_when_the_hub_is_gone_or_does_not_want_the_device() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    hub.declare(&[well(&hub, "1.0")], Vec::new());
    device.start();
    device.until_committed(1);
    let first = device.container("app.main").unwrap();

    hub.go_offline();
    device.until_fleet("it notices", |it| it.link == FleetLink::Offline);
    assert_eq!(device.container("app.main").unwrap().id, first.id);
    // Also over a start without the hub.
    device.kill();
    device.start();
    device.until("it runs again", || device.runs("app.main", ":1.0"));
    hub.come_back();
    device.until_fleet("it is back", |it| it.link == FleetLink::Connected);

    hub.with(|state| state.is_refusing = true);
    // The poll that waits is answered; the next one is refused.
    hub.declare(&[well(&hub, "2.0")], Vec::new());
    device.until_fleet("it is refused and says so", |it| {
        it.link == FleetLink::Refused
            && it
                .problem
                .as_deref()
                .is_some_and(|problem| problem.contains("revoked"))
    });
    assert_eq!(device.container("app.main").unwrap().state, State::Running);
    hub.with(|state| state.is_refusing = false);
    device.until_committed(2);
    assert!(device.runs("app.main", ":2.0"));
}

#[test]
fn a_hold_at_the_device_or_by_the_hub_keeps_everything_as_it_is() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    hub.declare(&[well(&hub, "1.0")], Vec::new());
    device.start();
    device.until_committed(1);

    assert!(
        device
            .command()
            .args(["agent", "hold"])
            .status()
            .unwrap()
            .success()
    );
    device.until_fleet("it is held", |it| it.held_here);
    hub.declare(&[well(&hub, "2.0")], Vec::new());
    device.until_fleet("it waits", |it| {
        it.deployments
            .first()
            .is_some_and(|it| it.phase == "waiting")
    });
    // It outlives a restart.
    device.kill();
    device.start();
    device.until_fleet("it is still held", |it| it.held_here);
    assert!(device.runs("app.main", ":1.0"));
    assert!(
        device
            .command()
            .args(["agent", "release"])
            .status()
            .unwrap()
            .success()
    );
    device.until_committed(2);

    let held = UpdatePolicy {
        is_held: true,
        ..UpdatePolicy::default()
    };
    let third = well(&hub, "3.0");
    hub.declare_with(std::slice::from_ref(&third), Vec::new(), |state| {
        state.policy = held;
    });
    device.until_fleet("the hub holds it", |it| it.held_by_hub);
    assert!(device.runs("app.main", ":2.0"));
    hub.declare(&[third], Vec::new());
    device.until_committed(4);

    let shown = device.command().args(["agent", "status"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("connected") && shown.contains("installed"),
        "{shown}"
    );
}

#[test]
fn a_device_joins_by_hand_and_stays() {
    let hub = Hub::start();
    let mut device = Device::without_hub(&hub);
    device.start();
    assert_eq!(device.fleet().link, FleetLink::None);
    assert!(!device.root().join("daemon/fleet").exists());
    assert!(
        !device
            .command()
            .args(["agent", "hold"])
            .status()
            .unwrap()
            .success()
    );
    let ca = device.root().join("config/hub.pem");
    let enrol = |code: &str| {
        let mut command = device.command();
        command
            .args(["agent", "enrol", &hub.url(), "--claim-code", code, "--ca"])
            .arg(&ca);
        command.output().unwrap()
    };
    assert!(enrol("wrong").status.success(), "it is only asked");
    device.until_fleet("the hub refuses the code", |it| {
        it.link == FleetLink::Refused
            && it
                .problem
                .as_deref()
                .is_some_and(|it| it.contains("claim code"))
    });
    assert!(enrol(hub::CLAIM_CODE).status.success());
    hub.declare(&[well(&hub, "1.0")], Vec::new());
    device.until_committed(1);
    let again = enrol(hub::CLAIM_CODE);
    assert!(!again.status.success());
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("has the hub"), "{said}");
    device.kill();
    device.start();
    hub.declare(&[well(&hub, "2.0")], Vec::new());
    device.until_committed(2);
}

#[test]
fn a_certificate_is_renewed_when_the_hub_wants_it() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    hub.declare(&[well(&hub, "1.0")], Vec::new());
    device.start();
    device.until_committed(1);
    hub.with(|state| state.reply.renew_certificate = true);
    hub.declare(&[well(&hub, "2.0")], Vec::new());
    device.until("it asks for another", || {
        hub.with(|state| state.enrolments >= 2)
    });
    hub.with(|state| state.reply.renew_certificate = false);
    device.until_committed(2);
    hub.declare(&[well(&hub, "3.0")], Vec::new());
    device.until_committed(3);
    assert_eq!(device.fleet().link, FleetLink::Connected);
}

#[test]
fn a_state_that_is_older_or_signed_by_a_stranger_changes_nothing() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    hub.declare(&[well(&hub, "1.0")], Vec::new());
    device.start();
    device.until_committed(1);
    hub.declare(&[well(&hub, "2.0")], Vec::new());
    device.until_committed(2);
    let noted = || {
        hub.with(|state| {
            let notes = state.reports.iter().flat_map(|report| &report.notes);
            notes.filter(|note| note.code == "state-refused").count()
        })
    };
    hub.declare_with(&[well(&hub, "1.0")], Vec::new(), |state| {
        state.version = thimble_protocol::StateVersion(1);
    });
    device.until("the older one is refused and noted", || noted() >= 1);
    hub.sign_as_a_stranger();
    device.until("the stranger's is refused and noted", || noted() >= 2);
    assert_eq!(device.fleet().adopted, 2);
    assert!(device.runs("app.main", ":2.0"));
}

#[test]
fn a_bundle_brings_what_the_network_does_not() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    hub.declare(&[well(&hub, "1.0")], Vec::new());
    device.start();
    device.until_committed(1);
    hub.go_offline();
    hub.declare(&[well(&hub, "2.0")], Vec::new());
    let bundle = hub.bundle();
    let path = device.root().join("stick");
    let import = || {
        device
            .command()
            .arg("agent")
            .arg("import")
            .arg(&path)
            .output()
            .unwrap()
    };

    std::fs::write(&path, &bundle[..bundle.len() - 5]).unwrap();
    let cut = import();
    assert!(!cut.status.success());
    let said = String::from_utf8(cut.stderr).unwrap();
    assert!(said.contains("copy it again"), "{said}");
    std::fs::write(&path, b"something else").unwrap();
    assert!(!import().status.success());
    assert_eq!(device.fleet().adopted, 1);

    std::fs::write(&path, &bundle).unwrap();
    let whole = import();
    assert!(whole.status.success(), "{whole:?}");
    device.until_committed(2);
    assert!(device.runs("app.main", ":2.0"));
}

#[test]
fn the_hub_reads_logs() {
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    let mut main = container("main", image(&hub, "1.0", TELLS, 0));
    main.env.push("COLOUR=blue".to_owned());
    hub.declare(&[manifest("1.0", main)], Vec::new());
    device.start();
    device.until_committed(1);
    let ask = |request, container: &str| LogRequest {
        request,
        container: container.to_owned(),
        lines: 10,
    };
    hub.with(|state| {
        state.reply = ReportReply {
            requests: vec![ask(1, "app.main"), ask(2, "app.other")],
            send_all: true,
            ..ReportReply::default()
        };
    });
    // Any change is reported, and brings the requests.
    hub.declare(&[well(&hub, "2.0")], Vec::new());
    let answers = || -> BTreeMap<u64, (Vec<String>, Option<String>)> {
        hub.with(|state| {
            let logs = state
                .reports
                .iter()
                .filter_map(|report| report.logs.clone());
            logs.map(|it| (it.request, (it.lines, it.error))).collect()
        })
    };
    device.until("both are answered", || answers().len() == 2);
    let answers = answers();
    assert!(answers[&2].1.as_deref().unwrap().contains("no container"));
    assert!(answers[&1].1.is_none());
}

#[test]
fn an_update_comes_to_its_end_however_often_the_daemon_is_killed() {
    let seed = seed(17);
    let kills = std::env::var("THIMBLE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut random = Random::new(seed);
    let hub = Hub::start();
    let mut device = Device::of(&hub);
    hub.declare(&[well(&hub, "v0")], Vec::new());
    device.start();
    device.until_committed(1);
    for kill in 1..=kills {
        let is_broken = random.below(4) == 0;
        let tag = format!("v{kill}");
        let next = if is_broken {
            manifest(&tag, container("main", image(&hub, &tag, TRAPS, 50_000)))
        } else {
            manifest(
                &tag,
                watched(container("main", image(&hub, &tag, WELL, 50_000))),
            )
        };
        hub.declare(&[next], Vec::new());
        // Any moment from the declaration to some time after the switch.
        let micros = random.below(1_500_000);
        std::thread::sleep(std::time::Duration::from_micros(micros));
        device.kill();
        device.start();
        let containers = device.client().containers(true, Some("app")).unwrap();
        assert!(
            containers.len() <= 1,
            "seed {seed}, kill {kill}: {containers:#?}"
        );
    }
    let last = hub.declare(&[well(&hub, "last")], Vec::new());
    device.until_committed(last);
    assert!(
        device.runs("app.main", ":last"),
        "seed {seed}: {}",
        device.log()
    );
    let containers = device.client().containers(true, None).unwrap();
    assert_eq!(containers.len(), 1, "seed {seed}: {containers:#?}");
}
