//! One message of each kind, as a hub and a device would write them.

use thimble_image::Digest;
use thimble_protocol::enrol::Issued;
use thimble_protocol::manifest::{
    Container, Health, Image, Limits, Mount, SecretVariable, UpdateRules,
};
use thimble_protocol::report::{
    ContainerStatus, DeploymentState, DeploymentStatus, LogRequest, Note, Phase, Reason,
    ReasonCode, Usage,
};
use thimble_protocol::state::{Escalation, Rung, SealedSecret, UpdatePolicy, Window};
use thimble_protocol::{
    Capabilities, DeploymentId, DesiredState, DeviceId, EnrolReply, EnrolRequest, Item, Manifest,
    Report, ReportReply, StateVersion, UnixSeconds,
};

use super::messages::signer;

pub(crate) const DEVICE: DeviceId = DeviceId([0xd1; 16]);
const NOW: UnixSeconds = UnixSeconds(1_796_000_000);

pub(crate) fn deployment(number: u8) -> DeploymentId {
    DeploymentId([number; 16])
}

/// Three deployments, one window, two secrets.
pub(crate) fn state() -> DesiredState {
    let item = |number: u8| Item {
        deployment: deployment(number),
        manifest: Digest::of(&[number]),
        manifest_bytes: 600,
        override_reason: None,
    };
    let secret = |name: &str, length: usize| SealedSecret {
        name: name.into(),
        revision: 3,
        sealed: vec![0x5e; 81 + length],
    };
    DesiredState {
        device: DEVICE,
        version: StateVersion(17),
        issued_at: NOW,
        items: vec![item(1), item(2), item(3)],
        policy: UpdatePolicy {
            windows: vec![Window {
                days: 0b001_1111,
                begin_minute: 22 * 60,
                minutes: 240,
                utc_offset_minutes: 60,
            }],
            hold_until: None,
            is_held: false,
        },
        secrets: vec![secret("mqtt-password", 24), secret("api-token", 40)],
        ladder: vec![
            Rung {
                after_s: 3_600,
                step: Escalation::Reconnect,
            },
            Rung {
                after_s: 86_400,
                step: Escalation::Recovery,
            },
        ],
        recovery_urls: vec!["https://recovery.example:8443".into()],
        next_keys: Vec::new(),
    }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        deployment: deployment(1),
        app: "sensors".into(),
        version: "1.4.0".into(),
        containers: vec![Container {
            name: "reader".into(),
            image: Image {
                reference: "sensors/reader:1.4.0".into(),
                manifest: Digest::of(b"manifest"),
                manifest_bytes: 512,
                config: Digest::of(b"config"),
                config_bytes: 300,
                layer: Digest::of(b"layer"),
                layer_bytes: 40_960,
                referrers: Vec::new(),
            },
            args: Some(vec!["--every".into(), "10".into()]),
            env: vec!["SITE=north".into()],
            secret_env: vec![SecretVariable {
                variable: "PASSWORD".into(),
                secret: "mqtt-password".into(),
            }],
            grants: vec!["net".into(), "gpio:led0".into()],
            mounts: vec![Mount {
                volume: "readings".into(),
                target: "/data".into(),
                is_read_only: false,
            }],
            listen: vec!["tcp/8080".into()],
            limits: Limits {
                memory_bytes: Some(131_072),
                ..Limits::default()
            },
            restart: "on-failure:3".into(),
            health: Some(Health {
                start_ms: 10_000,
                heartbeat_ms: Some(60_000),
            }),
            depends_on: Vec::new(),
        }],
        update: UpdateRules::default(),
        depends_on: vec![deployment(9)],
    }
}

pub(crate) fn report() -> Report {
    Report {
        sequence: 1_234,
        adopted: StateVersion(17),
        committed: StateVersion(16),
        now: Some(NOW),
        up_s: 86_400,
        deployments: Some(vec![DeploymentStatus {
            deployment: deployment(1),
            manifest: Digest::of(&[1]),
            running: Some(Digest::of(&[0])),
            state: DeploymentState::Installing,
            phase: Phase::Waiting,
            reason: Some(Reason {
                code: ReasonCode::OutsideWindow,
                text: "waits for the window at 22:00".into(),
            }),
            containers: vec![ContainerStatus {
                name: "reader".into(),
                state: "running".into(),
                health: "healthy".into(),
                restarts: 1,
                last_end: Some("exited with 1".into()),
            }],
        }]),
        capabilities: None,
        usage: Some(Usage {
            ram_bytes: 131_072,
            storage_bytes: 41_772,
        }),
        notes: vec![Note {
            at: Some(NOW),
            code: "clock-went-back".into(),
            text: "the clock went back by 3 s".into(),
        }],
        logs: None,
    }
}

pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        vendor: "Example".into(),
        model: "gw-100".into(),
        serial: "A-0001".into(),
        architecture: "aarch64".into(),
        runtime: "0.1.0".into(),
        engine: "wasmtime".into(),
        cores: 4,
        ram_bytes: 512 << 20,
        storage_bytes: 4 << 30,
        containers_max: 64,
        grants: vec!["fs".into(), "net".into()],
        labels: vec!["line=3".into()],
    }
}

pub(crate) fn enrol_request() -> EnrolRequest {
    EnrolRequest {
        csr: b"a certification request".to_vec(),
        claim_code: Some("K7QF-2M9X".into()),
        capabilities: capabilities(),
    }
}

/// Every kind, by name.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let issued = EnrolReply::Issued(Issued {
        device: DEVICE,
        chain: vec![b"a certificate".to_vec()],
        authorities: vec![b"an authority".to_vec()],
        keys: vec![signer(1).signing_key()],
        hub: "https://hub.example:8443".into(),
    });
    let pending = EnrolReply::Pending {
        retry_s: 60,
        fingerprint: "0123456789abcdef".into(),
    };
    let reply = ReportReply {
        sequence: 1_234,
        requests: vec![LogRequest {
            request: 5,
            container: "sensors.reader".into(),
            lines: 100,
        }],
        renew_certificate: true,
        send_all: false,
    };
    vec![
        ("desired-state", state().encode()),
        ("manifest", manifest().encode()),
        ("report", report().encode()),
        ("report-reply", reply.encode()),
        ("enrol-request", enrol_request().encode()),
        ("enrol-reply", issued.encode()),
        ("enrol-reply", pending.encode()),
        ("capabilities", capabilities().encode()),
    ]
}
