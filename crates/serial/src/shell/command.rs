//! A line as a command: what is to be asked, and how the answer is shown.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::calendar;
use super::options::{Problem, Word, Words, set_option, time_ms};
use super::words;
use crate::message::{Declaration, Request};

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Nothing was entered.
    Nothing,
    /// Shows what there is.
    Help,
    /// Asks one after the other.
    Ask(Vec<Request>, Show),
    /// Asks for the next until there is none.
    List(Listing),
    /// Shows a log.
    Logs { name: String, follow: bool },
    /// Creates a container, and shows what it writes.
    Run(Box<Declaration>),
    /// Removes everything, if that is meant.
    FactoryReset,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// As what it is.
    Reply,
    /// The time alone.
    Time,
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// Containers.
    Containers {
        /// Those that have ended too.
        all: bool,
    },
    /// What they use.
    Stats,
    /// Images.
    Images,
}

/// Every command: its words, and what it does.
pub(super) const COMMANDS: &[(&str, &str)] = &[
    (
        "run [-d] [OPTION]... IMAGE [ARG]...",
        "make and start a container",
    ),
    ("create [OPTION]... IMAGE [ARG]...", "make a container"),
    ("start NAME...", "start containers"),
    ("stop [-t TIME] NAME...", "ask containers to stop"),
    ("kill NAME...", "kill containers"),
    ("pause NAME...", "keep containers from running"),
    ("unpause NAME...", "let them go on"),
    ("restart NAME...", "stop and start containers"),
    ("rm [-f] NAME...", "remove containers with their data"),
    ("ps [-a]", "list containers"),
    ("logs [-f] NAME", "show what a container wrote"),
    ("inspect NAME...", "show all about a container"),
    ("stats", "show what containers use"),
    ("records NAME", "show how its runs ended"),
    ("images", "list images"),
    ("rmi IMAGE...", "remove images"),
    ("df", "show what storage is used for"),
    ("device", "show the device; info is the same"),
    (
        "fault [clear]",
        "show or forget the last fault of the firmware",
    ),
    ("time [TIME]", "show or set the time"),
    ("reboot", "restart the device"),
    ("factory-reset", "remove everything"),
    ("help", "show this"),
];

/// The options of `run` and `create`.
pub(super) const OPTIONS: &str = "\
OPTION: --name NAME, -e NAME=VALUE, --allow GRANT, -m SIZE, --cpus SHARE, --restart POLICY, --timeout TIME,
  --entry FUNCTION, --limit NAME=VALUE, --queue-messages N, --message-bytes SIZE, --rm";

/// Understands a line.
pub(super) fn parse(line: &str) -> Result<Command, Problem> {
    let words = words::split(line).map_err(|what| Problem::new("", what))?;
    let mut words = words.into_iter();
    let Some(command) = words.next() else {
        return Ok(Command::Nothing);
    };
    let words = Words::new(words);
    match command.as_str() {
        "help" | "?" => Ok(Command::Help),
        "run" => run(words, false),
        "create" => run(words, true),
        "start" => named(words, |name| Request::Start { name }),
        "stop" => stop(words),
        "kill" => named(words, |name| Request::Kill { name }),
        "pause" => named(words, |name| Request::Pause { name }),
        "unpause" => named(words, |name| Request::Unpause { name }),
        "restart" => named(words, |name| Request::Restart { name }),
        "rm" => remove(words),
        "ps" => Ok(Command::List(Listing::Containers {
            all: flagged(words, "-a", "--all")?.0,
        })),
        "logs" => logs(words),
        "inspect" => named(words, |name| Request::Inspect { name }),
        "stats" => nothing(words, Command::List(Listing::Stats)),
        "records" => named(words, |name| Request::Records { name }),
        "images" => nothing(words, Command::List(Listing::Images)),
        "rmi" => named(words, |image| Request::RemoveImage { image }),
        "df" => nothing(words, ask(Request::Storage)),
        "device" | "info" => nothing(words, ask(Request::Device)),
        "fault" => fault(words),
        "time" => time(words),
        "reboot" => nothing(words, ask(Request::Reboot)),
        "factory-reset" => nothing(words, Command::FactoryReset),
        _ => Err(Problem::new(command, "there is no such command; try help")),
    }
}

fn ask(request: Request) -> Command {
    Command::Ask(vec![request], Show::Reply)
}

fn unknown(option: String) -> Problem {
    Problem::new(option, "there is no such option; try help")
}

fn run(mut words: Words, is_stopped: bool) -> Result<Command, Problem> {
    let mut declaration = Declaration {
        is_stopped,
        ..Declaration::default()
    };
    let mut is_detached = is_stopped;
    loop {
        match words.next()? {
            Some(Word::Option(option)) => match option.as_str() {
                "-d" | "--detach" if !is_stopped => is_detached = true,
                "--rm" => declaration.is_removed_after = true,
                _ => declare(&mut declaration, option, &mut words)?,
            },
            Some(Word::Operand(image)) => {
                declaration.image = image;
                break;
            }
            None => return Err(Problem::new("", "an image is needed")),
        }
    }
    let args: Vec<String> = words.rest().collect();
    declaration.args = (!args.is_empty()).then_some(args);
    Ok(if is_detached {
        ask(Request::Create {
            declaration,
            replace: false,
        })
    } else {
        Command::Run(Box::new(declaration))
    })
}

fn declare(
    declaration: &mut Declaration,
    option: String,
    words: &mut Words,
) -> Result<(), Problem> {
    // Asked with an empty value, an option that is not there says so.
    let value = match set_option(&mut Declaration::default(), &option, String::new()) {
        Ok(false) => return Err(unknown(option)),
        Ok(true) | Err(_) => words.value(&option)?,
    };
    match set_option(declaration, &option, value) {
        Ok(_) => Ok(()),
        Err(what) => Err(Problem::new(option, what)),
    }
}

/// The operands, of which there must be one at least.
fn names(mut words: Words) -> Result<Vec<String>, Problem> {
    let mut names = Vec::new();
    while let Some(word) = words.next()? {
        match word {
            Word::Operand(name) => names.push(name),
            Word::Option(option) => return Err(unknown(option)),
        }
    }
    if names.is_empty() {
        return Err(Problem::new("", "a name is needed"));
    }
    Ok(names)
}

/// A request for each name. Not generic: one function is smaller than one for each command.
fn named(words: Words, request: fn(String) -> Request) -> Result<Command, Problem> {
    let requests = names(words)?.into_iter().map(request).collect();
    Ok(Command::Ask(requests, Show::Reply))
}

fn nothing(mut words: Words, command: Command) -> Result<Command, Problem> {
    match words.next()? {
        None => Ok(command),
        Some(Word::Option(word) | Word::Operand(word)) => {
            Err(Problem::new(word, "nothing is to stand here"))
        }
    }
}

/// Whether an option is there, and the operands.
fn flagged(mut words: Words, short: &str, long: &str) -> Result<(bool, Vec<String>), Problem> {
    let (mut is_given, mut operands) = (false, Vec::new());
    while let Some(word) = words.next()? {
        match word {
            Word::Option(option) if option == short || option == long => is_given = true,
            Word::Option(option) => return Err(unknown(option)),
            Word::Operand(operand) => operands.push(operand),
        }
    }
    Ok((is_given, operands))
}

fn remove(words: Words) -> Result<Command, Problem> {
    let (force, names) = flagged(words, "-f", "--force")?;
    let requests: Vec<_> = names
        .into_iter()
        .map(|name| Request::Remove { name, force })
        .collect();
    if requests.is_empty() {
        return Err(Problem::new("", "a name is needed"));
    }
    Ok(Command::Ask(requests, Show::Reply))
}

fn logs(words: Words) -> Result<Command, Problem> {
    let (follow, names) = flagged(words, "-f", "--follow")?;
    let mut names = names.into_iter();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(Command::Logs { name, follow }),
        _ => Err(Problem::new("", "one name is needed")),
    }
}

fn stop(mut words: Words) -> Result<Command, Problem> {
    let (mut grace_ms, mut requests) = (None, Vec::new());
    while let Some(word) = words.next()? {
        match word {
            Word::Option(option) if option == "-t" || option == "--time" => {
                let time = time_ms(&words.value(&option)?);
                grace_ms = Some(time.map_err(|what| Problem::new(option, what))?);
            }
            Word::Option(option) => return Err(unknown(option)),
            Word::Operand(name) => requests.push(Request::Stop { name, grace_ms }),
        }
    }
    if requests.is_empty() {
        return Err(Problem::new("", "a name is needed"));
    }
    Ok(Command::Ask(requests, Show::Reply))
}

fn fault(mut words: Words) -> Result<Command, Problem> {
    match words.next()? {
        None => Ok(ask(Request::Fault)),
        Some(Word::Operand(word)) if word == "clear" => nothing(words, ask(Request::ClearFault)),
        Some(Word::Option(word) | Word::Operand(word)) => {
            Err(Problem::new(word, "only `clear` can stand here"))
        }
    }
}

fn time(mut words: Words) -> Result<Command, Problem> {
    match words.next()? {
        None => Ok(Command::Ask(vec![Request::Device], Show::Time)),
        Some(Word::Option(word) | Word::Operand(word)) => match calendar::read(&word) {
            Some(unix_ms) => nothing(words, ask(Request::SetTime { unix_ms })),
            None => Err(Problem::new(
                word,
                "must be a time, as 2026-11-29T20:15:00Z, or seconds since 1970",
            )),
        },
    }
}
