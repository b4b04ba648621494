//! The options of a declaration, named as on the command line.

use alloc::string::String;
use alloc::vec::IntoIter;

use super::units;
use crate::message::{Declaration, Policy};

/// Sets what an option of `run` and `create` declares, such as `--memory`. Tells whether there is such an option.
///
/// # Errors
/// What the value must be.
pub fn set_option(
    declaration: &mut Declaration,
    option: &str,
    value: String,
) -> Result<bool, &'static str> {
    let limits = &mut declaration.limits;
    match option {
        "--name" => declaration.name = value,
        "--env" | "-e" => {
            if value.find('=').unwrap_or_default() == 0 {
                return Err("must be NAME=VALUE");
            }
            declaration.env.push(value);
        }
        "--allow" => declaration.grants.push(value),
        "--memory" | "-m" => limits.memory_bytes = Some(units::size(&value)?),
        "--cpus" => limits.cpu_share_thousandths = Some(units::share(&value)?),
        "--queue-messages" => limits.queue_messages = Some(units::count(&value)?),
        "--message-bytes" => limits.message_bytes = Some(units::size(&value)?),
        "--limit" => {
            let (name, value) = value.split_once('=').ok_or("must be NAME=VALUE")?;
            set_limit(declaration, name, value)?;
        }
        "--restart" => declaration.restart = policy(&value)?,
        "--entry" => declaration.entry = Some(value),
        "--timeout" => declaration.timeout_ms = Some(units::time(&value)?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Reads a time with its unit, in milliseconds.
///
/// # Errors
/// What it must be.
pub fn time_ms(text: &str) -> Result<u32, &'static str> {
    units::time(text)
}

fn set_limit(declaration: &mut Declaration, name: &str, value: &str) -> Result<(), &'static str> {
    let limits = &mut declaration.limits;
    let (limit, value) = match name {
        "memory" => (&mut limits.memory_bytes, units::size(value)),
        "cpus" => (&mut limits.cpu_share_thousandths, units::share(value)),
        "stack" => (&mut limits.stack_bytes, units::size(value)),
        "storage" => (&mut limits.storage_bytes, units::size(value)),
        "kv" => (&mut limits.key_value_bytes, units::size(value)),
        "log" => (&mut limits.log_bytes, units::size(value)),
        "descriptors" => (&mut limits.descriptors, units::count(value)),
        "sockets" => (&mut limits.sockets, units::count(value)),
        "timers" => (&mut limits.timers, units::count(value)),
        "subscriptions" => (&mut limits.subscriptions, units::count(value)),
        _ => {
            return Err(
                "must name memory, cpus, stack, storage, kv, log, descriptors, sockets, timers or subscriptions",
            );
        }
    };
    *limit = Some(value?);
    Ok(())
}

fn policy(text: &str) -> Result<Policy, &'static str> {
    const WRONG: &str = "must be no, on-failure, on-failure:N, unless-stopped or always";
    Ok(match text {
        "no" => Policy::No,
        "on-failure" => Policy::OnFailure { tries: 0 },
        "unless-stopped" => Policy::UnlessStopped,
        "always" => Policy::Always,
        _ => {
            let tries = text.strip_prefix("on-failure:").ok_or(WRONG)?;
            Policy::OnFailure {
                tries: tries.parse().map_err(|_| WRONG)?,
            }
        }
    })
}

/// What is wrong with a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The word that is wrong, empty if one is missing.
    pub(super) subject: String,
    /// What is wrong.
    pub(super) what: &'static str,
}

impl Problem {
    pub(super) fn new(subject: impl Into<String>, what: &'static str) -> Self {
        Self {
            subject: subject.into(),
            what,
        }
    }
}

/// The words behind a command.
pub(super) struct Words {
    words: IntoIter<String>,
    /// The value of `--option=value`.
    inline: Option<String>,
    only_operands: bool,
}

/// A word.
pub(super) enum Word {
    Option(String),
    Operand(String),
}

impl Words {
    pub(super) fn new(words: IntoIter<String>) -> Self {
        Self {
            words,
            inline: None,
            only_operands: false,
        }
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Result<Option<Word>, Problem> {
        if let Some(inline) = self.inline.take() {
            return Err(Problem::new(inline, "the option takes no value"));
        }
        let Some(word) = self.words.next() else {
            return Ok(None);
        };
        if self.only_operands || word.len() < 2 || !word.starts_with('-') {
            return Ok(Some(Word::Operand(word)));
        }
        if word == "--" {
            self.only_operands = true;
            return self.next();
        }
        Ok(Some(Word::Option(match word.split_once('=') {
            Some((option, value)) if word.starts_with("--") => {
                self.inline = Some(value.into());
                option.into()
            }
            _ => word,
        })))
    }

    /// The value of an option.
    pub(super) fn value(&mut self, option: &str) -> Result<String, Problem> {
        self.inline
            .take()
            .or_else(|| self.words.next())
            .ok_or_else(|| Problem::new(option, "needs a value"))
    }

    /// Everything that is left, whatever it looks like.
    pub(super) fn rest(self) -> IntoIter<String> {
        self.words
    }
}
