//! The key-value data of named containers.

use std::path::PathBuf;
use std::process::Stdio;

use crate::command::{ENGINES, Outcome, Place, end, guest, repository};

/// Runs the sensor loop, which counts its runs in its data, under this name.
fn count_a_run(place: &Place, engine: &str, name: &str) -> Outcome {
    let mut command = place.command();
    command.env("THIMBLE_ROOT", place.path().join("root"));
    command.args(["run", "--engine", engine, "--name", name]);
    for grant in ["timer", "sensor", "gpio", "kv"] {
        command.args(["--allow", grant]);
    }
    command
        .arg("--board")
        .arg(repository().join("examples/boards/desk.toml"))
        .arg(guest("sensor-loop-rust"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    end(command.spawn().unwrap())
}

/// The files that hold values.
fn values(place: &Place) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for container in std::fs::read_dir(place.path().join("root/kv")).unwrap() {
        for file in std::fs::read_dir(container.unwrap().path()).unwrap() {
            files.push(file.unwrap().path());
        }
    }
    files
}

#[test]
fn they_belong_to_the_name() {
    for engine in ENGINES {
        let place = Place::new();
        let run = |name| count_a_run(&place, engine, name).stdout;
        assert!(run("one").contains("run 1\n"));
        assert!(run("one").contains("run 2\n"));
        assert!(run("two").contains("run 1\n"));
    }
}

#[test]
fn damaged_data_are_told_and_set_aside() {
    for engine in ENGINES {
        let place = Place::new();
        count_a_run(&place, engine, "one");
        let [file] = &values(&place)[..] else {
            panic!("one value: {:?}", values(&place))
        };
        std::fs::write(file, "not what was written").unwrap();
        let outcome = count_a_run(&place, engine, "one");
        assert!(outcome.stdout.contains("run 1\n"), "{outcome:?}");
        assert!(outcome.stderr.contains("damaged"), "{outcome:?}");
        assert!(outcome.stderr.contains("set aside as"), "{outcome:?}");
        let outcome = count_a_run(&place, engine, "one");
        assert!(outcome.stdout.contains("run 2\n"), "{outcome:?}");
        assert!(!outcome.stderr.contains("damaged"), "{outcome:?}");
    }
}

#[test]
fn a_name_belongs_to_one_running_container() {
    let place = Place::new();
    let sleeper = guest("sleep");
    let spawn = |time: &str| {
        let sleeper = sleeper.to_str().unwrap();
        place.spawn(["run", "--name", "one", "--timeout", time, sleeper])
    };
    let mut first = spawn("1h");
    // The first one has the name when another is refused; until then it may be the other way round.
    let refused = loop {
        let outcome = end(spawn("1ms"));
        if outcome.code == 125 {
            break outcome;
        }
        if let Some(status) = first.try_wait().unwrap() {
            assert_eq!(status.code(), Some(125));
            first = spawn("1h");
        }
    };
    assert!(
        refused
            .stderr
            .contains("a container of this name is running"),
        "{refused:?}"
    );
    first.kill().unwrap();
    first.wait().unwrap();
    // Killed hard, it has still given the name back.
    assert_ne!(end(spawn("1ms")).code, 125);
}
