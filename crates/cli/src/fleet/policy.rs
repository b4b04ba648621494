//! How careful a rollout is, as it is said on the command line or in a file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use thimble_hub_api::rollout::{ApprovalRule, OnError, Policy, Threshold, Wave};

use crate::failure::Failure;

use super::words::{moment, seconds};
use super::yaml;

// How careful a rollout is.
#[derive(Args, Default)]
#[command(
    next_help_heading = "How careful the rollout is (without any of these: as the last one was)"
)]
pub(super) struct PolicyOptions {
    /// A wave: a number of devices (3), a part of all (25%), those with labels (canary=yes), or both (3@line=1). Whoever is in
    /// none comes in a last one; without waves all are one, and `--wave 100%` says so.
    #[arg(long, value_name = "WAVE")]
    wave: Vec<String>,

    /// Time that is waited after each wave.
    #[arg(long, value_name = "TIME", requires = "wave")]
    soak: Option<String>,

    /// Devices of a wave that are updated at once.
    #[arg(long, value_name = "COUNT")]
    at_once: Option<u32>,

    /// Devices of a wave that may fail: a number, or a part of those that began (5%).
    #[arg(long, value_name = "COUNT|PERCENT")]
    errors: Option<String>,

    /// The part of a wave that must have succeeded before the next begins [default: 100].
    #[arg(long, value_name = "PERCENT")]
    success: Option<u8>,

    /// People who have to approve each wave but the first: 1 or 2.
    #[arg(long, value_name = "PEOPLE", requires = "wave")]
    approval: Option<u8>,

    /// Devices that may be down or updating at once for each value of a label: line=1.
    #[arg(long, value_name = "LABEL=COUNT")]
    budget: Vec<String>,

    /// Devices that begin per minute at most.
    #[arg(long, value_name = "COUNT")]
    rate: Option<u32>,

    /// Time that a device may take before it counts as failed.
    #[arg(long, value_name = "TIME")]
    device_timeout: Option<String>,

    /// When the rollout ends by itself: a time from now on, or a moment in RFC 3339.
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,

    /// What is done when too many failed.
    #[arg(long, value_name = "WHAT")]
    on_error: Option<OnErrorName>,

    /// All of this from a file instead (YAML), with what is particular to each wave.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["wave", "soak", "at_once", "errors", "success", "approval", "budget", "rate", "device_timeout", "deadline", "on_error"]
    )]
    policy: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnErrorName {
    /// No more devices begin until somebody decides.
    Pause,
    /// Those that began go back.
    RollBack,
}

impl PolicyOptions {
    /// The policy that was asked for; none, if nothing was said: as the last time then.
    pub(super) fn policy(&self) -> Result<Option<Policy>, Failure> {
        if let Some(path) = &self.policy {
            return yaml::load(path).map(Some);
        }
        Ok(Some(self.said()?).filter(|said| *said != Policy::default()))
    }

    fn said(&self) -> Result<Policy, Failure> {
        let mut waves = self
            .wave
            .iter()
            .map(|text| wave(text))
            .collect::<Result<Vec<_>, _>>()?;
        if waves.is_empty()
            && (self.at_once.is_some() || self.errors.is_some() || self.success.is_some())
        {
            waves.push(Wave::default());
        }
        for (index, wave) in waves.iter_mut().enumerate() {
            self.complete(wave, index > 0)?;
        }
        let mut policy = Policy {
            waves,
            rate_per_minute: self.rate,
            ..Policy::default()
        };
        for text in &self.budget {
            let found = text
                .split_once('=')
                .and_then(|(label, count)| Some((label.to_owned(), count.parse().ok()?)));
            let (label, count) = found.ok_or_else(|| {
                Failure::option("--budget", text, "must be LABEL=COUNT: line=1, for example")
            })?;
            policy.budgets.insert(label, count);
        }
        if let Some(text) = &self.device_timeout {
            policy.device_timeout_s = Some(seconds("--device-timeout", text)?);
        }
        if let Some(text) = &self.deadline {
            policy.deadline = Some(moment("--deadline", text)?);
        }
        if self.on_error == Some(OnErrorName::RollBack) {
            policy.on_error = OnError::RollBack;
        }
        Ok(policy)
    }

    fn complete(&self, wave: &mut Wave, is_later: bool) -> Result<(), Failure> {
        wave.at_once = self.at_once;
        wave.success_percent = self.success;
        if let Some(text) = &self.soak {
            wave.soak_s = seconds("--soak", text)?;
        }
        if let Some(text) = &self.errors {
            wave.errors = threshold(text)?;
        }
        if let Some(people) = self.approval.filter(|_| is_later) {
            wave.approval = Some(ApprovalRule {
                people,
                roles: Vec::new(),
            });
        }
        Ok(())
    }
}

/// Understands a wave.
fn wave(text: &str) -> Result<Wave, Failure> {
    let mut wave = Wave::default();
    let (amount, selector) = match text.split_once('@') {
        Some((amount, selector)) => (amount, selector),
        None if is_amount(text) => (text, ""),
        None => ("", text),
    };
    wave.selector = selector.trim().to_owned();
    let wrong = || {
        Failure::option(
            "--wave",
            text,
            "must be a number of devices (3), a part of all (25%), labels (canary=yes), or both (3@line=1)",
        )
    };
    match amount.strip_suffix('%') {
        _ if amount.is_empty() && !selector.is_empty() => {}
        Some(percent) => wave.percent = Some(percent.parse().map_err(|_| wrong())?),
        None => wave.count = Some(amount.parse().map_err(|_| wrong())?),
    }
    // All is all, whatever the number of devices becomes.
    if wave.percent == Some(100) {
        wave.percent = None;
    }
    Ok(wave)
}

fn is_amount(text: &str) -> bool {
    let digits = text.strip_suffix('%').unwrap_or(text);
    digits.chars().all(|letter| letter.is_ascii_digit())
}

fn threshold(text: &str) -> Result<Threshold, Failure> {
    let wrong = || {
        Failure::option(
            "--errors",
            text,
            "must be a number of devices (2), or a part of those that began (5%)",
        )
    };
    Ok(match text.strip_suffix('%') {
        Some(percent) => Threshold {
            count: None,
            percent: Some(percent.parse().map_err(|_| wrong())?),
        },
        None => Threshold {
            count: Some(text.parse().map_err(|_| wrong())?),
            percent: None,
        },
    })
}

/// What a wave is called, for people.
pub(super) fn wave_words(policy: &Policy, index: usize) -> String {
    let Some(wave) = policy.waves.get(index) else {
        return "the rest".to_owned();
    };
    if !wave.name.is_empty() {
        return wave.name.clone();
    }
    let amount = match (wave.count, wave.percent) {
        (Some(count), Some(percent)) => format!("{count}, at most {percent}%"),
        (Some(count), None) => count.to_string(),
        (None, Some(percent)) => format!("{percent}%"),
        (None, None) => "all".to_owned(),
    };
    match wave.selector.as_str() {
        "" => amount,
        selector => format!("{amount} of {selector}"),
    }
}

#[cfg(test)]
mod tests {
    //! Waves as they are typed.

    use super::*;

    #[test]
    fn waves_are_understood() {
        let check = |text: &str, selector: &str, count: Option<u32>, percent: Option<u8>| {
            let found = wave(text).unwrap();
            assert_eq!(found.selector, selector, "{text}");
            assert_eq!((found.count, found.percent), (count, percent), "{text}");
        };
        check("3", "", Some(3), None);
        check("25%", "", None, Some(25));
        check("100%", "", None, None);
        check("canary=yes", "canary=yes", None, None);
        check("3@line=1", "line=1", Some(3), None);
        check("10%@line in (1, 2)", "line in (1, 2)", None, Some(10));
        for text in ["", "%", "x@line=1", "300%", "@", "5000000000"] {
            wave(text).unwrap_err();
        }
    }

    #[test]
    fn what_may_fail_is_understood() {
        assert_eq!(threshold("2").unwrap().count, Some(2));
        assert_eq!(threshold("5%").unwrap().percent, Some(5));
        for text in ["", "%", "few", "-1"] {
            threshold(text).unwrap_err();
        }
    }
}
