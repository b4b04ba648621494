//! What the agent keeps over a restart: what was declared, what runs, what is being tried, what failed.
//!
//! Invariants: versions only rise; an entry is on trial only while the agent executes; a version in `failed` is not tried.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::manifest::{Blob, UpdateRules};
use thimble_protocol::report::{ContainerStatus, DeploymentState, Phase, Reason, ReasonCode};
use thimble_protocol::state::{Rung, SealedSecret, SigningKey, UpdatePolicy};
use thimble_protocol::{DeploymentId, DeviceId, ETag, StateVersion};

/// Failures that are remembered: each is a manifest that is refused. The oldest goes first.
pub(crate) const FAILURES_MAX: usize = 16;

/// Starts of the device while a trial runs, after which what was before is put back: the trial may be what restarts it.
pub(crate) const TRIAL_STARTS_MAX: u32 = 5;

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) device: DeviceId,
    pub(crate) adopted: StateVersion,
    /// The entity tag of the adopted state.
    pub(crate) tag: Option<ETag>,
    pub(crate) committed: StateVersion,
    /// The adopted state came on a bundle.
    pub(crate) is_imported: bool,
    /// The adopted state was rolled back by the ladder: nothing of it is tried until there is a newer one.
    pub(crate) is_rejected: bool,
    /// The hub was reached since something was committed.
    pub(crate) is_confirmed: bool,
    pub(crate) is_held_here: bool,
    /// The greatest sequence that a report may have before it is saved anew.
    pub(crate) sequence_end: u64,
    /// Seconds that the present outage lasted before this start.
    pub(crate) outage_s: u32,
    /// Rungs of the ladder that were taken in the present outage.
    pub(crate) rungs_taken: u32,
    /// Whether trials have all been applied.
    pub(crate) is_on_probation: bool,
    /// If one of the trials fails, all are taken back: there is no room for a mixture.
    pub(crate) is_tight: bool,
    /// Starts of the device since the trials began.
    pub(crate) trial_starts: u32,
    pub(crate) entries: Vec<Entry>,
    pub(crate) policy: UpdatePolicy,
    pub(crate) ladder: Vec<Rung>,
    pub(crate) recovery_urls: Vec<String>,
    pub(crate) next_keys: Vec<SigningKey>,
    pub(crate) secrets: Vec<KeptSecret>,
    pub(crate) failed: Vec<FailedTry>,
}

impl Kept {
    /// A device that was never told anything.
    pub(crate) fn new(device: DeviceId) -> Self {
        Self {
            device,
            adopted: StateVersion(0),
            tag: None,
            committed: StateVersion(0),
            is_imported: false,
            is_rejected: false,
            is_confirmed: true,
            is_held_here: false,
            sequence_end: 0,
            outage_s: 0,
            rungs_taken: 0,
            is_on_probation: false,
            is_tight: false,
            trial_starts: 0,
            entries: Vec::new(),
            policy: UpdatePolicy::default(),
            ladder: Vec::new(),
            recovery_urls: Vec::new(),
            next_keys: Vec::new(),
            secrets: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Whether something is being tried or put back.
    pub(crate) fn has_trials(&self) -> bool {
        self.entries.iter().any(|entry| entry.trial.is_some())
    }

    pub(crate) fn entry(&self, deployment: DeploymentId) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.deployment == deployment)
    }

    pub(crate) fn entry_mut(&mut self, deployment: DeploymentId) -> Option<&mut Entry> {
        self.entries
            .iter_mut()
            .find(|entry| entry.deployment == deployment)
    }

    /// The present revision of a secret.
    pub(crate) fn secret_revision(&self, name: &str) -> Option<u32> {
        let mut present = self.secrets.iter().filter(|kept| kept.is_present);
        present
            .find(|kept| kept.sealed.name == name)
            .map(|kept| kept.sealed.revision)
    }

    /// The sealed secrets that a version uses.
    pub(crate) fn secrets_of(&self, version: &Version) -> Vec<SealedSecret> {
        let used =
            |kept: &&KeptSecret| version.secrets.iter().any(|secret| secret.is(&kept.sealed));
        self.secrets
            .iter()
            .filter(used)
            .map(|kept| kept.sealed.clone())
            .collect()
    }

    /// Whether what runs is not what was declared.
    pub(crate) fn differs(&self, entry: &Entry) -> bool {
        match (&entry.wanted, &entry.running) {
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
            (Some(wanted), Some(running)) => {
                let is_same_secret = |secret: &SecretUse| {
                    self.secret_revision(&secret.name) == Some(secret.revision)
                };
                wanted.manifest != running.manifest || !running.secrets.iter().all(is_same_secret)
            }
        }
    }

    /// Returns why a version failed here, if it did.
    pub(crate) fn failure_of(&self, version: &Version) -> Option<ReasonCode> {
        let mut failed = self.failed.iter();
        failed
            .find(|failed| failed.is(version))
            .map(|failed| failed.code)
    }

    /// Remembers that a version failed.
    pub(crate) fn remember_failure(&mut self, version: &Version, code: ReasonCode) {
        if self.failure_of(version).is_some() {
            return;
        }
        if self.failed.len() >= FAILURES_MAX {
            self.failed.remove(0);
        }
        self.failed.push(FailedTry {
            manifest: version.manifest,
            secrets: version.secrets_stamp(),
            code,
        });
    }

    /// Drops what nothing names any more.
    pub(crate) fn tidy(&mut self) {
        let Self {
            entries, secrets, ..
        } = self;
        entries.retain(|entry| !entry.is_gone());
        secrets.retain(|kept| {
            kept.is_present
                || entries
                    .iter()
                    .flat_map(Entry::versions)
                    .any(|version| version.secrets.iter().any(|secret| secret.is(&kept.sealed)))
        });
    }

    /// Manifests that may be needed again.
    pub(crate) fn manifests(&self) -> Vec<Digest> {
        let mut manifests: Vec<Digest> = Vec::new();
        for entry in &self.entries {
            let wanted = entry.wanted.as_ref().map(|wanted| wanted.manifest);
            manifests.extend(wanted);
            manifests.extend(entry.versions().map(|version| version.manifest));
        }
        manifests.sort_unstable();
        manifests.dedup();
        manifests
    }
}

/// A deployment that is declared, or runs, or ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) deployment: DeploymentId,
    /// Its app's name; empty until a manifest was opened.
    pub(crate) app: String,
    pub(crate) wanted: Option<Wanted>,
    /// What runs and was committed.
    pub(crate) running: Option<Version>,
    /// What is tried beside it.
    pub(crate) trial: Option<Trial>,
    /// What runs could not be put back: it is to be applied again.
    pub(crate) is_broken: bool,
    /// What ran when the hub was last reached after a commit, if that is something else.
    pub(crate) fallback: Option<Option<Version>>,
    /// What it was when it was removed, until the hub knows.
    pub(crate) removed: Option<Digest>,
    /// How it is. Not kept.
    pub(crate) condition: Condition,
}

impl Entry {
    pub(crate) const fn new(deployment: DeploymentId) -> Self {
        Self {
            deployment,
            app: String::new(),
            wanted: None,
            running: None,
            trial: None,
            is_broken: false,
            fallback: None,
            removed: None,
            condition: Condition::NEW,
        }
    }

    /// Every version that may still be applied, besides the one that is wanted.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &Version> {
        let trial = self.trial.as_ref().and_then(|trial| trial.target.as_ref());
        let fallback = self.fallback.as_ref().and_then(Option::as_ref);
        self.running.iter().chain(trial).chain(fallback)
    }

    /// Whether nothing is left to be said or done about it.
    pub(crate) const fn is_gone(&self) -> bool {
        let runs = self.running.is_some() || self.trial.is_some() || self.is_broken;
        self.wanted.is_none() && !runs && self.fallback.is_none() && self.removed.is_none()
    }
}

/// How an entry is, as far as a restart may forget it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) state: DeploymentState,
    pub(crate) phase: Phase,
    pub(crate) reason: Option<Reason>,
    pub(crate) containers: Vec<ContainerStatus>,
    /// It is not tried before this time.
    pub(crate) not_before_ms: u64,
    /// Failures in a row of something that may go well later.
    pub(crate) failures: u32,
    /// Whether the hub knows that it was removed.
    pub(crate) is_told: bool,
}

impl Condition {
    pub(crate) const NEW: Self = Self {
        state: DeploymentState::Pending,
        phase: Phase::Idle,
        reason: None,
        containers: Vec::new(),
        not_before_ms: 0,
        failures: 0,
        is_told: false,
    };
}

/// What was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) manifest: Digest,
    pub(crate) manifest_bytes: u32,
    pub(crate) override_reason: Option<String>,
}

/// A manifest with the secrets that it is applied with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) manifest: Digest,
    pub(crate) manifest_bytes: u32,
    pub(crate) rules: UpdateRules,
    pub(crate) secrets: Vec<SecretUse>,
}

impl Version {
    /// The blob of its manifest.
    pub(crate) const fn blob(&self) -> Blob {
        Blob {
            digest: self.manifest,
            bytes: self.manifest_bytes,
        }
    }

    /// Tells sets of secrets apart: FNV-1a over names and revisions.
    pub(crate) fn secrets_stamp(&self) -> u32 {
        let mut stamp: u32 = 0x811c_9dc5;
        for secret in &self.secrets {
            for byte in secret.name.bytes().chain(secret.revision.to_le_bytes()) {
                stamp = (stamp ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            }
        }
        stamp
    }
}

/// A secret that a version uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecretUse {
    pub(crate) name: String,
    pub(crate) revision: u32,
}

impl SecretUse {
    fn is(&self, sealed: &SealedSecret) -> bool {
        self.name == sealed.name && self.revision == sealed.revision
    }
}

/// A secret, of the adopted state or of one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptSecret {
    pub(crate) sealed: SealedSecret,
    /// The adopted state has it.
    pub(crate) is_present: bool,
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    /// What is to run; absent, the deployment is removed.
    pub(crate) target: Option<Version>,
    /// It failed: what ran before is put back.
    pub(crate) is_rolling_back: bool,
}

/// A version that failed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailedTry {
    pub(crate) manifest: Digest,
    pub(crate) secrets: u32,
    pub(crate) code: ReasonCode,
}

impl FailedTry {
    fn is(&self, version: &Version) -> bool {
        self.manifest == version.manifest && self.secrets == version.secrets_stamp()
    }
}
