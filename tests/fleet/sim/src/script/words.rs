//! Words of a command: `WORD WORD NAME=VALUE`.

use anyhow::{Context as _, Result, anyhow, bail};
use thimble_protocol::report::Phase;

/// A command's words.
pub(super) struct Words<'a> {
    words: Vec<&'a str>,
    values: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    pub(super) fn of(command: &'a str) -> Self {
        let (mut words, mut values) = (Vec::new(), Vec::new());
        for word in command.split_whitespace() {
            match word.split_once('=') {
                Some(pair) => values.push(pair),
                None => words.push(word),
            }
        }
        Self { words, values }
    }

    /// The word at this place; empty if there is none.
    pub(super) fn word(&self, place: usize) -> &'a str {
        self.words.get(place).copied().unwrap_or_default()
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        let mut values = self.values.iter();
        values.find(|(one, _)| *one == name).map(|(_, value)| *value)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u32>> {
        let number = self.value(name).map(str::parse).transpose();
        number.with_context(|| format!("{name} is a number"))
    }

    /// The value of this name as a span of time in seconds.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<u32>> {
        let span = self.value(name).map(span).transpose()?;
        Ok(span.map(|ms| u32::try_from(ms / 1000)).transpose()?)
    }

    /// The word at this place as a span of time in milliseconds.
    pub(super) fn milliseconds(&self, place: usize) -> Result<u64> {
        span(self.word(place))
    }
}

/// `90`, `90s`, `10m`, `24h`: milliseconds.
fn span(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .map_err(|_| anyhow!("`{text}` is no span of time: 90s, 10m, 24h"))?;
    Ok(number
        * match text.get(digits.len()..).unwrap_or_default() {
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            other => bail!("there is no unit `{other}`: s, m, h"),
        })
}

/// `d07`: the device.
pub(super) fn device(name: &str) -> Result<u32> {
    let number = name.strip_prefix('d').and_then(|number| number.parse().ok());
    number.ok_or_else(|| anyhow!("`{name}` is no device: d00, d01, …"))
}

/// The phase of this name.
pub(super) fn phase(name: &str) -> Result<Phase> {
    Ok(match name {
        "fetching" => Phase::Fetching,
        "verifying" => Phase::Verifying,
        "asking" => Phase::Asking,
        "waiting" => Phase::Waiting,
        "switching" => Phase::Switching,
        "probation" => Phase::Probation,
        "rolling-back" => Phase::RollingBack,
        other => bail!("there is no phase `{other}`"),
    })
}
