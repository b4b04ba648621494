use thimble_device_api::{ContainerSpec, LimitsSpec};

use super::differences::differences;
use super::within_app;

fn spec() -> ContainerSpec {
    ContainerSpec {
        image: "app:1".to_owned(),
        env: [("KEY".to_owned(), "secret".to_owned())].into(),
        limits: LimitsSpec {
            memory_bytes: Some(1000),
            ..LimitsSpec::default()
        },
        ..ContainerSpec::default()
    }
}

#[test]
fn differences_tell_what_can_be_changed_while_it_runs() {
    let changed = ContainerSpec {
        env: [("KEY".to_owned(), "other".to_owned())].into(),
        limits: LimitsSpec {
            memory_bytes: Some(2000),
            timers: Some(3),
            ..LimitsSpec::default()
        },
        restart: Some("always".to_owned()),
        ..spec()
    };
    let found = differences(&spec(), &changed);
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "env.KEY: changed",
            "limits.memory_bytes: 1000 -> 2000",
            "limits.timers: none -> 3",
            "restart: none -> always",
        ]
    );
    let live: Vec<bool> = found.iter().map(|difference| difference.live).collect();
    assert_eq!(live, [false, true, true, true]);
    assert_eq!(differences(&changed, &changed), []);
    // What is taken back cannot be said in an update.
    let back = differences(&changed, &spec());
    assert!(
        back.iter()
            .any(|difference| difference.path == "restart" && !difference.live)
    );
}

#[test]
fn names_within_an_app_are_told_apart_from_others() {
    let declared: ContainerSpec = serde_json::from_str(
        r#"{"image":"a:1","depends_on":[{"name":"db"},{"name":"other"}],
            "mounts":[{"source":"data","target":"/data"},{"source":"shared.data","target":"/shared"}]}"#,
    )
    .unwrap();
    let spec = within_app("line1", "web", &declared, &["db", "web"].into());
    assert_eq!(spec.name.as_deref(), Some("line1.web"));
    assert_eq!(spec.app.as_deref(), Some("line1"));
    let depends: Vec<&str> = spec
        .depends_on
        .iter()
        .map(|dependency| dependency.name.as_str())
        .collect();
    assert_eq!(depends, ["line1.db", "other"]);
    let volumes: Vec<&str> = spec
        .mounts
        .iter()
        .map(|mount| mount.source.as_str())
        .collect();
    assert_eq!(volumes, ["line1.data", "shared.data"]);
}
