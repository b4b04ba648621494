//! `thimble build`, `images`, `tag`, `rmi`, `inspect`, and running what was built.

use super::device::{Device, exits};
use crate::command::{ENGINES, guest};

#[test]
fn an_image_is_built_named_run_and_removed() {
    let device = Device::new();
    let digest = device.build("hello:1", &exits(7, "one"));
    for engine in ENGINES {
        assert_eq!(device.run(&["run", "--engine", engine, "hello:1"]).code, 7);
    }
    assert_eq!(device.run(&["run", &format!("hello@{digest}")]).code, 7);
    device.ok(&["tag", "hello:1", "example.org/line1/hello:2"]);
    let images = device.json(&["images"]);
    let names: Vec<&str> = images
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["reference"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["hello:1", "example.org/line1/hello:2"]);
    assert!(
        images
            .as_array()
            .unwrap()
            .iter()
            .all(|image| image["digest"] == *digest)
    );
    let table = device.ok(&["images"]);
    assert!(
        table.starts_with("IMAGE") && table.contains("wasip1/wasm"),
        "{table}"
    );
    device.ok(&["rmi", "hello:1"]);
    // The other name still keeps it.
    assert_eq!(device.json(&["prune"])["blobs"], 0);
    assert_eq!(device.run(&["run", "example.org/line1/hello:2"]).code, 7);
    device.ok(&["rmi", "example.org/line1/hello:2"]);
    assert_eq!(device.json(&["prune", "--dry-run"])["blobs"], 3);
    assert_eq!(device.json(&["prune"])["blobs"], 3);
    device.refused(
        127,
        &["no such image"],
        &["run", "--pull", "never", "hello:1"],
    );
}

#[test]
fn packing_cuts_memory_and_says_what_it_did() {
    let device = Device::new();
    let blinky = guest("blinky-ocre");
    let blinky = blinky.to_str().unwrap();
    let built = device.run(&["build", "-t", "blinky", "--pack", blinky]);
    assert_eq!(built.code, 0, "{built:?}");
    assert!(
        built.stderr.contains("of 131072 bytes left") && built.stderr.contains("stack: "),
        "{}",
        built.stderr
    );
    let memory = &device.json(&["build", "-t", "again", "--pack", blinky])["memory"];
    assert_eq!(memory["bytes_before"], 131_072);
    let bytes = memory["bytes"].as_u64().unwrap();
    assert!(bytes < 20_000, "{memory}");
    assert_eq!(memory["report"].as_array().unwrap().len(), 2, "{memory}");
    // What is left alone is told as well, and nothing is told that nobody asked for.
    let hello = guest("hello-c");
    let kept = device.run(&["build", "-t", "hello", "--pack", hello.to_str().unwrap()]);
    assert!(
        kept.stderr.contains("memory kept: it asks for memory"),
        "{}",
        kept.stderr
    );
    let plain = device.run(&["build", "-t", "plain", blinky]);
    assert!(!plain.stderr.contains("131072"), "{}", plain.stderr);
    device.refused(
        125,
        &["--pack"],
        &["build", "-t", "a", "--stack-size", "64k", blinky],
    );
    device.refused(
        125,
        &["--stack-size", "64q"],
        &["build", "-t", "a", "--pack", "--stack-size", "64q", blinky],
    );
    // A recipe asks for it too.
    device
        .place
        .file("app.wasm", std::fs::read(blinky).unwrap());
    device
        .place
        .file("thimble.yaml", "name: app\nmodule: app.wasm\npack: true\n");
    let built = device.json(&["build", device.place.path().to_str().unwrap()]);
    assert_eq!(built["memory"]["bytes"], bytes);
}

#[test]
fn packed_guests_do_what_they_did() {
    let device = Device::new();
    for pack in [false, true] {
        for name in ["publisher-ocre", "subscriber-ocre"] {
            let module = guest(name);
            let mut all = vec!["build", "-t", name, module.to_str().unwrap()];
            all.extend(pack.then_some("--pack"));
            assert_eq!(device.run(&all).code, 0);
        }
        for engine in ENGINES {
            let outcome = device.run(&[
                "run",
                "--engine",
                engine,
                "--timeout",
                "5s",
                "--allow",
                "timer",
                "--allow",
                "bus.pub:temperature/#",
                "--allow",
                "bus.sub:temperature/#",
                "--with",
                "publisher-ocre",
                "subscriber-ocre",
            ]);
            for text in [
                "=== Publisher on temperature/room1 ===",
                "=== Subscriber to temperature/ ===",
                "Received 1: topic=temperature/room1, content_type=text/plain, payload=reading ",
            ] {
                assert!(
                    outcome.stdout.contains(text),
                    "{pack} {engine}: {text:?} is missing in {outcome:?}"
                );
            }
        }
    }
}

#[test]
fn the_same_source_gives_the_same_digest() {
    let digest = |time: Option<&str>| {
        let device = Device::new();
        let module = device.place.file("module.wat", exits(0, "same"));
        let mut command = device.command(&["build", "--json", "-t", "a", module.to_str().unwrap()]);
        command.envs(time.map(|time| ("SOURCE_DATE_EPOCH", time)));
        let outcome = crate::command::end(command.spawn().unwrap());
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.stdout
    };
    assert_eq!(digest(None), digest(None));
    assert_eq!(digest(Some("0")), digest(Some("0")));
    assert_ne!(digest(None), digest(Some("0")));
}

#[test]
fn a_recipe_says_how_it_is_run() {
    let device = Device::new();
    device.place.file(
        "app.wat",
        r#"(module
             (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
             (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
             (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
             (memory (export "memory") 1)
             (func (export "work")
               (drop (call $args (i32.const 0) (i32.const 8)))
               (drop (call $environ (i32.const 4) (i32.const 8)))
               (call $exit (i32.add (i32.mul (i32.load (i32.const 0)) (i32.const 10)) (i32.load (i32.const 4))))))"#,
    );
    device.place.file(
        "thimble.yaml",
        "name: app\nmodule: app.wat\nentry: work\nargs: [one, two]\nenv: {A: b, C: d}\n\
         grants: [timer]\nlimits: {memory: 1m}\nstop_grace: 2s\n",
    );
    let built = device.run(&["build", device.place.path().to_str().unwrap()]);
    assert_eq!(built.code, 0, "{built:?}");
    assert!(
        built.stderr.contains("timer"),
        "a grant that nothing needs is told: {built:?}"
    );
    // Three arguments with its name, two variables.
    assert_eq!(device.run(&["run", "app"]).code, 32);
    assert_eq!(
        device
            .run(&["run", "-e", "A=x", "-e", "E=f", "app", "only"])
            .code,
        23
    );
    let image = &device.json(&["inspect", "app"])["image"];
    assert_eq!(image["config"]["module"]["entryPoint"], "work");
    assert_eq!(image["config"]["config"]["Permissions"][0], "timer");
    assert_eq!(image["config"]["thimble"]["limits"]["memoryBytes"], 1 << 20);
    let text = device.ok(&["inspect", "app"]);
    assert!(
        text.contains("requests:") && text.contains("timer"),
        "{text}"
    );
}

#[test]
fn an_image_requests_and_the_operator_grants() {
    let device = Device::new();
    let blinky = guest("blinky-c");
    std::fs::copy(&blinky, device.place.path().join("blinky.wasm")).unwrap();
    device.place.file(
        "build.yaml",
        "version: '1'\nname: blinky\nbinaries:\n  - path: blinky.wasm\nconfig:\n  permissions: [ocre_gpio, ocre_timers]\n",
    );
    device.ok(&[
        "build",
        "-t",
        "blinky:1",
        device.place.path().to_str().unwrap(),
    ]);
    let board = crate::command::repository().join("examples/boards/desk.toml");
    let run = |options: &[&str]| {
        let mut arguments = vec![
            "run",
            "--board",
            board.to_str().unwrap(),
            "--timeout",
            "20s",
        ];
        arguments.extend(options);
        arguments.extend(["blinky:1", "2", "1"]);
        device.run(&arguments)
    };
    let refused = run(&[]);
    assert!(refused.stderr.contains("--allow ocre_gpio"), "{refused:?}");
    let granted = run(&["--allow-requested"]);
    assert_eq!(granted.code, 0, "{granted:?}");
    assert!(granted.stderr.contains("led0 = 1"), "{granted:?}");
    assert!(!granted.stderr.contains("--allow"), "{granted:?}");
}

#[test]
fn what_cannot_be_built_is_told() {
    let device = Device::new();
    let file = |name: &str, content: &str| {
        device
            .place
            .file(name, content)
            .to_str()
            .unwrap()
            .to_owned()
    };
    let good = file("good.wat", &exits(0, "x"));
    let path = |name: &str| device.place.path().join(name).to_str().unwrap().to_owned();
    for (words, arguments) in [
        (["missing.wasm", ""], vec!["-t", "a", &path("missing.wasm")]),
        (
            ["not a WebAssembly module", ""],
            vec!["-t", "a", &file("text.wasm", "hello")],
        ),
        (["lower-case", ""], vec!["-t", "A", &good]),
        (
            ["digest", ""],
            vec![
                "-t",
                "a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                &good,
            ],
        ),
        (
            ["no_such_call", ""],
            vec![
                "-t",
                "a",
                &file(
                    "import.wat",
                    r#"(module (import "env" "no_such_call" (func)))"#,
                ),
            ],
        ),
        (["thimble.yaml", "build.yaml"], vec!["-t", "a", &path(".")]),
    ] {
        let mut all = vec!["build"];
        all.extend(arguments);
        device.refused(125, &words, &all);
    }
    let recipe = |text: &str| file("thimble.yaml", text);
    for (text, word) in [
        ("module: good.wat\nname: a\ngrant: [timer]\n", "grants"),
        ("module: ../../etc/passwd\nname: a\n", ".."),
        ("module: /etc/passwd\nname: a\n", "must be relative"),
        (
            "module: good.wat\nname: a\ngrants: [telepathy]\n",
            "telepathy",
        ),
        (
            "module: good.wat\nname: a\nlimits: {memory: lots}\n",
            "memory",
        ),
        ("module: [\n", "thimble.yaml"),
        ("name: a\n", "module"),
    ] {
        device.refused(125, &[word], &["build", &recipe(text)]);
    }
    assert_eq!(
        device.json(&["images"]).as_array().unwrap().len(),
        0,
        "nothing is left"
    );
}

#[test]
fn a_full_quota_is_told_before_anything_is_written() {
    let device = Device::new();
    device.build("small", &exits(0, "x"));
    device.setting("thimble.toml", "[images]\nquota = \"2k\"\n");
    let module = device.place.file("large.wat", exits(0, &"y".repeat(4000)));
    device.refused(
        125,
        &["quota"],
        &["build", "-t", "large", module.to_str().unwrap()],
    );
    assert_eq!(device.run(&["run", "small"]).code, 0);
    device.setting("thimble.toml", "[images]\nquoat = \"2k\"\n");
    device.refused(125, &["thimble.toml", "quoat"], &["images"]);
}
