//! Apps: declared as a whole, planned, brought about, changed and taken down.

use thimble_device_api::{AppSpec, ChangeKind, ContainerSpec, Plan, ProblemKind, State};

use super::device::{Device, problem};
use super::guests::{IDLE, ends, plain, reports};

fn app(text: &str) -> AppSpec {
    serde_json::from_str(text).unwrap()
}

fn kinds(plan: &Plan) -> Vec<(&str, &'static str)> {
    plan.changes
        .iter()
        .map(|change| (change.container.as_str(), change.kind.name()))
        .collect()
}

const LINE: &str = r#"{"containers": {
    "web": {"image": "localhost/idle:1", "restart": "always", "depends_on": [{"name": "db", "condition": "healthy"}]},
    "db": {"image": "localhost/ready:1", "restart": "always", "mounts": [{"source": "data", "target": "/data"}]}
}}"#;

#[test]
fn an_app_comes_up_is_changed_and_goes() {
    let mut device = Device::started();
    device.image("idle", IDLE, plain());
    device.image("ready", &reports(0), plain());
    let client = device.client();
    let spec = app(LINE);
    let plan = client.plan_app("line1", &spec).unwrap();
    // In the order of their start.
    assert_eq!(
        kinds(&plan),
        [("line1.db", "create"), ("line1.web", "create")]
    );
    assert_eq!(client.containers(true, None).unwrap().len(), 0);
    assert_eq!(client.apply_app("line1", &spec).unwrap(), plan);
    device.until_state("line1.web", State::Running);
    let again = client.apply_app("line1", &spec).unwrap();
    assert!(again.is_empty(), "{again:?}");
    let id = client.container("line1.db").unwrap().id;

    let mut changed = spec.clone();
    let db = changed.containers.get_mut("db").unwrap();
    db.limits.memory_bytes = Some(1 << 20);
    changed
        .containers
        .get_mut("web")
        .unwrap()
        .env
        .insert("MODE".into(), "fast".into());
    changed.containers.insert(
        "extra".into(),
        ContainerSpec {
            image: "localhost/idle:1".into(),
            ..ContainerSpec::default()
        },
    );
    let plan = client.apply_app("line1", &changed).unwrap();
    assert_eq!(
        kinds(&plan),
        [
            ("line1.db", "update"),
            ("line1.extra", "create"),
            ("line1.web", "replace")
        ]
    );
    assert_eq!(
        plan.changes[0].differences,
        ["limits.memory_bytes: none -> 1048576"]
    );
    assert_eq!(
        client.container("line1.db").unwrap().id,
        id,
        "it was changed while it ran"
    );
    let removed = client
        .apply_app("line1", &changed_without(&changed, "extra"))
        .unwrap();
    assert_eq!(removed.changes[0].kind, ChangeKind::Remove);

    // The image's name points to something else.
    device.image("idle", &reports(1), plain());
    let plan = client
        .plan_app("line1", &changed_without(&changed, "extra"))
        .unwrap();
    assert!(
        plan.changes
            .iter()
            .any(|change| change.kind == ChangeKind::Replace),
        "{plan:?}"
    );

    device.until_state("line1.web", State::Running);
    let status = client.app("line1").unwrap();
    assert_eq!((status.running, status.containers), (2, 2));
    device.kill();
    device.start();
    device.until_state("line1.web", State::Running);
    let client = device.client();
    client.remove_app("line1", false).unwrap();
    assert_eq!(client.apps().unwrap(), []);
    assert_eq!(client.volumes().unwrap()[0].name, "line1.data");
    assert_eq!(
        problem(client.remove_app("line1", false)).kind,
        ProblemKind::NoSuchApp
    );
}

fn changed_without(spec: &AppSpec, name: &str) -> AppSpec {
    let mut spec = spec.clone();
    spec.containers.remove(name);
    spec
}

#[test]
fn a_wrong_app_changes_nothing() {
    let device = Device::started();
    device.image("idle", IDLE, plain());
    device.image("hello", &ends("hello", 0), plain());
    let client = device.client();
    let cases = [
        (
            r#"{"containers": {"a": {"image": "localhost/idle:1", "depends_on": [{"name": "b"}]},
                            "b": {"image": "localhost/idle:1", "depends_on": [{"name": "a"}]}}}"#,
            "line.a",
        ),
        (
            r#"{"containers": {"a": {"image": "localhost/idle:1", "restart": "maybe"}}}"#,
            "maybe",
        ),
        (
            r#"{"containers": {"a.b": {"image": "localhost/idle:1"}}}"#,
            "within apps",
        ),
    ];
    for (text, says) in cases {
        let refused = problem(client.apply_app("line", &app(text)));
        assert_eq!(refused.kind, ProblemKind::Invalid, "{refused}");
        assert!(refused.to_string().contains(says), "{refused}");
    }
    device.run("line.taken", Device::spec("hello"));
    let taken = client.apply_app(
        "line",
        &app(r#"{"containers": {"taken": {"image": "localhost/idle:1"}}}"#),
    );
    assert_eq!(problem(taken).kind, ProblemKind::NameInUse);
    assert_eq!(client.containers(true, None).unwrap().len(), 1);
}
