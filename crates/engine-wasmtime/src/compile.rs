//! Compiles a module in a child process, under limits.
//!
//! The module goes in as the child's standard input, native code comes back on its standard output and
//! words on its standard error: three anonymous files, so that nothing blocks and nothing else is shared.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::num::NonZeroUsize;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use thimble_runtime::engine::LoadError;

use crate::artifact::{Artifact, Draft};
use crate::child::{EXIT_INVALID, arguments};
use crate::code::CodeSettings;
use crate::settings::{CompileLimits, CompilerProgram};

/// Bytes of the child's words that are kept.
const WORDS_BYTES_MAX: u64 = 4096;
/// Threads of one compilation where nothing else was chosen.
const THREADS_MAX: usize = 8;

/// Compiles `module`.
///
/// # Errors
/// [`LoadError::Invalid`] with Wasmtime's words if the module is; [`LoadError::Failed`] if the child could
/// not be started, died, or reached a limit.
pub(crate) fn compile(
    module: &[u8],
    compiler: &CompilerProgram,
    limits: &CompileLimits,
    code: CodeSettings,
) -> Result<Artifact, LoadError> {
    let outcome = run_child(module, compiler, limits, code).map_err(|error| LoadError::Failed {
        reason: format!(
            "the compiler could not be started from {}: {error}",
            compiler.program.display()
        ),
    })?;
    let (status, native, words) = outcome;
    if status.success() {
        return native.seal().map_err(|error| LoadError::Failed {
            reason: format!("native code could not be sealed: {error}"),
        });
    }
    Err(if status.code() == Some(i32::from(EXIT_INVALID)) {
        LoadError::Invalid { reason: words }
    } else {
        LoadError::Failed {
            reason: death(status, &words, limits),
        }
    })
}

fn run_child(
    module: &[u8],
    compiler: &CompilerProgram,
    limits: &CompileLimits,
    code: CodeSettings,
) -> std::io::Result<(ExitStatus, Draft, String)> {
    let mut input = File::from(Draft::new()?.to_child()?);
    input.write_all(module)?;
    input.rewind()?;
    let native = Draft::new()?;
    let mut words = File::from(Draft::new()?.to_child()?);
    let status = Command::new(&compiler.program)
        .args(&compiler.arguments)
        .args(arguments(limits, code))
        .env_clear()
        .env("RAYON_NUM_THREADS", threads(limits).to_string())
        .current_dir("/")
        .stdin(input)
        .stdout(Stdio::from(native.to_child()?))
        .stderr(words.try_clone()?)
        .status()?;
    words.rewind()?;
    let mut text = Vec::new();
    words.take(WORDS_BYTES_MAX).read_to_end(&mut text)?;
    Ok((
        status,
        native,
        String::from_utf8_lossy(&text).trim().to_owned(),
    ))
}

/// Each thread takes its share of the address space, so there are never very many.
fn threads(limits: &CompileLimits) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    limits
        .threads
        .map_or_else(|| processors().min(THREADS_MAX), usize::from)
        .max(1)
}

/// How a child ended that gave no answer.
fn death(status: ExitStatus, words: &str, limits: &CompileLimits) -> String {
    let words = if words.is_empty() {
        "it said nothing"
    } else {
        words
    };
    let Some(signal) = status.signal() else {
        return words.to_owned();
    };
    let seconds = limits.processor_time.as_secs();
    let mebibytes = limits.memory_bytes >> 20;
    match signal {
        libc::SIGXCPU | libc::SIGKILL => {
            format!(
                "the compiler was stopped by its limit of {seconds} s of processor time, or from outside ({words})"
            )
        }
        libc::SIGXFSZ => {
            format!(
                "the compiler was stopped by its limit of {} bytes of native code",
                limits.output_bytes
            )
        }
        libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS => format!(
            "the compiler died of signal {signal}, perhaps of its limit of {mebibytes} MiB of memory ({words})"
        ),
        _ => format!("the compiler died of signal {signal} ({words})"),
    }
}
