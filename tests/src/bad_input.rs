//! Bad input of every kind: a clear error with its code, never a crash.

use std::path::Path;

use crate::command::{Place, guest};

/// Runs a file and checks the code and a part of what is said.
#[track_caller]
fn refused(place: &Place, path: &Path, code: i32, says: &str) {
    for engine in crate::command::ENGINES {
        let outcome = place.thimble(["run", "--engine", engine, path.to_str().unwrap()]);
        assert_eq!(outcome.code, code, "{engine}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{engine}: {outcome:?}");
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
    }
}

#[test]
fn files_that_are_no_modules() {
    let place = Place::new();
    let hello = std::fs::read(guest("hello-c")).unwrap();
    refused(
        &place,
        Path::new("/nowhere.wasm"),
        127,
        "there is no such file",
    );
    refused(&place, place.path(), 126, "it is a folder");
    refused(
        &place,
        &place.file("empty.wasm", ""),
        126,
        "the file is empty",
    );
    refused(
        &place,
        &place.file("text.wasm", "hello"),
        126,
        "not a WebAssembly module",
    );
    refused(
        &place,
        &place.file("elf.wasm", "\x7fELF\x02\x01\x01"),
        126,
        "native ELF program",
    );
    refused(
        &place,
        &place.file("component.wasm", b"\0asm\x0d\0\x01\0"),
        126,
        "component",
    );
    refused(
        &place,
        &place.file("cut.wasm", &hello[..hello.len() / 2]),
        126,
        "cut off",
    );
    refused(
        &place,
        &place.file("syntax.wat", "(module (func (nonsense)))"),
        126,
        "not WebAssembly",
    );
    let mut broken = hello;
    let middle = broken.len() / 2;
    broken[middle..middle + 64].fill(0xff);
    let outcome = place.thimble(["run", place.file("broken.wasm", &broken).to_str().unwrap()]);
    assert!(matches!(outcome.code, 126 | 134), "{outcome:?}");
}

#[test]
fn modules_that_cannot_be_linked_or_begun() {
    let place = Place::new();
    let cases = [
        (
            r#"(module (import "env" "ocre_slep" (func)))"#,
            "did you mean `ocre_sleep`?",
        ),
        (
            r#"(module (import "wasi_unstable" "fd_write" (func)))"#,
            "WASI preview 0",
        ),
        (
            r#"(module (import "env" "ocre_sleep" (func (param i64))))"#,
            "is declared as (i64)",
        ),
        (
            r#"(module (import "env" "table" (table 1 funcref)))"#,
            "is a table",
        ),
        (r#"(module (memory 1 2 shared))"#, "shared memory"),
        (
            r#"(module (func (export "go")))"#,
            "choose one of its functions with --entry: go",
        ),
        (r#"(module)"#, "exports no function"),
        (
            r#"(module (func (export "_start") (param i32)))"#,
            "takes no parameters",
        ),
        (
            r#"(module (memory 4096) (func (export "_start")))"#,
            "the limit is 134217728",
        ),
        (
            r#"(module (func (export "_start") (i32.add)))"#,
            "invalid WebAssembly",
        ),
    ];
    for (index, (text, says)) in cases.iter().enumerate() {
        let file = match wat::parse_str(text) {
            Ok(bytes) => place.file(&format!("{index}.wasm"), bytes),
            Err(_) => place.file(&format!("{index}.wat"), text),
        };
        refused(&place, &file, 126, says);
    }
}

#[test]
fn options_that_make_no_sense() {
    let place = Place::new();
    let hello = guest("hello-c");
    let cases: &[(&[&str], &str)] = &[
        (&["--memory", "lots"], "for example 512k or 64m"),
        (&["--cpus", "0"], "0.001 to 10000"),
        (&["--timeout", "soon"], "for example 500ms"),
        (&["--allow", "gpoi:led0"], "did you mean"),
        (&["--allow", "fs:x"], "takes no scope"),
        (&["--allow", "net.connect:bad host:1"], "must have the form"),
        (&["-v", "data"], "write SRC:DST"),
        (&["-v", "nowhere:/data"], "cannot be mounted"),
        (&["-v", ".:data"], "must begin with `/`"),
        (&["-v", ".:/data:rx"], "`ro` or `rw`"),
        (&["-e", "=x"], "write NAME=VALUE"),
        (&["--env-file", "nowhere"], "--env-file nowhere"),
        (&["--listen", "tcp/x"], "no address to listen on"),
        (&["--board", "nowhere.toml"], "--board nowhere.toml"),
        (&["--name", "../x"], "a name has 1 to 128 characters"),
        (&["--engine", "v8"], "possible values"),
        (&["--no-such-flag"], "unexpected argument"),
    ];
    for (options, says) in cases {
        let outcome = place.thimble(
            ["run"]
                .iter()
                .chain(*options)
                .chain(&[hello.to_str().unwrap()]),
        );
        assert_eq!(outcome.code, 125, "{options:?}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{options:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{options:?}");
    }
}

#[test]
fn a_damaged_cache_is_noticed_and_mended() {
    let place = Place::new();
    let root = place.path().join("root");
    let hello = guest("hello-c");
    let run = || {
        let mut command = place.command();
        command.env("THIMBLE_ROOT", &root).arg("run").arg(&hello);
        command.output().unwrap()
    };
    assert!(run().status.success());
    for entry in std::fs::read_dir(root.join("cache/native")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        if bytes.len() > 1000 {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let output = run();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"Hello from a container!\n");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("was not used and removed"),
        "{output:?}"
    );
    assert_eq!(run().stderr, b"");
}

#[test]
fn inspect_names_what_is_needed() {
    let place = Place::new();
    let blinky = guest("blinky-c");
    let text = place.thimble(["inspect", blinky.to_str().unwrap()]);
    assert_eq!(text.code, 0);
    for part in [
        "env.ocre_timer_create",
        "--allow timer",
        "--allow gpio:led0",
        "imported",
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    let json = place.thimble(["inspect", "--json", blinky.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["memory"]["imported"], true);
    assert!(json["grants"]["timer"].is_array());
}
