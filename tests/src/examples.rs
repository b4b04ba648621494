//! Every example does what its source says, on every engine.

use crate::command::{ENGINES, Place, guest, repository};

#[test]
fn hello_in_every_language() {
    for engine in ENGINES {
        for (name, text) in [
            ("hello-c", "Hello from a container!\n"),
            ("hello-rust", "Hello from Rust!\n"),
            ("hello-go", "Hello from Go!\n"),
            ("import-memory", "Hello from imported memory\n"),
        ] {
            let outcome =
                Place::new().thimble(["run", "--engine", engine, guest(name).to_str().unwrap()]);
            assert_eq!(
                (outcome.code, outcome.stdout.as_str()),
                (0, text),
                "{engine} {name}: {}",
                outcome.stderr
            );
        }
    }
}

#[test]
fn blinky_toggles_its_pin_only_if_it_may() {
    let board = repository().join("examples/boards/desk.toml");
    for engine in ENGINES {
        let place = Place::new();
        let arguments = [
            "run",
            "--engine",
            engine,
            "--board",
            board.to_str().unwrap(),
        ];
        let blinky = guest("blinky-c");
        let allowed = [
            "--allow",
            "timer",
            "--allow",
            "gpio:led0",
            blinky.to_str().unwrap(),
        ];
        let outcome = place.thimble(arguments.iter().chain(&allowed));
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_eq!(
            outcome.stderr.matches("board: led0 = 1").count(),
            5,
            "{}",
            outcome.stderr
        );
        assert!(outcome.stdout.ends_with("done\n"), "{}", outcome.stdout);

        let refused =
            place.thimble(
                arguments
                    .iter()
                    .chain(&["--timeout", "2s", blinky.to_str().unwrap()]),
            );
        assert_ne!(refused.code, 0);
        assert!(
            refused.stderr.contains("run with --allow "),
            "{}",
            refused.stderr
        );
        assert!(
            !refused.stderr.contains("board: led0 = 1"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_publisher_reaches_its_subscriber() {
    for engine in ENGINES {
        let (publisher, subscriber) = (guest("publisher-c"), guest("subscriber-c"));
        let outcome = Place::new().thimble([
            "run",
            "--engine",
            engine,
            "--timeout",
            "20s",
            "--allow",
            "bus.pub:demo/#",
            "--allow",
            "bus.sub:demo/#",
            "--allow",
            "timer",
            "--with",
            publisher.to_str().unwrap(),
            subscriber.to_str().unwrap(),
        ]);
        assert_eq!(outcome.code, 0, "{engine}: {outcome:?}");
        assert!(
            outcome
                .stdout
                .contains("demo/greeting (text/plain): message "),
            "{outcome:?}"
        );
    }
}

#[test]
fn files_survive_a_run_and_nothing_outside_the_mount_is_seen() {
    for engine in ENGINES {
        let place = Place::new();
        std::fs::create_dir(place.path().join("data")).unwrap();
        let program = guest("filesystem-c");
        let arguments = [
            "run",
            "--engine",
            engine,
            "-v",
            "data:/data",
            program.to_str().unwrap(),
        ];
        let first = place.thimble(arguments);
        assert_eq!(first.code, 0, "{first:?}");
        assert!(first.stdout.contains("this was run 1"), "{first:?}");
        assert!(place.thimble(arguments).stdout.contains("this was run 2"));

        let read_only = place.thimble([
            "run",
            "--engine",
            engine,
            "-v",
            "data:/data:ro",
            program.to_str().unwrap(),
        ]);
        assert_ne!(read_only.code, 0, "{read_only:?}");
        let unmounted = place.thimble(["run", "--engine", engine, program.to_str().unwrap()]);
        assert_ne!(unmounted.code, 0, "{unmounted:?}");
    }
}

#[test]
fn the_sensor_loop_measures_and_reports() {
    let board = repository().join("examples/boards/desk.toml");
    for engine in ENGINES {
        let outcome = Place::new().thimble([
            "run",
            "--engine",
            engine,
            "--board",
            board.to_str().unwrap(),
            "--allow",
            "timer",
            "--allow",
            "sensor",
            "--allow",
            "gpio",
            "--allow",
            "kv",
            guest("sensor-loop-rust").to_str().unwrap(),
        ]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(
            outcome.stdout.contains("round 3: 22.0 C, LED on"),
            "{outcome:?}"
        );
        assert!(outcome.stderr.contains("health: healthy"), "{outcome:?}");
    }
}
