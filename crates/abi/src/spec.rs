//! Writes `spec/abi.md`: the call table as a document. The same tables always give the same text.

#[cfg(test)]
mod tests;

use core::fmt::{Result, Write};

use crate::calls::{self, CallSpec, Pace};
use crate::grant::{GRANT_ALIASES, GRANTS};
use crate::{Errno, env, event};

const OPENING: &str = "\
# Guest and host

<!-- Written by `cargo xtask gen` from crates/abi. Change the code, not this file. -->

Everything that a guest may import, what it needs for it, and the numbers that it gets back. A published call
never changes its meaning or its signature. A call that waits can be stopped, killed and paused while it waits.

A `pointer` is an offset into the guest's memory, a `string` one to a text that ends with a NUL. Both are `i32`
in WebAssembly, as are `length` and `fd`, and are validated in full before anything is done. Texts are UTF-8.
";

const MODULES: &[(&str, &str)] = &[
    (
        "wasi_snapshot_preview1",
        "WASI preview 1, and its socket extension as WAMR defines it. Results are an errno, 0 for success. Where one \
         name has two signatures, the one that the guest declares counts.",
    ),
    (
        "env",
        "Ocre's interface, so that its guests run unchanged. Failures are minus a Linux error number.",
    ),
    (
        "thimble",
        "Thimble's own interface, version 1. Failures are minus an errno.",
    ),
];

/// Numbers that are part of the contract.
const CONSTANTS: &[(&str, u32)] = &[
    ("`env`: resource type of timers", env::RESOURCE_TIMER),
    ("`env`: resource type of pins", env::RESOURCE_GPIO),
    ("`env`: resource type of sensors", env::RESOURCE_SENSOR),
    ("`env`: resource type of messages", env::RESOURCE_MESSAGING),
    ("`env`: direction of an input", env::GPIO_INPUT),
    ("`env`: direction of an output", env::GPIO_OUTPUT),
    (
        "`env`: bytes of each of the fields of `uname`",
        env::UNAME_FIELD_BYTES,
    ),
    ("`env`: fields of `uname`", env::UNAME_FIELDS),
    (
        "`env`: bytes for messages that were received and not given back",
        env::APP_HEAP_BYTES,
    ),
    (
        "`env`: the same in a memory with pages smaller than 64 KiB",
        env::APP_HEAP_SMALL_BYTES,
    ),
    (
        "`env`: longest interval of a timer in milliseconds",
        env::TIMER_INTERVAL_MS_MAX,
    ),
    ("`env`: firings of one timer that wait", env::EVENT_BACKLOG),
    (
        "`env`: bytes of a name in the list of sensors",
        env::SENSOR_NAME_BYTES,
    ),
    (
        "`thimble`: flag of `bus_publish` that retains",
        event::PUBLISH_RETAIN,
    ),
    ("bytes of a topic or filter", event::TOPIC_BYTES_MAX),
    ("bytes of a content type", event::CONTENT_TYPE_BYTES_MAX),
    ("`thimble`: bytes of a key", event::KEY_BYTES_MAX),
    (
        "`thimble`: bytes of a log line, health report or reason",
        event::TEXT_BYTES_MAX,
    ),
];

/// Writes the document.
///
/// # Errors
/// Those of `out`.
pub fn markdown(out: &mut impl Write) -> Result {
    out.write_str(OPENING)?;
    grants(out)?;
    for (module, opening) in MODULES {
        write!(out, "\n## Module `{module}`\n\n{opening}\n\n")?;
        calls::all()
            .filter(|spec| spec.module == *module)
            .try_for_each(|spec| call(out, spec))?;
    }
    events(out)?;
    out.write_str("\n## Constants\n\n| What | Number |\n|---|---|\n")?;
    CONSTANTS
        .iter()
        .try_for_each(|(what, number)| writeln!(out, "| {what} | {number} |"))?;
    errors(out)
}

fn grants(out: &mut impl Write) -> Result {
    out.write_str(
        "\n## Grants\n\nWhat a container may do beyond computing. Nothing is granted by default.\n\n\
         | Grant | Scope | For example | Gives |\n|---|---|---|---|\n",
    )?;
    for grant in GRANTS {
        write!(out, "| `{}` | ", grant.name)?;
        match grant.scope {
            "" => out.write_str("none")?,
            scope => {
                out.write_char('`')?;
                cell(out, scope)?;
                out.write_char('`')?;
            }
        }
        write!(out, " | `{}` | ", grant.example)?;
        cell(out, grant.kind.summary())?;
        out.write_str(" |\n")?;
    }
    out.write_str("\nOther names, from Ocre:\n\n| Name | Means |\n|---|---|\n")?;
    for (alias, meanings) in GRANT_ALIASES {
        write!(out, "| `{alias}` |")?;
        meanings
            .iter()
            .try_for_each(|meaning| write!(out, " `{meaning}`"))?;
        out.write_str(if meanings.is_empty() {
            " always granted |\n"
        } else {
            " |\n"
        })?;
    }
    Ok(())
}

fn call(out: &mut impl Write, spec: &CallSpec) -> Result {
    write!(out, "**`{}(", spec.name)?;
    let description = spec.call.description();
    let names = description.parameters.iter();
    for (index, (name, kind)) in names.zip(spec.parameters).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(out, "{comma}{name}: {}", kind.name())?;
    }
    write!(
        out,
        ") -> {}`**  \n{}",
        spec.returns.name(),
        description.summary
    )?;
    if spec.pace == Pace::Waits {
        out.write_str(" May wait.")?;
    }
    if let Some(grant) = spec.needs {
        write!(out, " Needs `{}`.", grant.name())?;
    }
    out.write_str("  \n`(func")?;
    for parameter in spec.parameters {
        write!(out, " (param {})", parameter.value_type().name())?;
    }
    if let Some(result) = spec.returns.value_type() {
        write!(out, " (result {})", result.name())?;
    }
    out.write_str(")`\n\n")
}

fn events(out: &mut impl Write) -> Result {
    write!(
        out,
        "## Events\n\nWhat `thimble.event_wait` writes, little-endian: a header of {} bytes (`kind` u32, `id` u32, \
         `time_ns` u64 on the monotonic clock), then by kind:\n\n| Kind | Event | `id` | After the header |\n|---|---|---|---|\n",
        event::HEADER_BYTES
    )?;
    let rows = [
        (
            event::TIMER,
            "timer",
            "the timer",
            "firings missed before this one u64",
        ),
        (
            event::MESSAGE,
            "message",
            "the subscription",
            "lengths of topic, content type and payload u32 each, then their bytes",
        ),
        (
            event::GPIO,
            "pin",
            "the pin's handle",
            "port u32, pin u32, level u32",
        ),
        (
            event::STOP,
            "request to stop",
            "0",
            "grace before the kill, in milliseconds, u64",
        ),
        (
            event::UPDATE,
            "question whether it may be replaced now, if it asked for that with `update_veto`",
            "the question",
            "time for the answer, in milliseconds, u64",
        ),
    ];
    rows.iter()
        .try_for_each(|(kind, name, id, body)| writeln!(out, "| {kind} | {name} | {id} | {body} |"))
}

fn errors(out: &mut impl Write) -> Result {
    out.write_str(
        "\n## Error numbers\n\nWASI's, and what the functions of `env` give for the same failure.\n\n\
         | Number | Name | Meaning | In `env` |\n|---|---|---|---|\n",
    )?;
    Errno::ALL.iter().try_for_each(|errno| {
        writeln!(
            out,
            "| {} | `{}` | {} | -{} |",
            errno.number(),
            errno.name(),
            errno.text(),
            errno.ocre_number()
        )
    })
}

/// Writes a text as a table's cell takes it.
fn cell(out: &mut impl Write, text: &str) -> Result {
    text.chars().try_for_each(|letter| match letter {
        '|' => out.write_str("\\|"),
        letter => out.write_char(letter),
    })
}
