//! When a container that has ended is started again.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// When a container that has ended is started again.
///
/// It is about ends that nobody asked for: whom an operator stopped or killed stays so under every policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    Never,
    /// When it failed.
    OnFailure {
        /// After how many failures in a row it is started once more at most; `None` is no limit.
        retries_max: Option<u32>,
    },
    /// However it ended.
    Always,
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => formatter.write_str("no"),
            Self::OnFailure { retries_max: None } => formatter.write_str("on-failure"),
            Self::OnFailure {
                retries_max: Some(retries_max),
            } => write!(formatter, "on-failure:{retries_max}"),
            Self::Always => formatter.write_str("always"),
        }
    }
}

impl FromStr for RestartPolicy {
    type Err = RestartPolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "no" => Ok(Self::Never),
            "on-failure" => Ok(Self::OnFailure { retries_max: None }),
            "always" | "unless-stopped" => Ok(Self::Always),
            _ => {
                let retries = text
                    .strip_prefix("on-failure:")
                    .ok_or_else(|| RestartPolicyError::Unknown { text: shown(text) })?;
                Ok(Self::OnFailure {
                    retries_max: Some(retries_max(retries)?),
                })
            }
        }
    }
}

/// Why a text is no restart policy; it is the fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartPolicyError {
    /// There is none of this name.
    Unknown {
        /// The beginning of the text.
        text: String,
    },
    /// What follows `on-failure:` is not a number of retries.
    Retries {
        /// The beginning of what follows.
        text: String,
    },
}

impl fmt::Display for RestartPolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { text } => write!(
                formatter,
                "there is no restart policy `{text}`; policies are `no`, `on-failure`, `on-failure:N`, `always` and `unless-stopped`"
            ),
            Self::Retries { text } => write!(
                formatter,
                "`{text}` is no number of retries; write a number from 1 to {}, `on-failure` for no limit, or `no` for none",
                u32::MAX
            ),
        }
    }
}

impl core::error::Error for RestartPolicyError {}

/// Digits alone: no sign, and not 0, which some read as none and some as no limit.
fn retries_max(text: &str) -> Result<u32, RestartPolicyError> {
    Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|retries| *retries > 0)
        .ok_or_else(|| RestartPolicyError::Retries { text: shown(text) })
}

/// As much of a text as an error repeats.
fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 40;
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => {
            let mut shown = text.get(..end).unwrap_or_default().to_string();
            shown.push('…');
            shown
        }
        None => text.to_string(),
    }
}
