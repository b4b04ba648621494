//! Recipes of both kinds, right and wrong, from files as people write them.

use std::fs;
use std::path::Path;

use thimble_image::config::{Health, LimitRequest};
use thimble_testkit::random::{Random, seed};

use super::{Recipe, read};
use crate::pack::PackRequest;
use crate::units;

/// Reads a recipe of this name and text from a folder that also has modules.
fn recipe(file: &str, text: &str) -> Result<Recipe, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("build")).unwrap();
    for module in ["app.wasm", "build/app.wasm", "Other App.wat"] {
        fs::write(folder.path().join(module), b"(module)").unwrap();
    }
    fs::write(folder.path().join(file), text).unwrap();
    let prefix = format!("{}/", folder.path().display());
    read(folder.path()).map_err(|error| error.to_string().replace(&prefix, ""))
}

fn pack(pack: bool, stack_bytes: Option<u32>) -> PackRequest {
    PackRequest {
        pack,
        stack_bytes,
        ..PackRequest::default()
    }
}

#[test]
fn packing_is_asked_for_or_not() {
    for (text, expected) in [
        ("", pack(false, None)),
        ("pack: true", pack(true, None)),
        ("pack: false", pack(false, None)),
        ("pack: {}", pack(true, None)),
        ("pack: {stack: 1m}", pack(true, Some(1 << 20))),
    ] {
        let recipe = recipe("thimble.yaml", &format!("module: app.wasm\n{text}\n")).unwrap();
        assert_eq!(recipe.pack, expected, "{text}");
    }
    let both = recipe(
        "thimble.yaml",
        "module: app.wasm\npack: {heap: 4k, stack: 1k, messages: 2k}\n",
    );
    let heap_bytes = Some(4096);
    assert_eq!(
        both.unwrap().pack,
        PackRequest {
            heap_bytes,
            message_bytes: Some(2048),
            ..pack(true, Some(1024))
        }
    );
    // What is said on the command line counts before.
    assert_eq!(
        pack(true, Some(1)).or(pack(false, Some(2))),
        pack(true, Some(1))
    );
    assert_eq!(
        pack(false, None).or(pack(true, Some(2))),
        pack(true, Some(2))
    );
}

const FULL: &str = r#"
# Everything at once.
module: build/app.wasm
name: pump-7
author: Ada <ada@example.org>
entry: run
args: [--fast, "2", 3]
env:
  LEVEL: debug
  COUNT: 5
  EMPTY: ""
grants:
  - gpio:led0
  - net.connect:example.org:443
volumes: [/data, /var/spool]
limits: {memory: 64m, cpus: 0.5, storage: 1m, kv: 64k, log: 64k}
health:
  start: 30s
  heartbeat: 10s
stop_grace: 1.5s
labels:
  org.example.line: "7"
pack: {stack: 8k}
"#;

#[test]
fn every_field_of_ours() {
    let recipe = recipe("thimble.yaml", FULL).unwrap();
    assert_eq!(recipe.name.as_deref(), Some("pump-7"));
    assert!(recipe.module.ends_with("build/app.wasm"));
    assert!(recipe.source.ends_with("thimble.yaml"));
    assert_eq!(recipe.notes, [""; 0]);
    assert_eq!(recipe.pack, pack(true, Some(8192)));
    let config = recipe.config;
    assert_eq!(config.author.as_deref(), Some("Ada <ada@example.org>"));
    assert_eq!(config.entry_point.as_deref(), Some("run"));
    assert_eq!(config.args, ["--fast", "2", "3"]);
    assert_eq!(config.env, ["LEVEL=debug", "COUNT=5", "EMPTY="]);
    assert_eq!(config.grants, ["gpio:led0", "net.connect:example.org:443"]);
    assert_eq!(config.volumes, ["/data", "/var/spool"]);
    assert_eq!(config.stop_grace_ms, Some(1500));
    assert_eq!(config.labels["org.example.line"], "7");
    assert_eq!(
        config.health,
        Some(Health {
            start_ms: 30_000,
            heartbeat_ms: Some(10_000)
        })
    );
    assert_eq!(
        config.limits,
        LimitRequest {
            memory_bytes: Some(64 << 20),
            cpu_share_thousandths: Some(500),
            storage_bytes: Some(1 << 20),
            key_value_bytes: Some(64 << 10),
            log_bytes: Some(64 << 10),
        }
    );
}

#[test]
fn the_module_alone_is_enough() {
    let recipe = recipe(
        "thimble.yaml",
        "module: ./app.wasm\nenv: [A=1, B=x=y]\nargs:\n",
    )
    .unwrap();
    assert_eq!(recipe.config.env, ["A=1", "B=x=y"]);
    assert_eq!(recipe.name, None);
    assert_eq!(recipe.config.args, [""; 0]);
}

#[test]
fn ocres_recipes() {
    let text = "version: '1'\nname: Blinky App\nbinaries:\n  - path: build/app.wasm\nconfig:\n  environment: [A=b]\n  \
                permissions: [ocre_gpio, console]\n  entrypoint: main\n  heapSize: 4096\n  stackSize: '8192'\n  \
                extra: 1\n";
    let found = recipe("build.yaml", text).unwrap();
    assert_eq!(found.name.as_deref(), Some("blinky-app"));
    assert_eq!(found.config.env, ["A=b"]);
    assert_eq!(found.config.grants, ["ocre_gpio", "console"]);
    assert_eq!(found.config.entry_point.as_deref(), Some("main"));
    assert_eq!(found.notes.len(), 4, "{:?}", found.notes);
    assert!(found.notes.iter().any(|note| note.contains("`extra`")));

    // What Ocre's own samples have.
    let text = "version: '1'\nname: hello\nbinaries:\n- path: build/app.wasm\nconfig:\n  environment: []\n  permissions: []\n";
    assert_eq!(recipe("build.yaml", text).unwrap().notes, [""; 0]);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let deep = format!(
        "module: app.wasm\nargs: {}{}",
        "[".repeat(20),
        "]".repeat(20)
    );
    let deeper = format!("module: app.wasm\nargs: {}", "[".repeat(50_000));
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nmodule: *b\n";
    let many = format!("module: app.wasm\nargs:\n{}", "- x\n".repeat(20_000));
    for (file, text, message) in [
        (
            "thimble.yaml",
            "modul: app.wasm\n",
            "thimble.yaml:1: unknown key `modul`; did you mean `module`?",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\n\nstop-grace: 3s\n",
            ":3: unknown key `stop-grace`; did you mean `stop_grace`?",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nwhatever: 1\n",
            ":2: unknown key `whatever`; keys here are module, name,",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\npack: yes\n",
            ":2: `pack` must be true, false, or a map with `stack`, `heap` or `messages`",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\npack: {stack: 4g}\n",
            ":2: `stack` must be a size below 4g, as `64k`",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nlimits:\n  mem: 1m\n",
            ":3: unknown key `mem`; did you mean `memory`?",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nlimits:\n  memory: lots\n",
            ":3: `memory` must be a size",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nlimits: {cpus: 0}\n",
            ":2: `cpus` must be a share",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nhealth: {heartbeat: 1s}\n",
            ":2: `start`, the time",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nhealth: {start: soon}\n",
            ":2: `start` must be a time",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nname: A B\n",
            ":2: `name` must be a name",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nargs: one\n",
            ":2: `args` must be a list",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nargs: [{a: b}]\n",
            ":2: `args` must be one text",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nargs: [~]\n",
            ":2: `args` must be a text; write ''",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nenv: [NOTHING]\n",
            ":2: `env` must be a list of NAME=VALUE",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nenv: [A=1, A=2]\n",
            ":2: `A` stands here twice",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nenv: {'': x}\n",
            "environment variable \"=x\" is not NAME=VALUE",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nmodule: app.wasm\n",
            ":2: `module` stands here twice",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nvolumes: [data]\n",
            "volume \"data\" is not an absolute path",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\nargs: [\"a\\0b\"]\n",
            "an argument of the image has a NUL",
        ),
        (
            "thimble.yaml",
            "name: x\n",
            ":1: `module`, the path of the .wasm file, is missing",
        ),
        (
            "thimble.yaml",
            "",
            ":1: `module`, the path of the .wasm file, is missing",
        ),
        (
            "thimble.yaml",
            "- module: app.wasm\n",
            ":1: `the recipe` must be a map",
        ),
        (
            "thimble.yaml",
            "module: /etc/passwd\n",
            ":1: the module's path \"/etc/passwd\" must be relative",
        ),
        (
            "thimble.yaml",
            "module: build/../../app.wasm\n",
            ":1: the module's path",
        ),
        ("thimble.yaml", "module: ''\n", ":1: the module's path"),
        (
            "thimble.yaml",
            "name: a\nmodule: gone.wasm\n",
            ":2: there is no file gone.wasm; build the module first",
        ),
        (
            "thimble.yaml",
            "module: build\n",
            ":1: there is no file build",
        ),
        ("thimble.yaml", "module: {\n", "it is not YAML"),
        (
            "thimble.yaml",
            "module: app.wasm\n\tname: x\n",
            "it is not YAML",
        ),
        (
            "thimble.yaml",
            "module: app.wasm\n---\nmodule: app.wasm\n",
            ":2: there is a second document",
        ),
        (
            "thimble.yaml",
            "module: !!binary app.wasm\n",
            ":1: tags are not allowed",
        ),
        (
            "thimble.yaml",
            "module: &m app.wasm\n",
            ":1: anchors are not allowed",
        ),
        (
            "thimble.yaml",
            "? [a]\n: b\n",
            ":1: keys that are not texts are not allowed",
        ),
        ("thimble.yaml", bomb, ":1: anchors are not allowed"),
        (
            "thimble.yaml",
            &deep,
            "at most 8 maps and lists inside each other",
        ),
        ("thimble.yaml", &deeper, "it is not YAML"),
        ("thimble.yaml", &many, "at most 16384 values"),
        (
            "build.yaml",
            "version: '2'\nbinaries: [{path: app.wasm}]\n",
            "build.yaml:1: `version` must be '1'",
        ),
        (
            "build.yaml",
            "name: x\nbinaries: []\n",
            ":2: `binaries` must be a list of exactly one module",
        ),
        (
            "build.yaml",
            "binaries: [{path: app.wasm}, {path: app.wasm}]\n",
            ":1: `binaries` must be a list of exactly one",
        ),
        (
            "build.yaml",
            "binaries: [{}]\n",
            "`path`, the path of the .wasm file, is missing",
        ),
        (
            "build.yaml",
            "binaries: [{path: ../app.wasm}]\n",
            "must be relative and stay inside",
        ),
        (
            "build.yaml",
            "binaries: [{path: app.wasm}]\nconfig: {heapSize: big}\n",
            ":2: `heapSize` must be a number of bytes",
        ),
        (
            "other.yaml",
            "module: app.wasm\n",
            "neither thimble.yaml nor build.yaml",
        ),
    ] {
        let error = recipe(file, text).expect_err(text);
        assert!(error.contains(message), "{text}\n{error}\n{message}");
    }
}

#[test]
fn files_that_are_no_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("thimble.yaml");
    let told = |path: &Path| read(path).unwrap_err().to_string();
    assert!(told(&path).contains("it is not there"));
    fs::write(&path, [0xff, 0xfe, b'a']).unwrap();
    assert!(told(&path).contains("it is not UTF-8 text"));
    fs::write(&path, vec![b'#'; 300 << 10]).unwrap();
    assert!(told(&path).contains("a recipe has at most 256 KiB"));
    assert!(told(&folder.path().join("app.wasm")).contains("it is not there"));
}

#[test]
fn a_module_needs_no_recipe() {
    let folder = tempfile::tempdir().unwrap();
    for (file, name) in [("Pump.wasm", Some("pump")), ("a b.wat", None)] {
        let path = folder.path().join(file);
        fs::write(&path, b"").unwrap();
        let recipe = read(&path).unwrap();
        assert_eq!(recipe.name.as_deref(), name);
        assert_eq!(recipe.module, path);
    }
}

#[test]
fn ours_counts_before_ocres() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.wasm"), b"").unwrap();
    fs::write(
        folder.path().join("build.yaml"),
        "binaries: [{path: app.wasm}]\nname: b\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("thimble.yaml"),
        "module: app.wasm\nname: a\n",
    )
    .unwrap();
    assert_eq!(read(folder.path()).unwrap().name.as_deref(), Some("a"));
}

#[test]
fn sizes_times_and_shares() {
    for (text, bytes) in [
        ("1", 1),
        ("7b", 7),
        ("512k", 512 << 10),
        ("64M", 64 << 20),
        ("1g", 1 << 30),
        ("2MiB", 2 << 20),
    ] {
        assert_eq!(units::size(text), Ok(bytes), "{text}");
    }
    for text in [
        "",
        "m",
        "-1m",
        "+1",
        "1.5m",
        "64x",
        "99999999999g",
        "0",
        "1 m",
    ] {
        assert!(units::size(text).is_err(), "{text}");
    }
    for (text, millis) in [
        ("10", 10_000),
        ("500ms", 500),
        ("1.5s", 1500),
        (".25s", 250),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("0s", 0),
    ] {
        assert_eq!(units::time(text), Ok(millis), "{text}");
    }
    for text in [
        "",
        "s",
        ".",
        "1.",
        "-1s",
        "inf",
        "1d",
        "1e4s",
        "0.5ms",
        "1.2345s",
        "99999999999999999999h",
    ] {
        assert!(units::time(text).is_err(), "{text}");
    }
    for (text, share) in [("0.5", 500), ("3", 3000), ("10000", 10_000_000)] {
        assert_eq!(units::share(text), Ok(share), "{text}");
    }
    for text in ["0", "-1", "x", "NaN", "10001", "", "0.0001"] {
        assert!(units::share(text).is_err(), "{text}");
    }
}

#[test]
fn shaken_recipes_never_panic() {
    let mut random = Random::new(seed(0x5eed));
    const PIECES: [&str; 16] = [
        "[", "]", "{", "}", ":", "- ", "\n", "  ", "|", ">", "&a ", "*a", "!t ", "\"", "'", "?",
    ];
    let rounds = std::env::var("THIMBLE_ROUNDS").map_or(3000, |rounds| rounds.parse().unwrap());
    for _ in 0..rounds {
        let mut text: Vec<char> = FULL.chars().collect();
        for _ in 0..=random.below(6) {
            let place = random.index(text.len());
            match random.below(3) {
                0 => drop(text.remove(place)),
                1 => {
                    for character in random.pick(&PIECES).chars().rev() {
                        text.insert(place, character);
                    }
                }
                _ => text.truncate(place.max(20)),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(root) = crate::yaml::parse(&text) {
            drop(super::thimble::read(root));
        }
    }
}
