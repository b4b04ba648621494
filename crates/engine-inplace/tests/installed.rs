//! Modules that were installed are what the same bytes are in memory: they pass the checks of the engine contract, have
//! the same interface and memory, and are refused in the same words.

#![expect(clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use thimble_engine_inplace::{
    Digest, InplaceEngine, Settings, WordStore, Words, open_installed, prepare,
};
use thimble_runtime::engine::{Engine, InstanceSpec, InstantiateError, LoadError, LoadedModule};
use thimble_runtime::module::{Interface, Module};

const DIGEST: Digest = [9; 32];

/// Installs a module, as flash keeps it: as long as the process runs.
fn install(module: &[u8]) -> Result<(Arc<dyn LoadedModule>, Interface), LoadError> {
    let settings = Settings::linux();
    let mut store = WordStore::default();
    prepare(module, &DIGEST, &settings.limits, &mut store)?;
    let Words::Owned(words) = store.into_words() else {
        panic!("the table is not in memory");
    };
    let words: &'static [u32] = words.leak();
    // SAFETY: any bytes are bytes.
    let (_, table, _) = unsafe { words.align_to::<u8>() };
    // SAFETY: made above, of these bytes, and nobody has them to change.
    unsafe { open_installed(module.to_vec().leak(), table, DIGEST, settings) }
}

/// The engine as a device uses it.
struct Installed;

impl Engine for Installed {
    fn name(&self) -> &'static str {
        "inplace"
    }

    fn load(&self, module: &Module) -> Result<Arc<dyn LoadedModule>, LoadError> {
        let (loaded, interface) = install(module.bytes())?;
        // The bytes of a module that was parsed have its room for messages already.
        let app_heap = interface.app_heap.clone();
        assert_eq!(
            interface,
            Interface {
                app_heap,
                ..module.interface()
            }
        );
        Ok(loaded)
    }
}

thimble_testkit::engine_conformance_tests!(Installed);

fn spec(interface: &Interface) -> InstanceSpec {
    InstanceSpec {
        memory_bytes_max: 1 << 32,
        table_elements_max: 1 << 20,
        stack_bytes: None,
        entries: interface.entries(None).unwrap_or_default(),
    }
}

/// How much memory a guest has, and what becomes of it when it has less than it needs.
fn begun(loaded: &dyn LoadedModule, interface: &Interface) -> (u64, Option<InstantiateError>) {
    let spec = spec(interface);
    let bytes = loaded
        .instantiate(&spec)
        .unwrap_or_else(|error| panic!("{error}"))
        .memory_bytes();
    let tight = InstanceSpec {
        memory_bytes_max: bytes.saturating_sub(1),
        ..spec
    };
    (bytes, loaded.instantiate(&tight).err())
}

/// Compares an installed module with the same in memory.
fn check(name: &str, bytes: &[u8]) {
    let engine = InplaceEngine::new(Settings::linux());
    let parsed = Module::parse(bytes).map_err(LoadError::from);
    let loaded = parsed.and_then(|module| Ok((engine.load(&module)?, module.interface())));
    let (loaded, installed) = match (loaded, install(bytes)) {
        (Ok(loaded), Ok(installed)) => (loaded, installed),
        (loaded, installed) => {
            let words =
                |outcome: Result<_, LoadError>| outcome.err().map(|error| error.to_string());
            assert_eq!(words(loaded), words(installed), "{name}");
            return;
        }
    };
    assert_eq!(installed.1, loaded.1, "{name}");
    assert_eq!(
        begun(&*installed.0, &installed.1),
        begun(&*loaded.0, &loaded.1),
        "{name}"
    );
}

/// Every module that the project builds, and the examples in the text format.
#[test]
fn built_modules_are_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guests = std::env::var_os("THIMBLE_GUESTS").map_or(root.join("target/guests"), Into::into);
    let mut count = 0;
    for folder in [
        guests,
        root.join("examples/wat"),
        root.join("benches/guests"),
    ] {
        let Ok(entries) = fs::read_dir(&folder) else {
            println!(
                "skipped: {}; `cargo xtask guests` builds it",
                folder.display()
            );
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let bytes = match path.extension().and_then(|end| end.to_str()) {
                Some("wasm") => fs::read(&path).unwrap(),
                Some("wat") => wat::parse_file(&path).unwrap(),
                _ => continue,
            };
            check(&path.display().to_string(), &bytes);
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
}

const SUBSCRIBE: &str =
    r#"(import "env" "ocre_subscribe_message" (func (param i32) (result i32)))"#;
const DISPATCH: &str =
    r#"(import "env" "ocre_register_dispatcher" (func (param i32 i32) (result i32)))"#;

#[test]
fn memories_and_interfaces_are_the_same() {
    let memories = [
        "",
        "(memory 0)",
        "(memory 3 3)",
        "(memory 3 7)",
        r#"(memory (export "memory") 1 2)"#,
        r#"(memory (export "other") 1 100)"#,
        "(memory 1 65536)",
        "(memory 1000 2000 (pagesize 1))",
        "(memory 1001 1001 (pagesize 1))",
        "(memory 0 (pagesize 1))",
    ];
    let imported = [
        r#"(import "env" "memory" (memory 2))"#,
        r#"(import "env" "memory" (memory 3 3))"#,
        r#"(import "any" "thing" (memory 5 (pagesize 1)))"#,
    ];
    let functions = r#"(func (export "_start")) (func $two (export "two")) (global (export "g") i32 (i32.const 1))"#;
    let imports = [
        String::new(),
        SUBSCRIBE.to_owned(),
        format!("{SUBSCRIBE} {DISPATCH}"),
        r#"(import "thimble" "event_wait" (func (param i64 i32 i32) (result i32)))"#.to_owned(),
    ];
    let sections = [
        "",
        r#"(@custom "thimble.app_heap" "\07\00\00\00")"#,
        r#"(@custom "thimble.app_heap" "\00\40\00\00") (@custom "thimble.app_heap" "\00\00\00\00")"#,
        r#"(@custom "thimble.app_heap" "\ff\ff\ff\ff")"#,
        r#"(@custom "thimble.app_heap" "\07")"#,
    ];
    for import in &imports {
        for memory in memories.iter().chain(&imported) {
            for section in sections {
                for rest in ["", functions, "(func $two) (start $two)"] {
                    let text = format!("(module {import} {memory} {rest} {section})");
                    check(&text, &wat::parse_str(&text).unwrap());
                }
            }
        }
    }
}

#[test]
fn what_cannot_run_is_refused_in_the_same_words() {
    let texts = [
        r#"(import "env" "ocre_sleep" (func (param i64) (result i32)))"#,
        r#"(import "env" "ocre_sleep" (func (param externref) (result i32)))"#,
        r#"(import "env" "ocre_sleepy" (func (param i32) (result i32)))"#,
        r#"(import "env" "undeclared" (func))"#,
        r#"(import "wasi_unstable" "fd_write" (func))"#,
        r#"(import "wasi" "thread-spawn" (func (param i32) (result i32)))"#,
        r#"(import "wasi:cli/run@0.2.0" "run" (func))"#,
        r#"(import "other" "poll_oneoff" (func))"#,
        r#"(import "env" "table" (table 1 funcref))"#,
        r#"(import "env" "global" (global i32))"#,
        "(func (result i32) (i64.const 1))",
    ];
    for text in texts {
        check(text, &wat::parse_str(format!("(module {text})")).unwrap());
    }
    let not_modules: [&[u8]; 6] = [
        b"",
        b"\0as",
        b"\0asm\x0d\0\x01\0",
        b"\0asm\x02\0\0\0",
        b"\x7fELF\x02\x01\x01",
        b"\0\0\0\0\0\0\0\0",
    ];
    for bytes in not_modules {
        check("no module", bytes);
    }
}

#[test]
fn memories_that_cannot_be_are_refused() {
    for (text, words) in [
        ("(memory i64 1)", "64-bit memories"),
        ("(memory 1 1 shared)", "shared memories"),
        ("(memory 1) (memory 1)", "multiple memories"),
        (r#"(import "env" "m" (memory i64 1))"#, "64-bit memories"),
        (
            r#"(import "env" "m" (memory 1 1 shared))"#,
            "shared memories",
        ),
        (
            r#"(import "env" "m" (memory 1)) (memory 1)"#,
            "multiple memories",
        ),
    ] {
        let module = wat::parse_str(format!("(module {text})")).unwrap();
        let error = install(&module).err().expect("it is refused").to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// A table that is another's, or none, is refused before anything runs.
#[test]
fn only_its_own_table_is_opened() {
    let module: &[u8] = wat::parse_str(r#"(module (func (export "_start")))"#)
        .unwrap()
        .leak();
    let table: &[u32] = vec![0_u32; 100].leak();
    // SAFETY: any bytes are bytes.
    let (_, table, _) = unsafe { table.align_to::<u8>() };
    for table in [table, table.get(1..).unwrap(), &[]] {
        // SAFETY: it is refused, so nothing runs.
        let opened = unsafe { open_installed(module, table, DIGEST, Settings::linux()) };
        assert!(matches!(opened, Err(LoadError::Failed { .. })));
    }
}

/// The stack that a container may have goes before the engine's own.
#[test]
fn a_guest_has_the_stack_it_was_given() {
    let text = r#"(module
        (func $deep (param i32)
            (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "_start") (call $deep (i32.const 100))))"#;
    let (loaded, interface) = install(&wat::parse_str(text).unwrap()).unwrap();
    for (stack_bytes, is_enough) in [(None, true), (Some(512), false), (Some(16 << 10), true)] {
        let spec = InstanceSpec {
            stack_bytes,
            ..spec(&interface)
        };
        let mut guest = loaded.instantiate(&spec).unwrap();
        let mut host = thimble_testkit::engine_conformance::Answers::new(|_, _, _| {
            panic!("nothing is called")
        });
        let outcome = thimble_testkit::engine_conformance::drive(
            &mut *guest,
            &mut host,
            thimble_testkit::engine_conformance::roomy(),
        );
        assert_eq!(outcome.end.is_ok(), is_enough, "{stack_bytes:?}");
    }
}
