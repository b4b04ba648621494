//! The compile child and the cache, end to end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use thimble_engine_wasmtime::{
    CacheSettings, CompileLimits, CompilerProgram, EngineError, Notice, NoticeSink, Settings,
    WasmtimeEngine,
};
use thimble_runtime::engine::{CallOutcome, Engine as _, InstanceSpec, LoadError};
use thimble_runtime::module::Module;
use thimble_testkit::engine_conformance::{Answers, drive, parse, roomy, run};
use wasm_encoder::{CodeSection, Function, FunctionSection, TypeSection, ValType};

const MODULE: &str = r#"(module (func (export "_start") (result i32) (i32.const 42)))"#;

fn private_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn cached(folder: &Path) -> Settings {
    Settings {
        cache: Some(CacheSettings::new(folder)),
        ..support::settings()
    }
}

/// Settings whose compiler does not exist: only the cache can help.
fn only_cached(folder: &Path) -> Settings {
    Settings {
        compiler: CompilerProgram {
            program: "/nonexistent".into(),
            arguments: vec![],
        },
        ..cached(folder)
    }
}

fn native_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "native")
        })
        .collect()
}

fn exit_code(settings: Settings) -> i32 {
    run(&WasmtimeEngine::new(settings).unwrap(), MODULE).exit()
}

fn failure(settings: Settings, module: impl AsRef<[u8]>) -> String {
    let module = Module::parse(wat::parse_bytes(module.as_ref()).unwrap().into_owned()).unwrap();
    match WasmtimeEngine::new(settings).unwrap().load(&module) {
        Err(LoadError::Failed { reason }) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it loads"),
    }
}

#[test]
fn a_module_is_compiled_once() {
    let folder = private_folder();
    assert_eq!(exit_code(cached(folder.path())), 42);
    assert_eq!(native_files(folder.path()).len(), 1);
    assert_eq!(exit_code(only_cached(folder.path())), 42);
}

#[test]
fn guests_of_equal_modules_share_code() {
    let engine = WasmtimeEngine::new(support::settings()).unwrap();
    let (first, second) = (
        engine.load(&parse(MODULE)).unwrap(),
        engine.load(&parse(MODULE)).unwrap(),
    );
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn a_damaged_file_is_compiled_anew_with_a_notice() {
    let folder = private_folder();
    assert_eq!(exit_code(cached(folder.path())), 42);
    let file = native_files(folder.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x80;
    fs::write(&file, &bytes).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&heard);
    let notices =
        NoticeSink::new(move |notice: &Notice| sink.lock().unwrap().push(notice.to_string()));
    assert_eq!(
        exit_code(Settings {
            notices,
            ..cached(folder.path())
        }),
        42
    );
    let heard = heard.lock().unwrap();
    assert!(
        matches!(&heard[..], [one] if one.contains("seal")),
        "{heard:?}"
    );
    assert_eq!(exit_code(only_cached(folder.path())), 42);
}

#[test]
fn other_settings_have_other_files() {
    let folder = private_folder();
    exit_code(cached(folder.path()));
    exit_code(Settings {
        canonical_nans: true,
        ..cached(folder.path())
    });
    exit_code(Settings {
        address_space: thimble_engine_wasmtime::AddressSpace::Tight,
        ..cached(folder.path())
    });
    // With or without slots, the code is the same.
    exit_code(Settings {
        slots: 0,
        ..only_cached(folder.path())
    });
    assert_eq!(native_files(folder.path()).len(), 3);
}

#[test]
fn many_may_compile_the_same_at_once() {
    let folder = private_folder();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(exit_code(cached(folder.path())), 42));
        }
    });
    assert_eq!(exit_code(only_cached(folder.path())), 42);
}

#[test]
fn a_folder_that_is_open_to_others_is_an_error() {
    let folder = private_folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let Err(EngineError::Cache(error)) = WasmtimeEngine::new(cached(folder.path())) else {
        panic!("accepted")
    };
    assert!(error.to_string().contains("chmod 700"), "{error}");
}

#[test]
fn guests_run_without_a_cache_that_cannot_be_written() {
    let folder = private_folder();
    let engine = WasmtimeEngine::new(cached(folder.path())).unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(run(&engine, MODULE).exit(), 42);
}

#[test]
fn a_compiler_that_is_missing_is_named() {
    let folder = private_folder();
    let reason = failure(only_cached(folder.path()), MODULE);
    assert!(reason.contains("/nonexistent"), "{reason}");
}

#[test]
fn a_compiler_that_dies_is_told() {
    let dies = |script: &str| {
        let compiler = CompilerProgram {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
        };
        failure(
            Settings {
                compiler,
                ..support::settings()
            },
            MODULE,
        )
    };
    assert!(dies("kill -9 $$").contains("processor time"));
    assert!(dies("kill -ABRT $$").contains("memory"));
    assert!(dies("echo no luck >&2; exit 1").contains("no luck"));
    // It claims success and gives nonsense, which is a failure and neither cached nor run.
    let folder = private_folder();
    let compiler = CompilerProgram {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), "echo nonsense".into()],
    };
    failure(
        Settings {
            compiler,
            ..cached(folder.path())
        },
        MODULE,
    );
    assert_eq!(native_files(folder.path()).len(), 0);
}

#[test]
fn an_invalid_module_says_what_and_where() {
    let engine = WasmtimeEngine::new(support::settings()).unwrap();
    let module = parse("(module (func (result i32) (i64.const 1)))");
    let Err(LoadError::Invalid { reason }) = engine.load(&module) else {
        panic!("it loads")
    };
    assert!(
        reason.contains("type mismatch") && reason.contains("offset"),
        "{reason}"
    );
}

/// A valid module that takes the compiler minutes on any machine if it has thousands of functions, and more memory the
/// longer they are: each byte of their code becomes a dozen instructions with branches of their own.
fn bomb(functions: u32, conversions: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    let mut code = body.instructions();
    code.local_get(0);
    for _ in 0..conversions {
        code.i64_trunc_f64_u().f64_convert_i64_u();
    }
    code.end();
    let (mut types, mut declared, mut bodies) = (
        TypeSection::new(),
        FunctionSection::new(),
        CodeSection::new(),
    );
    types.ty().function([ValType::F64], [ValType::F64]);
    for _ in 0..functions {
        declared.function(0);
        bodies.function(&body);
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&declared).section(&bodies);
    module.finish()
}

#[test]
fn a_module_that_costs_too_much_time_is_stopped() {
    let compile_limits = CompileLimits {
        processor_time: Duration::from_secs(1),
        ..support::compile_limits()
    };
    let reason = failure(
        Settings {
            compile_limits,
            ..support::settings()
        },
        bomb(2_000, 5_000),
    );
    assert!(reason.contains("1 s of processor time"), "{reason}");
}

#[test]
fn a_module_that_costs_too_much_memory_is_stopped() {
    let compile_limits = CompileLimits {
        memory_bytes: 96 << 20,
        threads: Some(1),
        ..support::compile_limits()
    };
    let reason = failure(
        Settings {
            compile_limits,
            ..support::settings()
        },
        bomb(1, 200_000),
    );
    assert!(reason.contains("memory"), "{reason}");
}

#[test]
fn native_code_that_is_too_large_is_stopped() {
    let compile_limits = CompileLimits {
        output_bytes: 4096,
        ..support::compile_limits()
    };
    let reason = failure(
        Settings {
            compile_limits,
            ..support::settings()
        },
        MODULE,
    );
    assert!(reason.contains("4096 bytes"), "{reason}");
}

#[test]
fn a_module_without_code_works() {
    let engine = WasmtimeEngine::new(support::settings()).unwrap();
    let spec = InstanceSpec {
        memory_bytes_max: 0,
        table_elements_max: 0,
        stack_bytes: None,
        entries: vec![],
    };
    let mut guest = engine
        .load(&parse("(module)"))
        .unwrap()
        .instantiate(&spec)
        .unwrap();
    assert_eq!(
        drive(
            &mut *guest,
            &mut Answers::new(|_, _, _| CallOutcome::Done(0)),
            roomy()
        )
        .exit(),
        0
    );
}
