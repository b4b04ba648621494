//! Tells how a container ended and what it used.

use serde_json::json;
use thimble_runtime::engine::Trap;
use thimble_runtime::kernel::Usage;
use thimble_runtime::module::Module;
use thimble_runtime::record::{End, ExitRecord};

use crate::observer::{mebibytes, printable};

/// Frames of a backtrace that are shown.
const FRAMES_MAX: usize = 32;

/// Tells something that is no failure, on standard error: as a line, or as JSON where everything there is JSON.
pub(crate) fn note(name: &str, text: &str, as_json: bool) {
    if as_json {
        eprintln!(
            "{}",
            json!({"event": "note", "container": name, "text": text})
        );
    } else {
        eprintln!("thimble: {name}: {text}");
    }
}

/// Tells the reason of an end that is not an exit, in text.
pub(crate) fn end(name: &str, module: &Module, record: &ExitRecord) {
    match &record.end {
        End::Exited(_) | End::Stopped => {}
        End::Trapped(trap) => {
            eprintln!("{name}: trapped: {}", printable(&trap.to_string()));
            for (depth, line) in backtrace(module, trap).iter().enumerate() {
                eprintln!("  {depth:>2}: {line}");
            }
            if record.memory_refused {
                eprintln!(
                    "{name}: it had been refused memory before; perhaps it needs more than --memory allows"
                );
            }
        }
        End::Killed => eprintln!("{name}: killed"),
        End::TimedOut => eprintln!("{name}: ended after --timeout"),
        _ => eprintln!("{name}: ended"),
    }
}

/// The lines of a backtrace, innermost first.
fn backtrace(module: &Module, trap: &Trap) -> Vec<String> {
    let mut lines: Vec<String> = trap
        .backtrace
        .iter()
        .take(FRAMES_MAX)
        .map(|frame| {
            let name = frame
                .name
                .as_deref()
                .map_or_else(|| "<unnamed>".to_owned(), printable);
            let place = frame
                .module_offset
                .map(|offset| format!(" at 0x{:x}", module.original_offset(offset)));
            format!(
                "{name} (function {}){}",
                frame.function,
                place.unwrap_or_default()
            )
        })
        .collect();
    if trap.backtrace.len() > FRAMES_MAX {
        lines.push(format!("… {} more", trap.backtrace.len() - FRAMES_MAX));
    }
    lines
}

/// Tells what a container used.
pub(crate) fn stats(name: &str, engine: &str, record: &ExitRecord, usage: Usage) {
    let wall = record.ended_nanos.saturating_sub(record.started_nanos);
    eprintln!(
        "{name}: {engine}, ran {:.3} ms, processor {:.3} ms in {} slices, memory at most {}",
        millis(wall),
        record.cpu.as_secs_f64() * 1000.0,
        usage.slices,
        mebibytes(record.memory_bytes_max)
    );
}

/// The end and what was used, as one line of JSON.
pub(crate) fn as_json(
    name: &str,
    engine: &str,
    module: &Module,
    record: &ExitRecord,
    usage: Usage,
) -> String {
    let (reason, trap) = match &record.end {
        End::Exited(_) => ("exited", None),
        End::Trapped(trap) => ("trapped", Some(trap)),
        End::Stopped => ("stopped", None),
        End::Killed => ("killed", None),
        End::TimedOut => ("timed_out", None),
        _ => ("unknown", None),
    };
    json!({
        "event": "end",
        "container": name,
        "reason": reason,
        "exit_code": record.end.exit_code(),
        "trap": trap.map(ToString::to_string),
        "backtrace": trap.map(|trap| backtrace(module, trap)),
        "memory_refused": record.memory_refused,
        "engine": engine,
        "started_ns": record.started_nanos,
        "ended_ns": record.ended_nanos,
        "cpu_ns": u64::try_from(record.cpu.as_nanos()).unwrap_or(u64::MAX),
        "slices": usage.slices,
        "memory_bytes_max": record.memory_bytes_max,
    })
    .to_string()
}

#[expect(clippy::cast_precision_loss, reason = "shown with three decimals")]
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
