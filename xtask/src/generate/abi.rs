//! `spec/abi.md`: the whole contract between guest and host, from the tables that the engines link from.
//!
//! Pure; the same tables always give the same text.

use std::fmt::Write;

use thimble_abi::calls::{self, CallSpec, Pace};
use thimble_abi::grant::{GRANT_ALIASES, GRANTS};
use thimble_abi::{Errno, event};

const OPENING: &str = "\
# Guest and host

<!-- Written by `cargo xtask gen` from crates/abi. Change the code, not this file. -->

Everything that a guest may import, what it needs for it, and the numbers that it gets back. A published call
never changes its meaning or its signature. A call that waits can be stopped, killed and paused while it waits.

Pointers and lengths are `i32` in WebAssembly, and are validated in full before use. Strings are UTF-8.
";

const MODULES: &[(&str, &str)] = &[
    (
        "wasi_snapshot_preview1",
        "WASI preview 1, and its socket extension as WAMR defines it. Results are an errno, 0 for success. Where one \
         name has two signatures, the one that the guest declares counts.",
    ),
    (
        "env",
        "Ocre's interface, so that its guests run unchanged. Failures are negative.",
    ),
    (
        "thimble",
        "Thimble's own interface. Failures are minus an errno.",
    ),
];

/// The document.
pub(super) fn markdown() -> String {
    let mut text = OPENING.to_owned();
    grants(&mut text);
    for (module, opening) in MODULES {
        line(
            &mut text,
            format_args!("\n## Module `{module}`\n\n{opening}\n"),
        );
        calls::all()
            .filter(|spec| spec.module == *module)
            .for_each(|spec| call(&mut text, spec));
    }
    events(&mut text);
    errors(&mut text);
    text
}

/// Formatting into a string cannot fail.
fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{arguments}");
}

fn grants(text: &mut String) {
    text.push_str(
        "\n## Grants\n\nWhat a container may do beyond computing. Nothing is granted by default.\n\n\
         | Grant | Scope | For example | Gives |\n|---|---|---|---|\n",
    );
    for grant in GRANTS {
        let scope = match grant.scope {
            "" => "none".to_owned(),
            scope => format!("`{}`", cell(scope)),
        };
        let (name, example, summary) = (grant.name, grant.example, cell(grant.summary));
        line(
            text,
            format_args!("| `{name}` | {scope} | `{example}` | {summary} |"),
        );
    }
    text.push_str("\nOther names, from Ocre: ");
    let aliases: Vec<String> = GRANT_ALIASES
        .iter()
        .map(|(alias, meaning)| match meaning {
            [] => format!("`{alias}` (always granted)"),
            meaning => format!("`{alias}` (`{}`)", meaning.join("`, `")),
        })
        .collect();
    line(text, format_args!("{}.", aliases.join(", ")));
}

fn call(text: &mut String, spec: &CallSpec) {
    let parameters: Vec<String> = spec
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, parameter.kind.name()))
        .collect();
    let (name, returns) = (spec.name, spec.returns.name());
    line(
        text,
        format_args!("**`{name}({}) -> {returns}`**  ", parameters.join(", ")),
    );
    let mut notes = String::new();
    if spec.pace == Pace::Waits {
        notes.push_str(" May wait.");
    }
    if let Some(grant) = spec.needs {
        notes.push_str(&format!(" Needs `{}`.", grant.name()));
    }
    line(text, format_args!("{}{notes}\n", spec.summary));
}

fn events(text: &mut String) {
    line(
        text,
        format_args!(
            "## Events\n\nWhat `thimble.event_wait` writes, little-endian: a header of {} bytes (`kind` u32, `id` u32, \
             `time_ns` u64 on the monotonic clock), then by kind:\n\n| Kind | Event | After the header |\n|---|---|---|",
            event::HEADER_BYTES
        ),
    );
    for (kind, name, body) in [
        (event::TIMER, "timer", "firings missed before this one u64"),
        (
            event::MESSAGE,
            "message",
            "lengths of topic, content type and payload u32 each, then their bytes",
        ),
        (event::GPIO, "pin", "port u32, pin u32, level u32"),
        (
            event::STOP,
            "request to stop",
            "grace before the kill, in milliseconds, u64",
        ),
    ] {
        line(text, format_args!("| {kind} | {name} | {body} |"));
    }
}

fn errors(text: &mut String) {
    text.push_str(
        "\n## Error numbers\n\nWASI's, and what the functions of `env` give for the same failure.\n\n\
         | Number | Name | Meaning | In `env` |\n|---|---|---|---|\n",
    );
    for errno in Errno::ALL {
        let (number, name, meaning) = (errno.number(), errno.name(), errno.text());
        line(
            text,
            format_args!(
                "| {number} | `{name}` | {meaning} | -{} |",
                errno.ocre_number()
            ),
        );
    }
}

/// A text as a table's cell takes it.
fn cell(text: &str) -> String {
    text.replace('|', r"\|")
}
