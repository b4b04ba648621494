//! Files that say what a fleet is to be.

use crate::place::{Hub, Operator};

const DEPLOYMENT: &str = "kind: deployment
name: line-1
spec:
  app: reader
  version: 1.0
  selector: line=1
rollout:
  waves: [{count: 1}, {percent: 25, soak_s: 600}]
  budgets: {line: 1}
";

fn operator(hub: &Hub) -> Operator {
    let operator = Operator::of(hub);
    let module = operator.write(
        "reader.wat",
        "(module (memory (export \"memory\") 1) (func (export \"_start\")))",
    );
    let host = hub.url.strip_prefix("http://").unwrap();
    let name = format!("{host}/main/reader:1");
    for arguments in [vec!["build", "-t", &name, &module], vec!["push", &name]] {
        let outcome = operator.thimble(&arguments, "");
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
    }
    operator.write(
        "fleet/apps/reader.yaml",
        "kind: app\nname: reader\ndescription: reads\nversions:\n  1.0:\n    - {name: main, image: 'reader:1', grants: [timer]}\n",
    );
    operator.write("fleet/line-1.yaml", DEPLOYMENT);
    operator.write("fleet/notes.txt", "not a declaration");
    operator
}

#[test]
fn files_are_applied_once_and_differences_are_told_by_the_exit_code() {
    let hub = Hub::start();
    let operator = operator(&hub);
    let different = operator.with_input(&["diff", "-f", "fleet"], "");
    assert_eq!(different.code, 2, "{different:?}");
    operator.golden("diff", &hub, &different.stdout);
    assert_eq!(
        operator.ok(&["apply", "-f", "fleet", "--dry-run"]),
        different.stdout
    );
    operator.refused(125, &["--yes"], &["apply", "-f", "fleet"]);
    operator.golden(
        "apply",
        &hub,
        &operator.ok(&["apply", "-f", "fleet", "--yes"]),
    );
    // The same again changes nothing.
    let same = operator.with_input(&["diff", "-f", "fleet"], "");
    assert_eq!(
        (same.code, same.stdout.as_str()),
        (0, "everything is as declared\n"),
        "{same:?}"
    );
    assert_eq!(
        operator.ok(&["apply", "-f", "fleet"]),
        "everything is as declared\n"
    );
    let simulated = operator.ok(&["simulate", "-f", "fleet/line-1.yaml"]);
    assert!(
        simulated.contains("waves: 1, then 25%, then the rest"),
        "{simulated}"
    );

    // What the hub has, written to files, is what it has.
    operator.golden("export", &hub, &operator.ok(&["export", "written"]));
    let same = operator.with_input(&["diff", "-f", "written"], "");
    assert_eq!(same.code, 0, "{same:?}");
    operator.refused(125, &["there is something in it"], &["export", "written"]);

    operator.write("fleet/line-1.yaml", &DEPLOYMENT.replace("line=1", "line=2"));
    let changed = operator.with_input(&["diff", "-f", "fleet"], "");
    assert_eq!(changed.code, 2);
    assert!(
        changed.stdout.starts_with("~ deployment/line-1 (update)"),
        "{changed:?}"
    );
    let simulated = operator.json(&["simulate", "-f", "fleet/line-1.yaml"]);
    assert_eq!(simulated["revision"], 2, "{simulated}");
    assert_eq!(simulated["is_new"], true);
    // It was only thought through.
    assert_eq!(
        operator.json(&["deployments", "show", "line-1"])["revision"],
        1
    );
}

#[test]
fn what_no_file_declares_goes_when_it_is_to_be_pruned() {
    let hub = Hub::start();
    let operator = operator(&hub);
    operator.ok(&["apply", "-f", "fleet", "--yes"]);
    operator.write(
        "fleet/line-1.yaml",
        &DEPLOYMENT.replace("name: line-1", "name: line-2"),
    );
    let plain = operator.ok(&["apply", "-f", "fleet", "--yes"]);
    assert!(!plain.contains("(remove)"), "{plain}");
    let diff = operator.with_input(&["diff", "-f", "fleet", "--prune"], "");
    assert_eq!(diff.code, 2, "{diff:?}");
    assert_eq!(diff.stdout, "- deployment/line-1 (remove)\n");
    operator.ok(&["apply", "-f", "fleet", "--prune", "--yes"]);
    let left = operator.json(&["deployments"]);
    let left: Vec<&str> = left
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["is_being_removed"] != true)
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(left, ["line-2"]);
}

#[test]
fn what_another_needs_is_pruned_after_it() {
    let hub = Hub::start();
    let operator = operator(&hub);
    let apps = ["base", "middle", "kept"];
    for app in apps {
        operator.write(
            &format!("fleet/apps/{app}.yaml"),
            &format!("kind: app\nname: {app}\nversions:\n  1.0:\n    - {{name: main, image: 'reader:1'}}\n"),
        );
    }
    for (name, app, needs) in [
        ("base", "base", ""),
        ("middle", "middle", "depends_on: [base]"),
        ("line-1", "reader", "depends_on: [middle, base]"),
        ("kept", "kept", ""),
    ] {
        operator.write(
            &format!("fleet/{name}.yaml"),
            &format!(
                "kind: deployment\nname: {name}\nspec:\n  app: {app}\n  version: 1.0\n  {needs}\n"
            ),
        );
        operator.ok(&[
            "apply",
            "-f",
            "fleet/apps",
            "-f",
            &format!("fleet/{name}.yaml"),
            "--yes",
        ]);
    }
    operator.refused(
        125,
        &["base", "depends on it"],
        &["deployments", "rm", "base", "--reason", "x", "--yes"],
    );
    for name in ["base", "middle", "line-1"] {
        std::fs::remove_file(operator.path(&format!("fleet/{name}.yaml"))).unwrap();
    }
    let diff = operator.with_input(&["diff", "-f", "fleet", "--prune"], "");
    assert_eq!(
        diff.stdout,
        "- deployment/line-1 (remove)\n- deployment/middle (remove)\n- deployment/base (remove)\n",
        "{diff:?}"
    );
    operator.ok(&["apply", "-f", "fleet", "--prune", "--yes"]);
}

#[test]
fn every_file_that_is_wrong_is_told_with_its_line() {
    let hub = Hub::start();
    let operator = operator(&hub);
    operator.write(
        "fleet/bad-1.yaml",
        "kind: deployment\nname: x\nspec:\n  app: a\n  version: 1\n  priority: high\n",
    );
    operator.write("fleet/bad-2.yml", "kind: pump\n");
    operator.write("fleet/twice.yaml", DEPLOYMENT);
    operator.refused(
        125,
        &[
            "bad-1.yaml:6:13: must be a whole number",
            "bad-2.yml:1:7: there is no kind `pump`",
            "twice.yaml: declares deployment/line-1, and so does fleet/line-1.yaml",
        ],
        &["apply", "-f", "fleet", "--yes"],
    );
    assert_eq!(operator.json(&["deployments"]).as_array().unwrap().len(), 0);
    operator.refused(125, &["no .yaml or .yml file"], &["diff", "-f", "thimble"]);
    operator.refused(125, &["nowhere.yaml"], &["diff", "-f", "nowhere.yaml"]);
    // What the hub does not take is told with the file.
    let wrong = operator.write(
        "wrong.yaml",
        &DEPLOYMENT.replace("app: reader", "app: nothing"),
    );
    operator.refused(125, &["wrong.yaml", "nothing"], &["diff", "-f", &wrong]);
}
