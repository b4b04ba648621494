//! Devices, codes, secrets, people, webhooks, the audit trail.

use crate::place::{Hub, Operator};

#[test]
fn devices_enrol_by_code_csv_and_approval() {
    let hub = Hub::start();
    let operator = Operator::of(&hub);
    operator.golden("devices-none", &hub, &operator.ok(&["devices"]));
    let code = [
        "enrol",
        "code",
        "--uses",
        "3",
        "--label",
        "line=1",
        "--device-url",
        "https://hub.example.org:7444",
    ];
    let text = operator.ok(&code);
    let secret = text.lines().next().unwrap().to_owned();
    operator.golden("enrol-code", &hub, &text.replace(&secret, "CODE"));
    let quiet = operator.ok(&["enrol", "code", "--quiet"]);
    assert_eq!(quiet.lines().count(), 1);
    let codes = operator.json(&["enrol", "codes"]);
    assert_eq!(codes[0]["labels"]["line"], "1");
    assert_eq!(codes[0]["uses_left"], 3);
    operator.ok(&["enrol", "rm", codes[0]["id"].as_str().unwrap()]);
    assert_eq!(
        operator.json(&["enrol", "codes"]).as_array().unwrap().len(),
        1
    );
    operator.refused(
        125,
        &["--label x", "NAME=VALUE"],
        &["enrol", "code", "--label", "x"],
    );
    operator.refused(
        125,
        &["--lifetime", "7d"],
        &["enrol", "code", "--lifetime", "long"],
    );

    let good = operator.write(
        "good.csv",
        "serial,name,labels\nSN-1,pump-1,line=1;site=graz\nSN-2,pump-2,line=1\n",
    );
    assert_eq!(
        operator.ok(&["enrol", "csv", &good]),
        "2 devices expected\n"
    );
    let bad = operator.write(
        "bad.csv",
        "serial,name,labels\nSN-3,Pump Three!,line\n,pump-4,\n",
    );
    operator.refused(
        125,
        &["bad.csv", "line 2", "line 3"],
        &["enrol", "csv", &bad],
    );
    operator.refused(125, &["nothing.csv"], &["enrol", "csv", "nothing.csv"]);
    assert_eq!(operator.ok(&["enrol", "pending"]), "no device waits\n");
    operator.refused(127, &["pump-9"], &["enrol", "approve", "pump-9"]);
    operator.refused(127, &["pump-9"], &["devices", "show", "pump-9"]);
    operator.refused(
        127,
        &["pump-9"],
        &["devices", "hold", "pump-9", "--reason", "audit"],
    );
    operator.refused(
        125,
        &["picks no active device"],
        &["devices", "release", "-l", "line=1"],
    );
    operator.refused(
        125,
        &["--selector", "pick"],
        &["devices", "label", "-l", "line=1", "x=1"],
    );
    operator.refused(125, &["character 7"], &["devices", "-l", "line=="]);
    operator.refused(
        125,
        &["--days", "mon-fri"],
        &[
            "devices", "window", "x", "--days", "day", "--begin", "22:00",
        ],
    );
    operator.golden("status", &hub, &operator.ok(&["status"]));
}

#[test]
fn secrets_are_never_on_the_command_line_nor_read_back() {
    let hub = Hub::start();
    let operator = Operator::of(&hub);
    let set = operator.with_input(&["secrets", "set", "password"], "hunter2\n");
    assert_eq!(
        (set.code, set.stdout.as_str()),
        (0, "password: revision 1\n"),
        "{set:?}"
    );
    let file = operator.write("value", "correct horse");
    assert_eq!(
        operator.ok(&["secrets", "set", "password", "--file", &file]),
        "password: revision 2\n"
    );
    let listed = operator.ok(&["secrets", "ls", "--json"]);
    assert!(
        !listed.contains("hunter2") && !listed.contains("horse"),
        "{listed}"
    );
    operator.golden("secrets", &hub, &operator.ok(&["secrets", "ls"]));
    operator.ok(&["secrets", "rm", "password"]);
    operator.refused(127, &["password"], &["secrets", "rm", "password"]);
    let empty = operator.with_input(&["secrets", "set", "empty"], "");
    assert_eq!(empty.code, 125, "{empty:?}");
}

#[test]
fn people_and_tenants_are_kept() {
    let hub = Hub::start();
    let operator = Operator::of(&hub);
    let create = ["users", "create", "ada@example.org", "--role", "ot"];
    let made = operator.with_input(&create, "a long enough password");
    assert_eq!(made.stdout, "ada@example.org: ot\n", "{made:?}");
    assert_eq!(
        operator.ok(&["users", "roles", "ada@example.org", "it", "viewer"]),
        "ada@example.org: viewer, it\n"
    );
    assert_eq!(
        operator.ok(&["users", "disable", "ada@example.org"]),
        "ada@example.org: viewer, it, may not sign in\n"
    );
    operator.golden("users", &hub, &operator.ok(&["users", "ls"]));
    operator.ok(&["users", "rm", "ada@example.org"]);
    operator.ok(&["tenants", "create", "plant"]);
    operator.golden("tenants", &hub, &operator.ok(&["tenants", "ls"]));
    assert_eq!(
        operator.json(&["whoami", "--tenant", "plant"])["tenant"],
        "plant"
    );
    operator.refused(127, &["nowhere"], &["devices", "--tenant", "nowhere"]);
}

#[test]
fn the_audit_trail_tells_who_did_what() {
    let hub = Hub::start();
    let operator = Operator::of(&hub);
    operator.ok(&["enrol", "code"]);
    operator.with_input(&["secrets", "set", "password"], "hunter2");
    let entries = operator.json(&["audit"]);
    let actions: Vec<&str> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert!(actions.contains(&"claim-code.create"), "{actions:?}");
    let about = operator.json(&["audit", "--about", "secret"]);
    assert!(about.to_string().contains("secret/password"), "{about}");
    assert!(!entries.to_string().contains("hunter2"));
    assert_eq!(operator.json(&["audit", "verify"])["intact"], true);
    let exported = operator.ok(&["audit", "export"]);
    assert_eq!(exported.lines().count(), entries.as_array().unwrap().len());
    let hook = [
        "webhooks",
        "create",
        "ops",
        "https://example.org/hook",
        "--event",
        "rollout.*",
    ];
    let made = operator.with_input(&hook, "sixteen characters");
    assert_eq!(made.code, 0, "{made:?}");
    operator.ok(&["webhooks", "disable", "ops"]);
    operator.golden("webhooks", &hub, &operator.ok(&["webhooks", "ls"]));
    operator.ok(&["webhooks", "rm", "ops"]);
}
