use std::path::PathBuf;

use thimble_device_api::{
    ContainerSpec, Dependency, DependencyCondition, HealthSpec, LimitsSpec, LogSpec, Mount,
    MountKind, ProblemKind,
};
use thimble_image::ImageConfig;
use thimble_image::config::LimitRequest;

use super::{Place, check, settle};

fn spec() -> ContainerSpec {
    ContainerSpec {
        image: "app:1".to_owned(),
        ..ContainerSpec::default()
    }
}

fn mount(kind: MountKind, source: &str, target: &str) -> Mount {
    Mount {
        kind,
        source: source.to_owned(),
        target: target.to_owned(),
        read_only: false,
    }
}

#[test]
fn what_is_not_allowed_is_named() {
    let bad: [(&str, ContainerSpec); 17] = [
        (
            "name \"Big\"",
            ContainerSpec {
                name: Some("Big".into()),
                ..spec()
            },
        ),
        (
            "name \"../x\"",
            ContainerSpec {
                name: Some("../x".into()),
                ..spec()
            },
        ),
        (
            "name \"\"",
            ContainerSpec {
                name: Some(String::new()),
                ..spec()
            },
        ),
        (
            "args: an argument cannot hold a NUL",
            ContainerSpec {
                args: Some(vec!["a\0".into()]),
                ..spec()
            },
        ),
        (
            "env: \"A=B\"",
            ContainerSpec {
                env: [("A=B".to_owned(), String::new())].into(),
                ..spec()
            },
        ),
        (
            "grants: \"net.conect\"",
            ContainerSpec {
                grants: vec!["net.conect".into()],
                ..spec()
            },
        ),
        (
            "restart: \"sometimes\"",
            ContainerSpec {
                restart: Some("sometimes".into()),
                ..spec()
            },
        ),
        (
            "mounts: data:data: the path",
            ContainerSpec {
                mounts: vec![mount(MountKind::Volume, "data", "data")],
                ..spec()
            },
        ),
        (
            "volume \"../up\"",
            ContainerSpec {
                mounts: vec![mount(MountKind::Volume, "../up", "/a")],
                ..spec()
            },
        ),
        (
            "mounts: b:/a: something else",
            ContainerSpec {
                mounts: vec![
                    mount(MountKind::Volume, "a", "/a"),
                    mount(MountKind::Volume, "b", "/a"),
                ],
                ..spec()
            },
        ),
        (
            "mounts: rel:/a: a folder of the device",
            ContainerSpec {
                mounts: vec![mount(MountKind::Bind, "rel", "/a")],
                ..spec()
            },
        ),
        (
            "the daemon may not use this folder",
            ContainerSpec {
                mounts: vec![mount(MountKind::Bind, "/etc", "/a")],
                ..spec()
            },
        ),
        (
            "limits.memory_bytes: 8589934592",
            ContainerSpec {
                limits: LimitsSpec {
                    memory_bytes: Some(8 << 30),
                    ..LimitsSpec::default()
                },
                ..spec()
            },
        ),
        (
            "limits.cpu_share_thousandths: 0",
            ContainerSpec {
                limits: LimitsSpec {
                    cpu_share_thousandths: Some(0),
                    ..LimitsSpec::default()
                },
                ..spec()
            },
        ),
        (
            "logs.file_bytes_max: 1:",
            ContainerSpec {
                logs: LogSpec {
                    file_bytes_max: Some(1),
                    ..LogSpec::default()
                },
                ..spec()
            },
        ),
        (
            "health.heartbeat_ms: must be at least 1",
            ContainerSpec {
                health: Some(HealthSpec {
                    start_ms: 1,
                    heartbeat_ms: Some(0),
                    action: Default::default(),
                }),
                ..spec()
            },
        ),
        (
            "depends_on \"A\"",
            ContainerSpec {
                depends_on: vec![Dependency {
                    name: "A".into(),
                    condition: DependencyCondition::Started,
                }],
                ..spec()
            },
        ),
    ];
    for (says, spec) in bad {
        let problem = check(&spec, &[]).expect_err(says);
        assert_eq!(problem.kind, ProblemKind::Invalid, "{says}");
        assert!(problem.detail.contains(says), "{says}: {}", problem.detail);
    }
}

#[test]
fn an_image_requests_and_whoever_deploys_grants() {
    let image = ImageConfig {
        grants: vec!["timer".to_owned(), "net.connect:example.org:443".to_owned()],
        env: vec!["MODE=slow".to_owned(), "LEVEL=1".to_owned()],
        args: vec!["--verbose".to_owned()],
        limits: LimitRequest {
            memory_bytes: Some(1 << 30),
            key_value_bytes: Some(100),
            ..LimitRequest::default()
        },
        volumes: vec!["/var/data".to_owned()],
        ..ImageConfig::default()
    };
    let declared = ContainerSpec {
        grants: vec!["timer".to_owned()],
        env: [("MODE".to_owned(), "fast".to_owned())].into(),
        ..spec()
    };
    let settled = settle("app", &declared, "hello", &image, &[]).unwrap();
    assert_eq!(settled.config.args, ["hello", "--verbose"]);
    let variables: Vec<_> = settled
        .config
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(variables, ["LEVEL=1", "MODE=fast"]);
    assert_eq!(settled.granted, ["timer", "fs"]);
    assert_eq!(
        settled.unmet,
        [
            "net.connect:example.org:443, which --allow net.connect:example.org:443 gives",
            "1073741824 bytes of memory, which --memory 1073741824 gives",
        ]
    );
    assert_eq!(settled.config.limits.memory_bytes, 128 << 20);
    assert_eq!(settled.config.limits.store_bytes, 100);
    assert_eq!(
        settled.mounts[0].place,
        Place::Volume("app.var-data".to_owned())
    );

    let generous = ContainerSpec {
        allow_requested: true,
        limits: LimitsSpec {
            memory_bytes: Some(1 << 30),
            ..LimitsSpec::default()
        },
        mounts: vec![mount(MountKind::Volume, "shared", "/var/data/")],
        args: Some(Vec::new()),
        ..spec()
    };
    let settled = settle("app", &generous, "hello", &image, &[]).unwrap();
    assert_eq!(settled.unmet, [] as [&str; 0]);
    assert_eq!(settled.config.args, ["hello"]);
    assert_eq!(settled.mounts.len(), 1);
    assert!(settled.config.grants.timer());
}

#[test]
fn a_link_out_of_an_allowed_folder_leads_nowhere() {
    let allowed = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let inside = allowed.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let link = allowed.path().join("link");
    std::os::unix::fs::symlink(other.path(), &link).unwrap();
    let binds: [PathBuf; 1] = [allowed.path().to_owned()];
    let with = |source: &std::path::Path| ContainerSpec {
        mounts: vec![mount(MountKind::Bind, source.to_str().unwrap(), "/a")],
        ..spec()
    };
    assert_eq!(check(&with(&inside), &binds), Ok(()));
    assert!(
        check(&with(&link), &binds)
            .unwrap_err()
            .detail
            .contains("may not use this folder")
    );
}
