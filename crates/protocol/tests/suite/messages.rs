//! Random messages that keep the rules.

use thimble_image::Digest;
use thimble_protocol::enrol::Issued;
use thimble_protocol::manifest::{
    Blob, Container, Health, Image, Limits, Mount, SecretVariable, UpdateRules,
};
use thimble_protocol::report::{
    ContainerStatus, DeploymentState, DeploymentStatus, LogAnswer, LogRequest, Note, Phase, Reason,
    ReasonCode, Usage,
};
use thimble_protocol::sign::P256Signer;
use thimble_protocol::state::{Escalation, Rung, SealedSecret, SigningKey, UpdatePolicy, Window};
use thimble_protocol::{
    Capabilities, DeploymentId, DesiredState, DeviceId, EnrolReply, EnrolRequest, Item, Manifest,
    Report, ReportReply, StateVersion, UnixSeconds,
};
use thimble_testkit::random::Random;

/// A key that is the same for the same number.
pub(crate) fn secret_key(number: u8) -> p256::SecretKey {
    p256::SecretKey::from_slice(&[number; 32]).unwrap()
}

pub(crate) fn signer(number: u8) -> P256Signer {
    P256Signer::new(&secret_key(number))
}

fn key(number: u8) -> SigningKey {
    signer(number).signing_key()
}

fn text(random: &mut Random) -> String {
    const CHARACTERS: &[char] = &['a', 'z', '0', '/', ':', ' ', '\n', 'ä', '€', '🧵', '"'];
    (0..random.below(12))
        .map(|_| *random.pick(CHARACTERS))
        .collect()
}

fn name(random: &mut Random, number: usize) -> String {
    format!("{}{number}", random.pick(&["a", "reader-", "x1-", "9"]))
}

/// A number with any number of bits, so that all lengths occur.
fn number(random: &mut Random) -> u64 {
    let bytes: [u8; 8] = random.bytes(8).try_into().unwrap();
    u64::from_le_bytes(bytes) >> random.below(64)
}

fn short(random: &mut Random) -> u32 {
    u32::try_from(number(random) >> 32).unwrap() >> random.below(32)
}

fn maybe<T>(random: &mut Random, make: impl FnOnce(&mut Random) -> T) -> Option<T> {
    (random.below(2) == 0).then(|| make(random))
}

fn many<T>(
    random: &mut Random,
    most: u64,
    mut make: impl FnMut(&mut Random, usize) -> T,
) -> Vec<T> {
    let count = usize::try_from(random.below(most + 1)).unwrap();
    (0..count).map(|index| make(random, index)).collect()
}

fn texts(random: &mut Random) -> Vec<String> {
    many(random, 3, |random, _| text(random))
}

pub(crate) fn digest(random: &mut Random) -> Digest {
    Digest::of(&random.bytes(8))
}

fn id(random: &mut Random) -> [u8; 16] {
    random.bytes(16).try_into().unwrap()
}

pub(crate) fn state(random: &mut Random) -> DesiredState {
    let mut after_s = 0;
    DesiredState {
        device: DeviceId(id(random)),
        version: StateVersion(number(random).max(1)),
        issued_at: UnixSeconds(number(random)),
        items: many(random, 5, |random, _| Item {
            deployment: DeploymentId(id(random)),
            manifest: digest(random),
            manifest_bytes: 1 + short(random) % 60_000,
            override_reason: maybe(random, text),
        }),
        policy: UpdatePolicy {
            windows: many(random, 3, |random, _| Window {
                days: u8::try_from(1 + random.below(127)).unwrap(),
                begin_minute: u16::try_from(random.below(1440)).unwrap(),
                minutes: u16::try_from(1 + random.below(1440)).unwrap(),
                utc_offset_minutes: i16::try_from(random.below(1681)).unwrap() - 840,
            }),
            hold_until: maybe(random, |random| UnixSeconds(number(random))),
            is_held: random.below(2) == 0,
        },
        secrets: many(random, 3, |random, number| SealedSecret {
            name: format!("secret {number}"),
            revision: short(random),
            sealed: random.bytes(81 + number),
        }),
        ladder: many(random, 5, |random, _| {
            after_s += short(random) % 10_000;
            Rung {
                after_s,
                step: *random.pick(&[
                    Escalation::Reconnect,
                    Escalation::Recovery,
                    Escalation::RollBack,
                    Escalation::RestartAgent,
                    Escalation::RestartDevice,
                ]),
            }
        }),
        recovery_urls: many(random, 2, |_, number| {
            format!("https://hub{number}.example")
        }),
        next_keys: many(
            random,
            2,
            |_, number| key(u8::try_from(number + 1).unwrap()),
        ),
    }
}

fn image(random: &mut Random) -> Image {
    Image {
        reference: text(random),
        manifest: digest(random),
        manifest_bytes: short(random),
        config: digest(random),
        config_bytes: short(random),
        layer: digest(random),
        layer_bytes: short(random),
        referrers: many(random, 2, |random, _| Blob {
            digest: digest(random),
            bytes: short(random),
        }),
    }
}

fn limits(random: &mut Random) -> Limits {
    Limits {
        memory_bytes: maybe(random, number),
        cpu_share_thousandths: maybe(random, short),
        storage_bytes: maybe(random, number),
        key_value_bytes: maybe(random, number),
        descriptors: maybe(random, short),
        sockets: maybe(random, short),
        timers: maybe(random, short),
        subscriptions: maybe(random, short),
    }
}

fn container(random: &mut Random, number: usize) -> Container {
    Container {
        name: format!("c{number}"),
        image: image(random),
        args: maybe(random, texts),
        env: many(random, 3, |random, number| {
            format!("N{number}={}", text(random))
        }),
        secret_env: many(random, 2, |_, number| SecretVariable {
            variable: format!("S{number}"),
            secret: format!("secret {number}"),
        }),
        grants: texts(random),
        mounts: many(random, 2, |random, number| Mount {
            volume: name(random, number),
            target: format!("/v{number}"),
            is_read_only: random.below(2) == 0,
        }),
        listen: texts(random),
        limits: limits(random),
        restart: text(random),
        health: maybe(random, |random| Health {
            start_ms: short(random),
            heartbeat_ms: maybe(random, short),
        }),
        depends_on: many(random, 1, |_, _| String::from("c0"))
            .into_iter()
            .filter(|_| number > 0)
            .collect(),
    }
}

pub(crate) fn manifest(random: &mut Random) -> Manifest {
    Manifest {
        deployment: DeploymentId(id(random)),
        app: name(random, 7),
        version: text(random),
        containers: many(random, 4, container),
        update: UpdateRules {
            consent_ms: short(random),
            ask_again_s: short(random),
            probation_s: short(random),
            hub_within_s: short(random),
        },
        depends_on: many(random, 2, |random, _| DeploymentId(id(random))),
    }
}

fn deployment(random: &mut Random) -> DeploymentStatus {
    DeploymentStatus {
        deployment: DeploymentId(id(random)),
        manifest: digest(random),
        running: maybe(random, digest),
        state: *random.pick(&[
            DeploymentState::Pending,
            DeploymentState::Installed,
            DeploymentState::Removed,
        ]),
        phase: *random.pick(&[
            Phase::Idle,
            Phase::Fetching,
            Phase::RolledBack,
            Phase::Other,
        ]),
        reason: maybe(random, |random| Reason {
            code: *random.pick(&[
                ReasonCode::Unavailable,
                ReasonCode::Secret,
                ReasonCode::Other,
            ]),
            text: text(random),
        }),
        containers: many(random, 3, |random, number| ContainerStatus {
            name: format!("c{number}"),
            state: text(random),
            health: text(random),
            restarts: short(random),
            last_end: maybe(random, text),
        }),
    }
}

pub(crate) fn report(random: &mut Random) -> Report {
    Report {
        sequence: number(random),
        adopted: StateVersion(number(random)),
        committed: StateVersion(number(random)),
        now: maybe(random, |random| UnixSeconds(number(random))),
        up_s: short(random),
        deployments: maybe(random, |random| {
            many(random, 3, |random, _| deployment(random))
        }),
        capabilities: maybe(random, capabilities),
        usage: maybe(random, |random| Usage {
            ram_bytes: number(random),
            storage_bytes: number(random),
        }),
        notes: many(random, 2, |random, _| Note {
            at: maybe(random, |random| UnixSeconds(number(random))),
            code: text(random),
            text: text(random),
        }),
        logs: maybe(random, |random| LogAnswer {
            request: number(random),
            lines: texts(random),
            error: maybe(random, text),
        }),
    }
}

pub(crate) fn report_reply(random: &mut Random) -> ReportReply {
    ReportReply {
        sequence: number(random),
        requests: many(random, 2, |random, _| LogRequest {
            request: number(random),
            container: text(random),
            lines: short(random),
        }),
        renew_certificate: random.below(2) == 0,
        send_all: random.below(2) == 0,
    }
}

pub(crate) fn capabilities(random: &mut Random) -> Capabilities {
    Capabilities {
        vendor: text(random),
        model: text(random),
        serial: text(random),
        architecture: text(random),
        runtime: text(random),
        engine: text(random),
        cores: short(random),
        ram_bytes: number(random),
        storage_bytes: number(random),
        containers_max: short(random),
        grants: texts(random),
        labels: texts(random),
    }
}

pub(crate) fn enrol_request(random: &mut Random) -> EnrolRequest {
    EnrolRequest {
        csr: random.bytes(5),
        claim_code: maybe(random, text),
        capabilities: capabilities(random),
    }
}

pub(crate) fn enrol_reply(random: &mut Random) -> EnrolReply {
    if random.below(2) == 0 {
        return EnrolReply::Pending {
            retry_s: short(random),
            fingerprint: text(random),
        };
    }
    EnrolReply::Issued(Issued {
        device: DeviceId(id(random)),
        chain: (0..=random.below(2)).map(|_| random.bytes(9)).collect(),
        authorities: many(random, 2, |random, _| random.bytes(9)),
        keys: (1..=1 + random.below(2))
            .map(|number| key(u8::try_from(number).unwrap()))
            .collect(),
        hub: String::from("https://hub.example:8443"),
    })
}
