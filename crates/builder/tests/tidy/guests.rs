//! Guests from the usual compilers, where they have been built.

use std::fs;
use std::path::Path;

use super::check;

#[test]
fn of_the_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests");
    let folder = std::env::var_os("THIMBLE_GUESTS").map_or(folder, Into::into);
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: there are no guests; `cargo xtask guests` builds them");
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let label = path.display().to_string();
            let tidied = check(&label, &fs::read(&path).unwrap());
            println!("{label}: {} -> {}", tidied.bytes_before, tidied.bytes.len());
        }
    }
}

#[test]
fn of_every_kind() {
    for (label, text) in [
        ("empty", "(module)"),
        ("no memory", r#"(module (func (export "_start")))"#),
        (
            "imported memory",
            r#"(module (import "env" "memory" (memory 1 2)) (func (export "_start")) (data (i32.const 3) "abc"))"#,
        ),
        (
            "custom page size",
            r#"(module (memory (export "memory") 70000 (pagesize 1)) (func (export "_start")))"#,
        ),
        (
            "start function and call table",
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (table 2 funcref) (elem (i32.const 0) $begin $exit) (global $n (mut i32) (i32.const 7))
                (func $begin (global.set $n (i32.const 1))) (start $begin))"#,
        ),
        (
            "vectors, tail calls, extended constants",
            r#"(module (global i32 (i32.add (i32.const 1) (i32.const 2)))
                (func $f (result v128) (v128.const i64x2 1 2)) (func (export "g") (result v128) (return_call $f)))"#,
        ),
        (
            "bulk memory",
            r#"(module (memory 1) (data $d "xyz")
                (func (export "_start") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3)) (data.drop $d)))"#,
        ),
        (
            "references and several results",
            r#"(module (table $t 1 externref) (func (export "f") (param externref) (result externref i32)
                (local.get 0) (i32.const 1)))"#,
        ),
        (
            "messages of Ocre",
            r#"(module (import "env" "ocre_subscribe_message" (func (param i32) (result i32)))
                (memory (export "memory") 1) (func (export "_start")))"#,
        ),
    ] {
        check(label, &wat::parse_str(text).unwrap());
    }
}
