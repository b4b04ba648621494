//! One image, byte for byte, runs on Linux and on every board, and prints the same.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use thimble_serial::Declaration;
use thimble_tests_boards::{Board, Packed, Rig, Setup, guests};

/// A guest, and how it is run.
struct Case {
    guest: &'static str,
    grants: &'static [&'static str],
    env: &'static [&'static str],
    args: &'static [&'static str],
}

const CASES: [Case; 5] = [
    Case {
        guest: "hello-rust",
        grants: &[],
        env: &[],
        args: &[],
    },
    Case {
        guest: "hello-c",
        grants: &[],
        env: &["COLOUR=blue"],
        args: &["one", "two words"],
    },
    Case {
        guest: "conform-env",
        grants: &[
            "timer",
            "gpio:led0",
            "gpio:sw0",
            "sensor:temp",
            "sensor:climate",
            "bus.pub:conform/#",
            "bus.sub:conform/#",
        ],
        env: &[],
        args: &[],
    },
    Case {
        guest: "conform-thimble",
        grants: &[
            "timer",
            "kv",
            "gpio:led0",
            "gpio:sw0",
            "sensor:climate",
            "bus.pub:conform/#",
            "bus.sub:conform/#",
        ],
        env: &[],
        args: &[],
    },
    Case {
        guest: "blinky-rust",
        grants: &["timer", "gpio:led0"],
        env: &["ROUNDS=6"],
        args: &[],
    },
];

/// The command as it was built for this machine, with a home of its own.
fn thimble(home: &Path) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("thimble");
    assert!(
        program.exists(),
        "{} is missing; run `cargo build -p thimble-cli`",
        program.display()
    );
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).current_dir(home);
    command
}

/// Builds the image of a guest and runs it here: its digest, what it printed, and its exit code.
fn on_linux(home: &Path, case: &Case) -> (String, String, i32) {
    let mut build = thimble(home);
    build.args(["build", "-t", case.guest]);
    let built = build.arg(guests::guest(case.guest)).output().unwrap();
    assert!(built.status.success(), "{built:?}");
    let said = String::from_utf8([built.stdout, built.stderr].concat()).unwrap();
    let digest = said.split_once("sha256:").unwrap().1.get(..64).unwrap();
    let mut run = thimble(home);
    run.args(["run", "--board"])
        .arg(guests::repository().join("tests/guests/board.toml"));
    for grant in case.grants {
        run.args(["--allow", grant]);
    }
    for variable in case.env {
        run.args(["-e", variable]);
    }
    let ran = run.arg(case.guest).args(case.args).output().unwrap();
    let output = String::from_utf8(ran.stdout).unwrap();
    (
        format!("sha256:{digest}"),
        output,
        ran.status.code().unwrap(),
    )
}

#[test]
fn one_digest_runs_on_linux_and_on_every_board_with_the_same_output() {
    let home = TempDir::new().unwrap();
    let words = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let mut rigs = Board::ALL.map(|board| Rig::start(board, Setup::default()).unwrap());
    for case in &CASES {
        let (digest, output, code) = on_linux(home.path(), case);
        assert!(!output.is_empty(), "{}", case.guest);
        let packed = Packed::of_file(&guests::guest(case.guest), false).unwrap();
        assert_eq!(packed.digest(), digest, "{}", case.guest);
        for rig in &mut rigs {
            let installed = rig.install(&packed, case.guest).unwrap();
            assert_eq!(installed, digest);
            let mut declaration = Declaration {
                name: case.guest.to_owned(),
                image: digest.clone(),
                args: Some(words(case.args)),
                env: words(case.env),
                grants: words(case.grants),
                ..Declaration::default()
            };
            declaration.limits.memory_bytes = Some(1 << 20);
            declaration.limits.stack_bytes = Some(32 << 10);
            declaration.limits.log_bytes = Some(16 << 10);
            declaration.limits.message_bytes = Some(128 << 10);
            declaration.limits.timers = Some(64);
            declaration.limits.subscriptions = Some(64);
            let outcome = rig.run(declaration).unwrap();
            let name = rig.board.name();
            assert_eq!(
                outcome.output, output,
                "{} on {name}: {outcome:#?}",
                case.guest
            );
            assert_eq!(outcome.code(), code, "{} on {name}", case.guest);
        }
    }
}
