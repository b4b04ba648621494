//! Whom this machine trusts: the trust policy and the trust store in the folder of settings, in the Notary
//! Project's formats. Without a policy everything is trusted; with one, nothing that it does not name.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use thimble_image::Descriptor;
use thimble_image::signature::policy::{
    self, FILE_SCOPE, Judgement, Level, Problem, Refusal, TrustPolicy,
};
use thimble_image::signature::{TrustStore, UnixTime};

use crate::failure::{Failure, chain};
use crate::folders;

/// The folder of authorities below that of settings, as `notation` has it.
const AUTHORITIES: &str = "truststore/x509/ca";
/// Bytes of a policy or certificate file at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The policy in force, if there is one.
pub(crate) enum Trust {
    /// There is none: nothing is checked.
    Open,
    /// What it names counts.
    Policy {
        path: PathBuf,
        policy: TrustPolicy,
        store: TrustStore,
    },
}

impl Trust {
    /// Reads policy and authorities.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Some(folder) = folders::config() else {
            return Ok(Self::Open);
        };
        let path = folder.join("trustpolicy.json");
        let Some(bytes) = read_if_there(&path)? else {
            return Ok(Self::Open);
        };
        let policy = TrustPolicy::parse(&bytes).map_err(|error| wrong(&path, chain(&error)))?;
        let store = authorities(&folder.join(AUTHORITIES))?;
        Ok(Self::Policy {
            path,
            policy,
            store,
        })
    }

    /// Whether signatures matter at all.
    pub(crate) const fn has_policy(&self) -> bool {
        matches!(self, Self::Policy { .. })
    }

    /// Judges an image by its name (registry and repository, or [`FILE_SCOPE`]) and the envelopes of its signatures.
    ///
    /// Gives what is worth telling, or why it is refused.
    pub(crate) fn judge(
        &self,
        name: &str,
        target: Option<&Descriptor>,
        envelopes: &[Vec<u8>],
    ) -> Result<Vec<String>, String> {
        let Self::Policy {
            path,
            policy,
            store,
        } = self
        else {
            return Ok(Vec::new());
        };
        let Some(statement) = policy.statement(name) else {
            return Err(format!(
                "not trusted: no statement of the trust policy {} is about {name}; add one, or one for `*`",
                path.display()
            ));
        };
        let Some(target) = target else {
            return if statement.level() == Level::Skip {
                Ok(Vec::new())
            } else {
                Err(format!(
                    "not trusted: a file has no signature, and the trust policy {} wants one for {name}; build and sign \
                     an image, or add a statement for the scope `{FILE_SCOPE}` with level skip",
                    path.display()
                ))
            };
        };
        match policy::judge(statement, target, envelopes, store, now()) {
            Judgement::Skipped => Ok(Vec::new()),
            Judgement::Trusted { reported, .. } => Ok(tell("reported", &reported)),
            Judgement::Audited { problems, .. } => Ok(tell("audit", &problems)),
            Judgement::Refused(Refusal::Untrusted { problems }) => Err(format!(
                "not trusted: {}",
                problems
                    .iter()
                    .map(|problem| chain(problem))
                    .collect::<Vec<_>>()
                    .join("; ")
            )),
            Judgement::Refused(refusal) => Err(format!("not trusted: {}", chain(&refusal))),
        }
    }
}

fn tell(what: &str, problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| format!("{what}: {}", chain(problem)))
        .collect()
}

/// The time, as signatures count it.
pub(crate) fn now() -> UnixTime {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    UnixTime(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Every certificate of every named folder.
fn authorities(folder: &Path) -> Result<TrustStore, Failure> {
    let mut store = TrustStore::default();
    for named in entries(folder)? {
        let Some(name) = named.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        for file in entries(&named)? {
            let Some(bytes) = read_if_there(&file)? else {
                continue;
            };
            store
                .add(&format!("ca:{name}"), &bytes)
                .map_err(|error| wrong(&file, chain(&error)))?;
        }
    }
    Ok(store)
}

/// What is in a folder, in the order of names; nothing if it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(wrong(folder, error)),
    };
    let mut paths = listing
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(folder, error))?;
    paths.sort();
    Ok(paths)
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(path, error)),
    };
    if metadata.len() > FILE_BYTES_MAX {
        return Err(wrong(path, "it has more than 1 MiB"));
    }
    fs::read(path).map(Some).map_err(|error| wrong(path, error))
}

fn wrong(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::Settings {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
