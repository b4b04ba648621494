//! The child that compiles: it limits itself, reads a module, writes native code, and ends.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use wasmtime::{Engine, Module};

use crate::code::CodeSettings;
use crate::preempt::Method;
use crate::settings::CompileLimits;

/// The module is invalid; why is on standard error.
pub(crate) const EXIT_INVALID: u8 = 65;
/// Anything else went wrong; what is on standard error.
const EXIT_FAILED: u8 = 70;

/// The arguments that tell a child its limits and settings.
pub(crate) fn arguments(limits: &CompileLimits, code: CodeSettings) -> Vec<OsString> {
    let seconds =
        limits.processor_time.as_secs() + u64::from(limits.processor_time.subsec_nanos() > 0);
    let mut arguments: Vec<OsString> = vec![
        format!("--memory={}", limits.memory_bytes).into(),
        format!("--seconds={}", seconds.max(1)).into(),
        format!("--output={}", limits.output_bytes).into(),
    ];
    if let Some(threads) = limits.threads {
        arguments.push(format!("--threads={threads}").into());
    }
    arguments.extend(code.arguments());
    arguments
}

/// Compiles the module on standard input and writes native code to standard output.
///
/// A program calls this first of all, with the arguments that follow those of
/// [`CompilerProgram`](crate::CompilerProgram), and returns what it gives. It closes every descriptor
/// beyond the first three.
pub fn compile_child_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Invalid(reason)) => fail(EXIT_INVALID, &reason),
        Err(Failure::Other(reason)) => fail(EXIT_FAILED, &reason),
    }
}

enum Failure {
    Invalid(String),
    Other(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Other(format!("{error:#}"))
    }
}

fn fail(code: u8, reason: &str) -> ExitCode {
    // Nobody else could be told if this failed.
    let _ = io::stderr().write_all(reason.as_bytes());
    ExitCode::from(code)
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let mut limits = CompileLimits::default();
    let mut code = CodeSettings {
        wide: true,
        canonical_nans: false,
        preemption: Method::Signals,
    };
    for argument in arguments {
        if !code.accept(&argument) && !accept_limit(&argument, &mut limits) {
            return Err(Failure::Other(format!(
                "unknown argument {}",
                argument.display()
            )));
        }
    }
    confine(&limits)?;
    let mut config = code.compiler_config();
    config.parallel_compilation(limits.threads != Some(1));
    let mut module = Vec::new();
    io::stdin().lock().read_to_end(&mut module)?;
    let engine = Engine::new(&config)?;
    match engine.precompile_module(&module) {
        Ok(native) => Ok(io::stdout().lock().write_all(&native)?),
        // The compiler refuses more than WebAssembly does: too large functions, for example.
        Err(error) => Err(match Module::validate(&engine, &module) {
            Err(invalid) => Failure::Invalid(invalid.root_cause().to_string()),
            Ok(()) => error.into(),
        }),
    }
}

fn accept_limit(argument: &OsString, limits: &mut CompileLimits) -> bool {
    let Some((name, value)) = argument.to_str().and_then(|text| text.split_once('=')) else {
        return false;
    };
    let Ok(value) = value.parse::<u64>() else {
        return false;
    };
    match name {
        "--memory" => limits.memory_bytes = value,
        "--seconds" => limits.processor_time = std::time::Duration::from_secs(value),
        "--output" => limits.output_bytes = value,
        "--threads" => limits.threads = u16::try_from(value).ok(),
        _ => return false,
    }
    true
}

/// Gives up what compiling does not need, before the module is read.
fn confine(limits: &CompileLimits) -> io::Result<()> {
    close_descriptors()?;
    // Whoever asked is gone: so is the reason to go on.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    let limit = |value: u64| Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    let seconds = limits.processor_time.as_secs().max(1);
    setrlimit(Resource::As, limit(limits.memory_bytes))?;
    // The signal at the first says what happened; the second is for whoever ignores it.
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(seconds),
            maximum: Some(seconds + 1),
        },
    )?;
    setrlimit(Resource::Fsize, limit(limits.output_bytes))?;
    setrlimit(Resource::Core, limit(0))?;
    Ok(())
}

/// Closes what a careless parent left open.
fn close_descriptors() -> io::Result<()> {
    // SAFETY: the child has begun with this: nothing of its own is open beyond the first three.
    let status = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if status == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // Before Linux 5.9 there is no such call; Rust opens nothing that a child inherits anyway.
    if error.raw_os_error() == Some(libc::ENOSYS) {
        Ok(())
    } else {
        Err(error)
    }
}
