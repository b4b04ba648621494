//! What can go wrong before or around a container, with the exit code it gives.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use thimble_builder::yaml::Place;
use thimble_device_api::{ClientError, ProblemKind};
use thimble_hub_api::{ClientError as HubError, ProblemKind as HubProblemKind};
use thimble_port_serial::SerialError;
use thimble_serial::RefusalKind;

use crate::observer::printable;

/// Exit code when Thimble itself cannot do what was asked.
pub(crate) const OURS: u8 = 125;
/// Exit code when the file is there but cannot be run.
const CANNOT_RUN: u8 = 126;
/// Exit code when the file is not there.
const NOT_FOUND: u8 = 127;
/// Exit code of a process whose output nobody reads any more: that of SIGPIPE.
const NO_READER: u8 = 141;

/// A failure, in words for the person who typed the command.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An option's value is wrong.
    Option {
        /// The option as typed.
        option: &'static str,
        /// The value as typed.
        value: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The file to run is not there.
    NotFound {
        /// Its path.
        path: PathBuf,
    },
    /// The file to run cannot be read.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file cannot be run.
    CannotRun {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Something is wrong with an image, or with what was to be done with it.
    Image {
        /// Its name as typed.
        name: String,
        /// What is wrong and what to do.
        reason: String,
        /// What kind of failure it is.
        fault: ImageFault,
    },
    /// A file of settings is wrong.
    Settings {
        /// Its path.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// Something is wrong at a place of a file.
    Written {
        /// Its path.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The daemon cannot do it, or is not there.
    Daemon {
        /// What it is about.
        subject: String,
        /// Why.
        error: Box<ClientError>,
    },
    /// The device behind a serial port cannot do it, or does not answer.
    Serial {
        /// What it is about.
        subject: String,
        /// Why.
        error: Box<SerialError>,
    },
    /// The hub cannot do it, or is not there.
    Hub {
        /// What it is about.
        subject: String,
        /// Why.
        error: Box<HubError>,
    },
    /// Nobody reads what is written.
    NoReader,
    /// The device does not give what is needed.
    Device {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        reason: String,
    },
}

/// What kind of failure an image's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageFault {
    /// It is neither here nor in its registry.
    NotFound,
    /// It is here and cannot be run, or is not trusted.
    CannotRun,
    /// What was to be done with it could not be done.
    Ours,
}

impl Failure {
    /// Something could not be done with an image.
    pub(crate) fn image(name: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::image_fault(name, ImageFault::Ours, reason)
    }

    /// The same because of an error.
    pub(crate) fn image_error(name: impl Into<String>, error: &dyn Error) -> Self {
        Self::image(name, chain(error))
    }

    pub(crate) fn image_fault(
        name: impl Into<String>,
        fault: ImageFault,
        reason: impl fmt::Display,
    ) -> Self {
        Self::Image {
            name: name.into(),
            reason: reason.to_string(),
            fault,
        }
    }

    pub(crate) fn option(
        option: &'static str,
        value: impl Into<String>,
        reason: impl fmt::Display,
    ) -> Self {
        Self::Option {
            option,
            value: value.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn cannot_run(path: impl AsRef<Path>, reason: impl fmt::Display) -> Self {
        Self::CannotRun {
            path: path.as_ref().to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn device(doing: &'static str, reason: impl fmt::Display) -> Self {
        Self::Device {
            doing,
            reason: reason.to_string(),
        }
    }

    /// What the daemon said about something.
    pub(crate) fn daemon(subject: impl Into<String>, error: ClientError) -> Self {
        Self::Daemon {
            subject: subject.into(),
            error: Box::new(error),
        }
    }

    /// What the device behind a serial port said about something.
    pub(crate) fn serial(subject: impl Into<String>, error: SerialError) -> Self {
        Self::Serial {
            subject: subject.into(),
            error: Box::new(error),
        }
    }

    /// What the hub said about something.
    pub(crate) fn hub(subject: impl Into<String>, error: HubError) -> Self {
        Self::Hub {
            subject: subject.into(),
            error: Box::new(error),
        }
    }

    /// Whether there is no use in asking a hub about the next thing.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Hub { error, .. } => error
                .problem()
                .is_none_or(|problem| problem.kind == HubProblemKind::NotSignedIn),
            Self::NoReader => true,
            _ => false,
        }
    }

    /// Whether there is nothing left to tell.
    pub(crate) const fn is_silent(&self) -> bool {
        matches!(self, Self::NoReader)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Option { .. }
            | Self::Device { .. }
            | Self::Settings { .. }
            | Self::Written { .. } => OURS,
            Self::Daemon { error, .. } => match error.problem().map(|problem| problem.kind) {
                Some(
                    ProblemKind::NoSuchImage
                    | ProblemKind::NoSuchContainer
                    | ProblemKind::NoSuchApp
                    | ProblemKind::NoSuchVolume
                    | ProblemKind::NoSuchFile,
                ) => NOT_FOUND,
                Some(ProblemKind::ImageUnfit | ProblemKind::CannotStart) => CANNOT_RUN,
                _ => OURS,
            },
            Self::Serial { error, .. } => match error.refusal().map(|refusal| refusal.kind) {
                Some(RefusalKind::NotFound) => NOT_FOUND,
                Some(RefusalKind::Image) => CANNOT_RUN,
                _ => OURS,
            },
            Self::Hub { error, .. } if error.is_not_found() => NOT_FOUND,
            Self::Hub { .. } => OURS,
            Self::NoReader => NO_READER,
            Self::Unreadable { .. } | Self::CannotRun { .. } => CANNOT_RUN,
            Self::NotFound { .. } => NOT_FOUND,
            Self::Image { fault, .. } => match fault {
                ImageFault::NotFound => NOT_FOUND,
                ImageFault::CannotRun => CANNOT_RUN,
                ImageFault::Ours => OURS,
            },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option {
                option,
                value,
                reason,
            } => match value.as_str() {
                "" => write!(formatter, "{option}: {reason}"),
                value => write!(formatter, "{option} {value}: {reason}"),
            },
            Self::NotFound { path } => {
                write!(
                    formatter,
                    "{}: there is no such file; give the path of a .wasm or .wat file",
                    path.display()
                )
            }
            Self::Unreadable { path, reason } => {
                write!(formatter, "{}: cannot be read: {reason}", path.display())
            }
            Self::CannotRun { path, reason } => {
                write!(formatter, "{}: cannot be run: {reason}", path.display())
            }
            Self::Image { name, reason, .. } => write!(formatter, "{name}: {reason}"),
            Self::Settings { path, reason } => {
                write!(formatter, "{}: {reason}", path.display())
            }
            Self::Written {
                path,
                place,
                reason,
            } => write!(
                formatter,
                "{}:{}:{}: {reason}",
                path.display(),
                place.line,
                place.column
            ),
            Self::Daemon { subject, error } => {
                let Some(problem) = error.problem() else {
                    return formatter.write_str(&printable(&chain(&**error)));
                };
                // What was typed says more than what the daemon makes of it.
                let subject = match (&**subject, &problem.subject) {
                    ("", Some(subject)) => subject,
                    (subject, _) => subject,
                };
                if !subject.is_empty() && !problem.detail.starts_with(&format!("{subject}: ")) {
                    write!(formatter, "{}: ", printable(subject))?;
                }
                formatter.write_str(&printable(&problem.detail))
            }
            Self::Serial { subject, error } => {
                let told = printable(&chain(&**error));
                match subject.as_str() {
                    "" => formatter.write_str(&told),
                    subject => write!(formatter, "{}: {told}", printable(subject)),
                }
            }
            Self::Hub { subject, error } => hub(formatter, subject, error),
            Self::NoReader => formatter.write_str("nobody reads the output"),
            Self::Device { doing, reason } => write!(formatter, "{doing}: {reason}"),
        }
    }
}

/// What to do when the hub's certificate is not believed, by the words of what checks it.
const ADVICE: [(&str, &str); 6] = [
    (
        "UnknownIssuer",
        "its certificate comes from nobody who is believed here; give the file of the authorities that it comes from with `thimble fleet login URL --ca FILE`",
    ),
    (
        "BadSignature",
        "its certificate names an authority of the file given with --ca, and is not signed by that one; ask the hub's administrator for the present file",
    ),
    (
        "not valid for name",
        "its certificate is for other names; use one of those in the address, or have a certificate made for this one",
    ),
    (
        "certificate expired",
        "its certificate has ended; the hub's administrator has to renew it (operators.certificate)",
    ),
    (
        "not valid yet",
        "its certificate begins later; compare the clocks of this machine and of the hub",
    ),
    (
        "CaUsedAsEndEntity",
        "its certificate is an authority's own (CA:TRUE); the hub needs one that was made for a server (CA:FALSE)",
    ),
];

/// What the hub said, and what to do about it.
fn hub(formatter: &mut fmt::Formatter<'_>, subject: &str, error: &HubError) -> fmt::Result {
    let Some(problem) = error.problem() else {
        formatter.write_str(&printable(&error.to_string()))?;
        if let HubError::Unreachable { reason, .. } = error
            && let Some((_, advice)) = ADVICE.iter().find(|(words, _)| reason.contains(words))
        {
            write!(formatter, ": {advice}")?;
        }
        return Ok(());
    };
    // What was typed says more than what the hub makes of it.
    let subject = match (subject, &problem.subject) {
        ("", Some(subject)) => subject,
        (subject, _) => subject,
    };
    if !subject.is_empty() && !problem.detail.starts_with(&format!("{subject}: ")) {
        write!(formatter, "{}: ", printable(subject))?;
    }
    formatter.write_str(&printable(&problem.detail))?;
    for error in &problem.errors {
        let (place, detail) = (printable(&error.pointer), printable(&error.detail));
        write!(formatter, "\n  {place}: {detail}")?;
    }
    if problem.kind == HubProblemKind::NotSignedIn {
        formatter.write_str("; sign in with `thimble fleet login URL`")?;
    }
    Ok(())
}

/// An error with everything below it, as one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        below = cause.source();
    }
    text
}
