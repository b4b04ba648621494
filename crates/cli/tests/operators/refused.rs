//! Files that cannot be meant: each is told by its name, with what to do, and nothing is changed at the hub.

use std::fs::File;
use std::os::unix::fs::symlink;

use crate::place::{Hub, Operator};

const APP: &str = "kind: app\nname: reader\n";

#[test]
fn every_file_of_a_folder_that_is_none_is_told() {
    let hub = Hub::start();
    let operator = Operator::of(&hub);
    operator.write("fleet/good.yaml", APP);
    operator.write("fleet/broken.yaml", "kind: app\nname: [reader\n");
    operator.write("fleet/empty.yaml", "");
    operator.write("fleet/comment.yaml", "# nothing yet\n");
    operator.write("fleet/nul.yaml", "kind: app\nname: \"a\0b\"\n");
    std::fs::write(operator.path("fleet/binary.yaml"), [0xff, 0xfe, 0, 1, 2]).unwrap();
    let large = File::create(operator.path("fleet/large.yaml")).unwrap();
    large.set_len(100 << 20).unwrap();
    operator.refused(
        125,
        &[
            "fleet/broken.yaml:",
            "fleet/empty.yaml:1:1: a document is a map that begins with its `kind`",
            "fleet/comment.yaml:",
            "fleet/nul.yaml:",
            "fleet/binary.yaml: it is not UTF-8 text",
            "fleet/large.yaml: it has more than 1 MiB",
        ],
        &["apply", "-f", "fleet", "--yes"],
    );
    assert_eq!(operator.json(&["apps"]).as_array().unwrap().len(), 0);
}

#[test]
fn what_is_in_a_folder_and_no_file_is_told() {
    let hub = Hub::start();
    let operator = Operator::of(&hub);
    let apply = ["apply", "-f", "fleet", "--yes"];
    operator.write("fleet/app.yaml", APP);
    let within = operator.path("fleet/below");
    std::fs::create_dir(&within).unwrap();
    // A link to a folder that is elsewhere is followed.
    operator.write("elsewhere/other.yaml", "kind: app\nname: other\n");
    symlink(operator.path("elsewhere"), within.join("other")).unwrap();
    operator.ok(&apply);
    assert_eq!(operator.json(&["apps"]).as_array().unwrap().len(), 2);

    symlink("..", within.join("loop")).unwrap();
    operator.refused(
        125,
        &["fleet/below/loop: is a link back to", "remove the link"],
        &apply,
    );
    std::fs::remove_file(within.join("loop")).unwrap();
    symlink("itself.yaml", within.join("itself.yaml")).unwrap();
    operator.refused(125, &["itself.yaml: cannot be read"], &apply);
    std::fs::remove_file(within.join("itself.yaml")).unwrap();
    symlink("gone", within.join("gone.yaml")).unwrap();
    operator.refused(125, &["gone.yaml: is a link to what is not there"], &apply);
    std::fs::remove_file(within.join("gone.yaml")).unwrap();
    // Whoever opened it would wait for ever.
    let pipe = within.join("pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    operator.refused(125, &["pipe.yaml: is neither a file nor a folder"], &apply);
    std::fs::remove_file(&pipe).unwrap();
    operator.ok(&apply);
}

#[test]
fn a_folder_larger_than_a_request_is_sent_in_parts() {
    let hub = Hub::start();
    let operator = Operator::of(&hub);
    // As many documents as a request may hold have more bytes than it may hold.
    let words = "\u{1f3ed}".repeat(1000);
    for number in 0..300 {
        let name = format!("app-{number:0>56}");
        operator.write(
            &format!("fleet/{number}.yaml"),
            &format!("kind: app\nname: {name}\ndescription: {words}\n"),
        );
    }
    operator.ok(&["apply", "-f", "fleet", "--yes"]);
    assert_eq!(operator.json(&["apps"]).as_array().unwrap().len(), 300);
    assert_eq!(
        operator.ok(&["apply", "-f", "fleet"]),
        "everything is as declared\n"
    );
}

#[test]
fn tables_that_are_too_long_are_not_sent() {
    let hub = Hub::start();
    let operator = Operator::of(&hub);
    let mut million = String::from("serial\n");
    for number in 0..1_000_000 {
        million.push_str(&format!("S{number}\n"));
    }
    operator.write("million.csv", &million);
    operator.refused(
        125,
        &[
            "million.csv",
            "at most 100000 devices",
            "send the rest by itself",
        ],
        &["enrol", "csv", "million.csv"],
    );
    let huge = File::create(operator.path("huge.csv")).unwrap();
    huge.set_len(100 << 20).unwrap();
    operator.refused(
        125,
        &["huge.csv", "more than 16 MiB; send it in parts"],
        &["enrol", "csv", "huge.csv"],
    );
    std::fs::write(operator.path("latin.csv"), b"serial,name\nS1,D\xfcse\n").unwrap();
    operator.refused(125, &["latin.csv", "UTF-8"], &["enrol", "csv", "latin.csv"]);
    operator.write("semicolons.csv", "serial;name\nS1;press\n");
    operator.refused(
        125,
        &["semicolons.csv", "line 1", "commas"],
        &["enrol", "csv", "semicolons.csv"],
    );
    operator.write("empty.csv", "");
    operator.refused(
        125,
        &["empty.csv", "line 1", "`serial`"],
        &["enrol", "csv", "empty.csv"],
    );
}
