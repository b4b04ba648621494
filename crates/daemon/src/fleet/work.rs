//! What the agent asks for that waits for the disk or for containers: carried out one after the other, off the control thread.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use thimble_agent::action::Ticket;
use thimble_agent::event::{Capacity, Failure, Freed};
use thimble_device_api::{Problem, ProblemKind};
use thimble_image::Digest;
use thimble_protocol::manifest::Blob;
use thimble_protocol::report::ReasonCode;
use thimble_protocol::sign::{Envelope, Kind};
use thimble_protocol::state::SealedSecret;
use thimble_protocol::{DeploymentId, DeviceId, Manifest};
use thimble_runtime::Limits;

use crate::container::Entry;
use crate::device::{CONTAINERS_MAX, Device};
use crate::images::{Hold, ImageFault};
use crate::settle;

use super::folder::Folder;
use super::identity::DeviceKey;
use super::secrets::SECRETS_LABEL;
use super::spec::{self, DEPLOYMENT_LABEL};

/// What the owners of the fleet's pins begin with; the digest follows.
const PIN_PREFIX: &str = "fleet-";
/// Bytes of an envelope at most.
const ENVELOPE_BYTES_MAX: u64 = (thimble_protocol::limits::MANIFEST_BYTES_MAX
    + thimble_protocol::limits::ENVELOPE_EXTRA_BYTES_MAX) as u64;

/// One thing to do.
pub(super) enum Work {
    Keep(Vec<Digest>),
    Load {
        ticket: Ticket,
        digest: Digest,
    },
    Measure {
        ticket: Ticket,
        blobs: Vec<Blob>,
    },
    Verify {
        ticket: Ticket,
        manifest: Box<Manifest>,
    },
    Stop {
        ticket: Ticket,
        deployment: DeploymentId,
    },
    Apply {
        ticket: Ticket,
        manifest: Box<Manifest>,
        secrets: Vec<SealedSecret>,
    },
    Remove {
        ticket: Ticket,
        deployment: DeploymentId,
    },
}

/// What came of it.
pub(super) enum Worked {
    Nothing,
    Loaded {
        ticket: Ticket,
        envelope: Option<Vec<u8>>,
    },
    Measured {
        ticket: Ticket,
        capacity: Capacity,
    },
    Did {
        ticket: Ticket,
        result: Result<(), Failure>,
    },
}

/// Who carries it out.
pub(super) struct Worker {
    pub(super) device: Arc<Device>,
    pub(super) folder: Folder,
    pub(super) key: Arc<DeviceKey>,
    pub(super) id: DeviceId,
    /// Keeps what is fetched until it is pinned.
    pub(super) hold: Hold,
    /// Memory that containers may have together.
    pub(super) ram_bytes: u64,
    /// What is to be kept, blobs included, whether it is here yet or not.
    pub(super) kept: Mutex<BTreeSet<Digest>>,
}

impl Worker {
    /// Carries one thing out. Blocks.
    pub(super) fn carry_out(&self, work: Work) -> Worked {
        let did = |ticket, result| Worked::Did { ticket, result };
        match work {
            Work::Keep(digests) => {
                self.keep(&digests);
                Worked::Nothing
            }
            Work::Load { ticket, digest } => Worked::Loaded {
                ticket,
                envelope: self.device.images.read(&digest, ENVELOPE_BYTES_MAX).ok(),
            },
            Work::Measure { ticket, blobs } => Worked::Measured {
                ticket,
                capacity: self.measure(&blobs),
            },
            Work::Verify { ticket, manifest } => did(ticket, self.verify(&manifest)),
            Work::Stop { ticket, deployment } => did(ticket, self.stop(deployment)),
            Work::Apply {
                ticket,
                manifest,
                secrets,
            } => did(ticket, self.apply(&manifest, &secrets)),
            Work::Remove { ticket, deployment } => did(ticket, self.remove(deployment)),
        }
    }

    /// Pins what must stay, and gives up what need not. What is not here yet is pinned when it has come.
    fn keep(&self, digests: &[Digest]) {
        let mut wanted: BTreeSet<Digest> = digests.iter().copied().collect();
        for digest in digests {
            wanted.extend(self.named_by(digest));
        }
        let owners = self.device.images.owners().unwrap_or_else(|fault| {
            tracing::warn!("images of the fleet may stay longer than they must: {fault}");
            Vec::new()
        });
        let pinned: BTreeSet<Digest> = owners
            .iter()
            .filter_map(|owner| Digest::from_hex(owner.strip_prefix(PIN_PREFIX)?))
            .collect();
        for digest in wanted.difference(&pinned) {
            self.pin(digest);
        }
        for digest in pinned.difference(&wanted) {
            if let Err(fault) = self.device.images.unpin(&pin_owner(digest)) {
                tracing::warn!("{digest} stays pinned: {fault}");
            }
        }
        *self.kept.lock() = wanted;
    }

    /// The blobs that a manifest names, if this is one that is here.
    fn named_by(&self, digest: &Digest) -> Vec<Digest> {
        let Ok(envelope) = self.device.images.read(digest, ENVELOPE_BYTES_MAX) else {
            return Vec::new();
        };
        // Its digest says that it is what the agent has believed: the key that signed it may be gone.
        let Ok(envelope) = Envelope::parse(&envelope, Kind::Manifest) else {
            return Vec::new();
        };
        let Ok(manifest) = Manifest::decode(envelope.payload()) else {
            return Vec::new();
        };
        manifest
            .containers
            .iter()
            .flat_map(|container| {
                let image = &container.image;
                [image.manifest, image.config, image.layer]
                    .into_iter()
                    .chain(image.referrers.iter().map(|blob| blob.digest))
            })
            .collect()
    }

    fn pin(&self, digest: &Digest) {
        match self
            .device
            .images
            .pin(&pin_owner(digest), &digest.to_string())
        {
            // It comes with the next fetch.
            Ok(()) | Err(ImageFault::Missing { .. }) => {}
            Err(fault) => tracing::warn!("{digest} cannot be kept: {fault}"),
        }
    }

    /// Hears that a blob has come.
    pub(super) fn fetched(&self, digest: &Digest) {
        if self.kept.lock().contains(digest) {
            self.pin(digest);
        }
    }

    fn measure(&self, blobs: &[Blob]) -> Capacity {
        let entries = self.device.entries();
        let mut taken_bytes: u64 = 0;
        let mut freed: Vec<Freed> = Vec::new();
        for entry in &entries {
            let bytes = ram_of(entry);
            taken_bytes = taken_bytes.saturating_add(bytes);
            let Some(deployment) = deployment_of(entry) else {
                continue;
            };
            match freed
                .iter_mut()
                .find(|freed| freed.deployment == deployment)
            {
                Some(freed) => {
                    freed.ram_bytes = freed.ram_bytes.saturating_add(bytes);
                    freed.containers = freed.containers.saturating_add(1);
                }
                None => freed.push(Freed {
                    deployment,
                    ram_bytes: bytes,
                    containers: 1,
                }),
            }
        }
        let missing = blobs
            .iter()
            .filter(|blob| !self.device.images.has(&blob.digest, blob.bytes.into()))
            .map(|blob| blob.digest)
            .collect();
        Capacity {
            ram_bytes: self.ram_bytes.saturating_sub(taken_bytes),
            storage_bytes: self.device.images.room_bytes().unwrap_or(0),
            containers: u32::try_from(CONTAINERS_MAX.saturating_sub(entries.len()))
                .unwrap_or(u32::MAX),
            ram_default_bytes: Limits::default().memory_bytes,
            freed,
            missing,
            grants: None,
        }
    }

    /// Checks that every image of a manifest is trusted and could run with what it is granted.
    fn verify(&self, manifest: &Manifest) -> Result<(), Failure> {
        self.require_own(manifest)?;
        let images = &self.device.images;
        for container in &manifest.containers {
            let named = |failure: Failure| Failure {
                text: format!("container {}: {}", container.name, failure.text),
                ..failure
            };
            let image = &container.image;
            let documents = image
                .referrers
                .iter()
                .map(|blob| (&blob.digest, blob.bytes))
                .chain([(&image.manifest, image.manifest_bytes)]);
            for (digest, bytes) in documents {
                match images.note_document(digest, bytes.into()) {
                    // Layers of signatures are no documents.
                    Ok(()) | Err(ImageFault::Unfit { .. }) => {}
                    Err(fault) => return Err(named(image_failure(fault))),
                }
            }
            let opened = images
                .open(&spec::image(image), None)
                .map_err(|fault| named(image_failure(fault)))?;
            let declared = spec::container(manifest.deployment, container, None)
                .map_err(|error| failure(ReasonCode::Invalid, &error))?;
            let name = format!("{}.{}", manifest.app, container.name);
            settle::settle(
                &name,
                &declared,
                &opened.stem,
                &opened.config,
                &self.device.binds,
            )
            .map_err(|problem| named(problem_failure(&problem, ReasonCode::Unsupported)))?;
            self.device
                .engine
                .load(&opened.module)
                .map_err(|error| named(failure(ReasonCode::Unsupported, &error)))?;
        }
        Ok(())
    }

    /// Refuses an app whose name is taken by one that the fleet does not own.
    fn require_own(&self, manifest: &Manifest) -> Result<(), Failure> {
        let stranger = self.device.entries().into_iter().find(|entry| {
            entry.app.as_deref() == Some(manifest.app.as_str())
                && deployment_of(entry) != Some(manifest.deployment)
        });
        match stranger {
            None => Ok(()),
            Some(entry) => Err(failure(
                ReasonCode::Invalid,
                &format_args!(
                    "the device has an app {} of another origin (container {}); remove it there, or give the app another name",
                    manifest.app, entry.name
                ),
            )),
        }
    }

    fn stop(&self, deployment: DeploymentId) -> Result<(), Failure> {
        let entries = self.entries_of(deployment);
        let ordered = crate::apps::in_start_order(&entries);
        for entry in ordered.into_iter().rev() {
            if entry.inner().removed {
                continue;
            }
            let ending = self
                .device
                .stop(&entry, None)
                .map_err(|problem| problem_failure(&problem, ReasonCode::StartFailed))?;
            self.device.wait_for_end(&entry, ending);
        }
        Ok(())
    }

    fn apply(&self, manifest: &Manifest, secrets: &[SealedSecret]) -> Result<(), Failure> {
        self.require_own(manifest)?;
        let declared =
            spec::app(manifest, secrets).map_err(|error| failure(error.reason(), &error))?;
        self.device
            .fleet
            .secrets
            .add(&self.folder, self.id, &self.key, manifest, secrets)
            .map_err(|error| failure(ReasonCode::Secret, &error))?;
        // A container that is started again begins to count anew.
        for entry in self.entries_of(manifest.deployment) {
            let mut inner = entry.inner();
            if inner.phase.is_at_rest() {
                inner.total_restarts = 0;
            }
        }
        self.device
            .apply(&manifest.app, &declared)
            .map_err(|problem| problem_failure(&problem, ReasonCode::StartFailed))?;
        self.forget_secrets();
        Ok(())
    }

    fn remove(&self, deployment: DeploymentId) -> Result<(), Failure> {
        let apps: BTreeSet<String> = self
            .entries_of(deployment)
            .iter()
            .filter_map(|entry| entry.app.clone())
            .collect();
        for app in apps {
            match self.device.take_down(&app, false) {
                Err(problem) if problem.kind != ProblemKind::NoSuchApp => {
                    return Err(problem_failure(&problem, ReasonCode::StartFailed));
                }
                _ => {}
            }
        }
        self.forget_secrets();
        Ok(())
    }

    fn forget_secrets(&self) {
        let labels: Vec<String> = self
            .device
            .entries()
            .iter()
            .filter_map(|entry| entry.inner().spec.labels.get(SECRETS_LABEL).cloned())
            .collect();
        if let Err(error) = self.device.fleet.secrets.retain(&self.folder, &labels) {
            tracing::warn!("secrets that nobody uses stay: {error}");
        }
    }

    fn entries_of(&self, deployment: DeploymentId) -> Vec<Arc<Entry>> {
        let mut entries = self.device.entries();
        entries.retain(|entry| deployment_of(entry) == Some(deployment));
        entries
    }
}

/// The deployment that a container belongs to, if it is one of the fleet's.
pub(super) fn deployment_of(entry: &Entry) -> Option<DeploymentId> {
    let spec = Arc::clone(&entry.inner().spec);
    parse_deployment(spec.labels.get(DEPLOYMENT_LABEL)?)
}

pub(super) fn parse_deployment(text: &str) -> Option<DeploymentId> {
    let mut bytes = [0; 16];
    let mut digits = text.bytes().filter(|byte| *byte != b'-');
    for byte in &mut bytes {
        let pair = [digits.next()?, digits.next()?];
        *byte = u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?;
    }
    digits.next().is_none().then_some(DeploymentId(bytes))
}

/// Memory that a container may have: what it was made with, whether it runs or not.
fn ram_of(entry: &Entry) -> u64 {
    let inner = entry.inner();
    let running = inner.run.as_ref().map(|run| run.memory_bytes_limit);
    running
        .or(inner.spec.limits.memory_bytes)
        .unwrap_or(Limits::default().memory_bytes)
}

fn pin_owner(digest: &Digest) -> String {
    format!("{PIN_PREFIX}{}", digest.hex())
}

fn failure(code: ReasonCode, text: &dyn std::fmt::Display) -> Failure {
    Failure {
        code,
        text: text.to_string(),
        is_passing: false,
    }
}

fn problem_failure(problem: &Problem, code: ReasonCode) -> Failure {
    let is_passing = matches!(
        problem.kind,
        ProblemKind::NotReady | ProblemKind::DeviceFault | ProblemKind::InUse
    );
    let code = match problem.kind {
        ProblemKind::NoSpace | ProblemKind::TooMany => ReasonCode::DoesNotFit,
        ProblemKind::NoSuchImage => ReasonCode::Unavailable,
        ProblemKind::Invalid | ProblemKind::NameInUse => ReasonCode::Invalid,
        _ => code,
    };
    Failure {
        code,
        text: problem.detail.clone(),
        is_passing,
    }
}

/// What is wrong with an image or a blob.
pub(super) fn image_failure(fault: ImageFault) -> Failure {
    let (code, is_passing) = match fault {
        ImageFault::Missing { .. } => (ReasonCode::Unavailable, true),
        ImageFault::Untrusted { .. } => (ReasonCode::Untrusted, false),
        ImageFault::Unfit { .. } => (ReasonCode::Unsupported, false),
        ImageFault::NoSpace { .. } => (ReasonCode::DoesNotFit, true),
        ImageFault::Device { .. } => (ReasonCode::Unavailable, true),
    };
    Failure {
        code,
        text: fault.to_string(),
        is_passing,
    }
}
