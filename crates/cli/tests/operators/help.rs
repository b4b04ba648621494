//! What each command says of itself.

use crate::place::Operator;

/// Every command below `thimble fleet`.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["login"],
    &["logout"],
    &["whoami"],
    &["status"],
    &["devices"],
    &["devices", "show"],
    &["devices", "label"],
    &["devices", "hold"],
    &["devices", "window"],
    &["devices", "revoke"],
    &["enrol"],
    &["enrol", "code"],
    &["enrol", "csv"],
    &["apps"],
    &["apps", "publish"],
    &["deploy"],
    &["deployments"],
    &["rollout"],
    &["rollout", "status"],
    &["rollout", "start"],
    &["logs"],
    &["apply"],
    &["diff"],
    &["simulate"],
    &["secrets"],
    &["secrets", "set"],
    &["tokens", "create"],
    &["users"],
    &["users", "create"],
    &["tenants"],
    &["webhooks", "create"],
    &["audit"],
];

#[test]
fn every_command_describes_itself() {
    let operator = Operator::new();
    let mut all = String::new();
    for command in COMMANDS {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let text = operator.ok(&arguments);
        all.push_str(&format!(
            "$ thimble fleet {}\n{text}\n",
            arguments.join(" ")
        ));
    }
    operator.golden_text("help", &all);
}

#[test]
fn what_is_typed_wrong_is_told() {
    let operator = Operator::new();
    for (arguments, words) in [
        (&["devces"][..], "devices"),
        (&["deploy"], "DEPLOYMENT"),
        (&["devices", "hold", "pump"], "--reason"),
        (&["devices", "--watch", "--json"], "cannot be used with"),
        (&["secrets", "set"], "NAME"),
    ] {
        operator.refused(125, &[words], arguments);
    }
}
