//! From an image on this machine to a rollout.

use crate::place::{Hub, Operator};

const MODULE: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\")))";
const APP: &str = "name: reader
containers:
  broker:
    image: broker:1
  main:
    image: reader:1
    depends_on: [broker]
    grants: [timer]
    environment: {LEVEL: info}
    limits: {memory: 1m}
";

/// Somebody who has the images of an app.
fn operator(hub: &Hub) -> Operator {
    let operator = Operator::of(hub);
    let module = operator.write("reader.wat", MODULE);
    for name in ["broker:1", "reader:1"] {
        let built = operator.thimble(&["build", "-t", name, &module], "");
        assert_eq!(built.code, 0, "{built:?}");
    }
    operator.write("app.yaml", APP);
    operator
}

#[test]
fn a_version_is_published_deployed_and_rolled_out() {
    let hub = Hub::start();
    let operator = operator(&hub);
    let published = operator.ok(&["apps", "publish", "app.yaml", "--version", "1.0"]);
    operator.golden("published", &hub, &published);
    // A version never changes.
    operator.refused(
        125,
        &["1.0"],
        &["apps", "publish", "app.yaml", "--version", "1.0"],
    );
    operator.ok(&["apps", "publish", "app.yaml", "--version", "1.1"]);
    operator.golden("apps", &hub, &operator.ok(&["apps"]));
    operator.golden("versions", &hub, &operator.ok(&["apps", "show", "reader"]));

    operator.refused(
        125,
        &["say which app and version"],
        &["deploy", "line-1", "--yes"],
    );
    let deploy = [
        "deploy",
        "line-1",
        "--app",
        "reader",
        "--version",
        "1.0",
        "-l",
        "line=1",
        "--wave",
        "1",
        "--wave",
        "25%",
    ];
    // Nobody is there to be asked: nothing is done.
    operator.refused(125, &["--yes"], &deploy);
    assert_eq!(operator.json(&["deployments"]).as_array().unwrap().len(), 0);
    let mut kept = deploy.to_vec();
    kept.extend(["--no-rollout", "--yes"]);
    operator.golden("deploy-kept", &hub, &operator.ok(&kept));
    let simulated = operator.ok(&["simulate", "line-1", "--wave", "1"]);
    operator.golden("simulated", &hub, &simulated);
    let mut begun = deploy.to_vec();
    begun.push("--yes");
    operator.golden("deploy", &hub, &operator.ok(&begun));
    // The same again is no revision.
    assert_eq!(
        operator.json(&["deployments", "show", "line-1"])["revision"],
        1
    );
    let changed = [
        "deploy",
        "line-1",
        "--version",
        "1.1",
        "-e",
        "main:LEVEL=debug",
        "--no-rollout",
        "--yes",
        "--json",
    ];
    let changed: serde_json::Value = serde_json::from_str(&operator.ok(&changed)).unwrap();
    let spec = &changed["deployment"]["spec"];
    assert_eq!(spec["selector"], "line=1", "what is not said stays");
    assert_eq!(spec["containers"]["main"]["env"]["LEVEL"], "debug");
    operator.golden("deployments", &hub, &operator.ok(&["deployments"]));
    operator.golden(
        "deployment",
        &hub,
        &operator.ok(&["deployments", "show", "line-1"]),
    );
    operator.golden(
        "revisions",
        &hub,
        &operator.ok(&["deployments", "revisions", "line-1"]),
    );
    let status = operator.json(&["rollout", "status", "line-1"]);
    assert_eq!(status["rollout"]["revision"], 1);
    assert_eq!(status["deployment"], "line-1");
    let text = operator.ok(&["rollout", "status", "line-1"]);
    assert!(text.contains("line-1 revision 1"), "{text}");
    operator.refused(125, &["reader"], &["apps", "rm", "reader", "--yes"]);
    operator.ok(&["deployments", "rm", "line-1", "--reason", "no use", "--yes"]);
    operator.refused(127, &["nothing"], &["rollout", "status", "nothing"]);
}

#[test]
fn what_a_fleet_does_not_have_is_told_before_anything_is_sent() {
    let hub = Hub::start();
    let operator = operator(&hub);
    for (line, words) in [
        ("allow_requested: true", "write the grants"),
        ("volumes: ['./data:/data']", "a fleet has volumes"),
        ("timeout: 10s", "`timeout` is not for a fleet"),
        ("imag: x", "did you mean `image`"),
    ] {
        let text = format!("name: reader\ncontainers:\n  main:\n    image: reader:1\n    {line}\n");
        let file = operator.write("bad.yaml", &text);
        operator.refused(
            125,
            &["bad.yaml", words],
            &["apps", "publish", &file, "--version", "1"],
        );
    }
    // An image that is neither here nor there.
    let file = operator.write(
        "bad.yaml",
        "name: reader\ncontainers:\n  main:\n    image: other:1\n",
    );
    operator.refused(
        125,
        &["other:1", "push it there first"],
        &["apps", "publish", &file, "--version", "1"],
    );
    assert_eq!(operator.json(&["apps"])[0]["name"], "reader");
}

#[test]
fn an_image_is_pushed_and_pulled_with_the_login() {
    let hub = Hub::start();
    let operator = operator(&hub);
    let host = hub.url.strip_prefix("http://").unwrap();
    let name = format!("{host}/main/reader:1");
    for arguments in [
        vec!["tag", "reader:1", &name],
        vec!["push", &name],
        vec!["rmi", &name],
        vec!["pull", &name],
    ] {
        let outcome = operator.thimble(&arguments, "");
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
    }
}
