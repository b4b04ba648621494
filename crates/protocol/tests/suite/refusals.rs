//! Every rule of every message, each broken once.

use minicbor::Encoder;
use thimble_protocol::manifest::{Mount, SecretVariable};
use thimble_protocol::report::{DeploymentState, DeploymentStatus, Phase};
use thimble_protocol::state::{Escalation, Rung, Window};
use thimble_protocol::{
    DecodeError, DesiredState, EnrolReply, Manifest, Report, ReportReply, StateVersion,
};

use super::messages::signer;
use super::samples;

#[track_caller]
fn state(change: impl FnOnce(&mut DesiredState)) -> DecodeError {
    let mut state = samples::state();
    change(&mut state);
    state.check().unwrap_err()
}

#[track_caller]
fn manifest(change: impl FnOnce(&mut Manifest)) -> DecodeError {
    let mut manifest = samples::manifest();
    change(&mut manifest);
    manifest.check().unwrap_err()
}

fn invalid(error: DecodeError) -> &'static str {
    assert!(!error.to_string().is_empty());
    match error {
        DecodeError::Invalid { field, .. } => field,
        other => panic!("{other}"),
    }
}

#[test]
fn rules_of_states() {
    assert_eq!(
        invalid(state(|it| it.version = StateVersion(0))),
        "DesiredState.version"
    );
    assert_eq!(
        invalid(state(|it| it.items.push(it.items[0].clone()))),
        "DesiredState.items"
    );
    assert_eq!(
        invalid(state(|it| it.secrets.push(it.secrets[0].clone()))),
        "DesiredState.secrets"
    );
    assert_eq!(
        invalid(state(|it| it.ladder.reverse())),
        "DesiredState.ladder"
    );
    for url in [
        "",
        "http://a",
        "https://",
        "https:///x",
        "https://a b",
        "https://a\n",
    ] {
        let error = state(|it| it.recovery_urls = vec![url.into()]);
        assert_eq!(invalid(error), "DesiredState.recovery_urls", "{url}");
    }
    assert_eq!(
        invalid(state(|it| it.next_keys = vec![signer(1).signing_key(); 2])),
        "DesiredState.next_keys"
    );
    let mut key = signer(1).signing_key();
    key.id = [0; 8];
    assert_eq!(
        invalid(state(|it| it.next_keys = vec![key.clone()])),
        "SigningKey.id"
    );
    key.point.pop();
    assert_eq!(
        invalid(state(|it| it.next_keys = vec![key.clone()])),
        "SigningKey.point"
    );
    assert_eq!(
        invalid(state(|it| it.items[0].manifest_bytes = 0)),
        "Item.manifest_bytes"
    );
    assert_eq!(
        invalid(state(|it| it.items[0].manifest_bytes = 1 << 20)),
        "Item.manifest_bytes"
    );
    assert_eq!(
        invalid(state(|it| it.secrets[0].name.clear())),
        "SealedSecret.name"
    );
    assert_eq!(
        invalid(state(|it| it.secrets[0].sealed.truncate(80))),
        "SealedSecret.sealed"
    );
}

#[test]
fn rules_of_windows() {
    let good = samples::state().policy.windows[0];
    let rows = [
        (Window { days: 0, ..good }, "Window.days"),
        (Window { days: 0x80, ..good }, "Window.days"),
        (
            Window {
                begin_minute: 1440,
                ..good
            },
            "Window.begin_minute",
        ),
        (Window { minutes: 0, ..good }, "Window.minutes"),
        (
            Window {
                minutes: 1441,
                ..good
            },
            "Window.minutes",
        ),
        (
            Window {
                utc_offset_minutes: 841,
                ..good
            },
            "Window.utc_offset_minutes",
        ),
        (
            Window {
                utc_offset_minutes: -841,
                ..good
            },
            "Window.utc_offset_minutes",
        ),
        (
            Window {
                utc_offset_minutes: i16::MIN,
                ..good
            },
            "Window.utc_offset_minutes",
        ),
    ];
    for (window, field) in rows {
        assert_eq!(invalid(state(|it| it.policy.windows = vec![window])), field);
    }
}

#[test]
fn rules_of_manifests() {
    for name in ["", "A", "a.b", "-a", "a-", "ä", "a/b", ".."] {
        assert_eq!(
            invalid(manifest(|it| it.app = name.into())),
            "Manifest.app",
            "{name}"
        );
        let error = manifest(|it| it.containers[0].name = name.into());
        assert_eq!(invalid(error), "Container.name", "{name}");
        let error = manifest(|it| it.containers[0].mounts[0].volume = name.into());
        assert_eq!(invalid(error), "Mount.volume", "{name}");
    }
    assert_eq!(
        invalid(manifest(|it| it.containers.push(it.containers[0].clone()))),
        "Manifest.containers"
    );
    assert_eq!(
        invalid(manifest(|it| it.depends_on.push(it.deployment))),
        "Manifest.depends_on"
    );
    for name in ["reader", "nobody"] {
        let error = manifest(|it| it.containers[0].depends_on.push(name.into()));
        assert_eq!(invalid(error), "Container.depends_on");
    }
    for variable in ["", "A", "=x", "A=\0"] {
        let error = manifest(|it| it.containers[0].env.push(variable.into()));
        assert_eq!(invalid(error), "Container.env", "{variable}");
    }
    let secret = |variable: &str, secret: &str| SecretVariable {
        variable: variable.into(),
        secret: secret.into(),
    };
    for (secret, field) in [
        (secret("", "x"), "SecretVariable.variable"),
        (secret("A=B", "x"), "SecretVariable.variable"),
        (secret("A", ""), "SecretVariable.secret"),
    ] {
        let error = manifest(|it| it.containers[0].secret_env.push(secret));
        assert_eq!(invalid(error), field);
    }
    let mount = Mount {
        volume: "v".into(),
        target: "data".into(),
        is_read_only: false,
    };
    assert_eq!(
        invalid(manifest(|it| it.containers[0].mounts.push(mount))),
        "Mount.target"
    );
}

#[test]
fn limits_of_lists_and_texts() {
    let items = |count: u8| {
        let mut state = samples::state();
        let item = state.items[0].clone();
        state.items = (0..count)
            .map(|number| thimble_protocol::Item {
                deployment: samples::deployment(number),
                ..item.clone()
            })
            .collect();
        state.check()
    };
    assert_eq!(items(64), Ok(()));
    assert_eq!(
        items(65),
        Err(DecodeError::ListTooLong {
            field: "DesiredState.items",
            entries: 65,
            entries_max: 64,
        })
    );
    assert_eq!(
        state(|it| it.items[0].override_reason = Some("x".repeat(1025))),
        DecodeError::TextTooLong {
            field: "Item.override_reason",
            bytes: 1025,
            bytes_max: 1024,
        }
    );
    let rung = Rung {
        after_s: 1,
        step: Escalation::Reconnect,
    };
    assert!(matches!(
        state(|it| it.ladder = vec![rung; 17]),
        DecodeError::ListTooLong {
            entries_max: 16,
            ..
        }
    ));
    let line = "x".repeat(4_096);
    assert!(matches!(
        manifest(|it| it.containers[0].args = Some(vec![line.clone(); 17])),
        DecodeError::TooLong {
            bytes_max: 65_536,
            ..
        }
    ));
}

#[test]
fn a_report_that_names_a_deployment_twice_is_refused() {
    let status = DeploymentStatus {
        deployment: samples::deployment(1),
        manifest: thimble_image::Digest::of(b""),
        running: None,
        state: DeploymentState::Pending,
        phase: Phase::Idle,
        reason: None,
        containers: Vec::new(),
    };
    let report = Report {
        deployments: Some(vec![status; 2]),
        ..Report::default()
    };
    assert_eq!(invalid(report.check().unwrap_err()), "Report.deployments");
}

#[test]
fn choices_of_later_versions() {
    let mut report = samples::report();
    report.deployments.as_mut().unwrap()[0].phase = Phase::Other;
    let bytes = report.encode();
    let place = bytes
        .windows(3)
        .position(|it| it == b"\x05\x17\x06")
        .unwrap();
    let mut later = bytes;
    later[place + 1] = 22;
    assert_eq!(
        Report::decode(&later),
        Ok(report.clone()),
        "it is passed over"
    );
    report.deployments.as_mut().unwrap()[0].phase = Phase::Waiting;
    let mut bytes = report.encode();
    let place = bytes
        .windows(4)
        .position(|it| it == b"\x04\x01\x05\x05")
        .unwrap();
    bytes[place + 1] = 6;
    assert_eq!(
        Report::decode(&bytes),
        Err(DecodeError::UnknownChoice {
            field: "DeploymentStatus.state",
            number: 6,
        })
    );
}

/// Bytes that an encoder of somebody else could write.
#[test]
fn bytes_of_another_form() {
    type Row = (&'static [u8], DecodeError);
    let rows: &[Row] = &[
        (b"", DecodeError::Truncated),
        (b"\xa1", DecodeError::Truncated),
        (b"\xa1\x01", DecodeError::Truncated),
        (b"\xa0\x00", DecodeError::TrailingBytes { bytes: 1 }),
        (b"\xbf\xff", DecodeError::Indefinite { at: 0 }),
        (b"\xa1\x02\x9f\xff", DecodeError::Indefinite { at: 2 }),
        (b"\xa1\x01\x18\x05", DecodeError::NotShortest { at: 2 }),
        (b"\xa1\x01\x19\x00\xff", DecodeError::NotShortest { at: 2 }),
        (
            b"\xa1\x01\x1a\0\0\xff\xff",
            DecodeError::NotShortest { at: 2 },
        ),
        (
            b"\xa1\x01\x1b\0\0\0\0\xff\xff\xff\xff",
            DecodeError::NotShortest { at: 2 },
        ),
        (b"\xb8\x00", DecodeError::NotShortest { at: 0 }),
        (b"\xa1\x01\x1c", DecodeError::Malformed { at: 2 }),
        (
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            DecodeError::TooManyItems { items_max: 16_384 },
        ),
        (
            b"\xa1\x18\x63\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00",
            DecodeError::TooDeep { depth_max: 8 },
        ),
        (
            b"\x80",
            DecodeError::WrongType {
                field: "ReportReply",
            },
        ),
        (
            b"\xa1\x61x\x00",
            DecodeError::WrongType {
                field: "ReportReply",
            },
        ),
        (
            b"\xa1\x01\x61x",
            DecodeError::WrongType {
                field: "ReportReply.sequence",
            },
        ),
        (
            b"\xa1\x03\x01",
            DecodeError::WrongType {
                field: "ReportReply.renew_certificate",
            },
        ),
        (
            b"\xa2\x01\x05\x01\x06",
            DecodeError::KeyOrder {
                record: "ReportReply",
                key: 1,
            },
        ),
        (
            b"\xa2\x03\xf5\x01\x06",
            DecodeError::KeyOrder {
                record: "ReportReply",
                key: 1,
            },
        ),
        (
            b"\xa2\x18\x63\x00\x18\x63\x00",
            DecodeError::KeyOrder {
                record: "ReportReply",
                key: 99,
            },
        ),
        (
            b"\xa1\x02\x81\xa1\x03\x1b\x00\x00\x00\x01\x00\x00\x00\x00",
            DecodeError::OutOfRange {
                field: "LogRequest.lines",
                number: 1 << 32,
            },
        ),
    ];
    for (bytes, expected) in rows {
        assert_eq!(ReportReply::decode(bytes), Err(*expected), "{bytes:02x?}");
        assert!(!expected.to_string().is_empty());
    }
}

#[test]
fn an_answer_to_an_enrolment_is_one_of_two() {
    assert_eq!(
        EnrolReply::decode(b"\xa0"),
        Err(DecodeError::Missing {
            field: "EnrolReply.issued"
        })
    );
    let mut encoder = Encoder::new(Vec::new());
    encoder.map(1).unwrap().u8(1).unwrap().map(0).unwrap();
    assert_eq!(
        EnrolReply::decode(&encoder.into_writer()),
        Err(DecodeError::Missing {
            field: "Issued.device"
        })
    );
}

#[test]
fn a_message_that_is_too_long_is_refused_before_it_is_read() {
    let bytes = vec![0xff; 9 << 10];
    assert_eq!(
        ReportReply::decode(&bytes),
        Err(DecodeError::TooLong {
            bytes: 9 << 10,
            bytes_max: 8 << 10,
        })
    );
}
