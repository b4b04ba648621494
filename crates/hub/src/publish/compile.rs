//! Compiles desired states: what they have in common once, the rest for each device.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thimble_hub_api::device::{Weekday, Window as ApiWindow};
use thimble_hub_blobs::source_of;
use thimble_hub_store::{
    Assignment, Deployment, DeploymentId, Device, DeviceId, DeviceState, Id as _, Match, NewState,
    Page, Scope, Sealed, Secret, SecretId, SecretRevision, SignedManifest, StoredState, Tenant,
    TenantId, Write,
};
use thimble_image::Digest;
use thimble_protocol::sign::sign_manifest;
use thimble_protocol::state::{Escalation, Item, Rung, SealedSecret, UpdatePolicy, Window};
use thimble_protocol::{Capabilities, DesiredState, StateVersion, UnixSeconds};
use thimble_rollout::{Labels, Selector};

use super::load::parse;
use super::{
    Layered, PublishError, Published, Publisher, RevisionSpec, Signing, compile_manifest, image,
    revision_spec, secret, secret_context, space,
};
use crate::authority::TenantKeys;

/// What all devices of a tenant have in common: the part `fleet` of [`Tenant::settings`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FleetSettings {
    /// What a device does when the hub does not answer: seconds, and the step.
    pub ladder: Vec<(u32, LadderStep)>,
    /// Where else it may ask for its state.
    pub recovery_urls: Vec<String>,
}

/// What a device does when the hub does not answer; see [`Escalation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LadderStep {
    /// Connects anew.
    Reconnect,
    /// Asks at the recovery URLs too.
    Recovery,
    /// Goes back to the state before.
    RollBack,
    /// Restarts the agent.
    RestartAgent,
    /// Restarts the device.
    RestartDevice,
}

impl FleetSettings {
    /// Reads those of a tenant; none are the default.
    ///
    /// # Errors
    /// [`PublishError::Damaged`]: they say what is not known.
    pub fn of(tenant: &Tenant) -> Result<Self, PublishError> {
        match tenant.settings.get("fleet") {
            Some(settings) => parse(settings.clone(), || {
                format!("settings of tenant {}", tenant.id)
            }),
            None => Ok(Self::default()),
        }
    }

    fn rungs(&self) -> Vec<Rung> {
        let step = |step| match step {
            LadderStep::Reconnect => Escalation::Reconnect,
            LadderStep::Recovery => Escalation::Recovery,
            LadderStep::RollBack => Escalation::RollBack,
            LadderStep::RestartAgent => Escalation::RestartAgent,
            LadderStep::RestartDevice => Escalation::RestartDevice,
        };
        self.ladder
            .iter()
            .map(|(after_s, rung)| Rung {
                after_s: *after_s,
                step: step(*rung),
            })
            .collect()
    }
}

/// A revision that was read, with its overrides' selectors.
struct Revision {
    content: RevisionSpec,
    selectors: Vec<Selector>,
    depends_on: Vec<DeploymentId>,
}

/// A manifest that was signed, and the secrets that it names.
struct Signed {
    digest: Digest,
    bytes: u32,
    secrets: BTreeSet<String>,
}

/// The present value of a secret.
struct Value {
    secret: SecretId,
    number: u64,
    value: Vec<u8>,
}

/// What a publication has read and signed so far.
pub(super) struct Work<'a> {
    publisher: &'a Publisher,
    scope: &'a Scope,
    tenant: TenantId,
    now_ms: i64,
    keys: Arc<TenantKeys>,
    settings: FleetSettings,
    deployments: HashMap<String, DeploymentId>,
    revisions: HashMap<(DeploymentId, u64), Arc<Revision>>,
    /// By deployment, revision, and the overrides that pick the device.
    manifests: HashMap<(DeploymentId, u64, Vec<usize>), Arc<Signed>>,
    secrets: HashMap<String, Arc<Value>>,
}

/// What is known of some devices.
struct Known {
    labels: HashMap<DeviceId, Labels>,
    assignments: HashMap<DeviceId, Vec<Assignment>>,
    states: HashMap<DeviceId, StoredState>,
    seals: HashMap<(DeviceId, SecretId), Sealed>,
}

impl<'a> Work<'a> {
    /// Reads what all devices have in common.
    pub(super) async fn begin(
        publisher: &'a Publisher,
        write: &mut Write,
        scope: &'a Scope,
        signing: &Signing,
        now_ms: i64,
    ) -> Result<Self, PublishError> {
        let tenant = signing.tenant;
        let record: Tenant = write.one(scope, tenant).await?;
        let of_tenant = [Match::equals("tenant", &tenant)];
        let deployments: Vec<Deployment> = write.all(scope, &of_tenant).await?;
        Ok(Self {
            publisher,
            scope,
            tenant,
            now_ms,
            keys: Arc::clone(&signing.keys),
            settings: FleetSettings::of(&record)?,
            deployments: deployments
                .into_iter()
                .map(|deployment| (deployment.name, deployment.id))
                .collect(),
            revisions: HashMap::new(),
            manifests: HashMap::new(),
            secrets: HashMap::new(),
        })
    }

    /// Compiles the states of devices, and returns those that say something new.
    pub(super) async fn devices(
        &mut self,
        write: &mut Write,
        ids: &[DeviceId],
        published: &mut HashMap<DeviceId, Published>,
    ) -> Result<Vec<NewState>, PublishError> {
        let matches = [Match::any_of("id", ids)];
        let page = Page::first(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        let devices = write.page::<Device>(self.scope, &matches, &page).await?;
        let known = self.known(write, &devices.items, ids).await?;
        let mut states = Vec::new();
        let mut seals = Vec::new();
        for device in &devices.items {
            if device.state != DeviceState::Active || device.tenant != self.tenant {
                continue;
            }
            let (state, manifests) = self.state(write, device, &known, &mut seals).await?;
            let new = renew(state, known.states.get(&device.id))?;
            let (version, is_new) = match &new {
                Ok(version) => (*version, false),
                Err(state) => (state.version.0, true),
            };
            published.insert(
                device.id,
                Published {
                    version,
                    is_new,
                    manifests,
                },
            );
            if let Err(state) = new {
                state.check().map_err(|error| PublishError::State {
                    device: device.id,
                    error,
                })?;
                let payload = state.encode();
                states.push(NewState {
                    device: device.id,
                    version,
                    digest: Sha256::digest(&payload).into(),
                    payload,
                    at_ms: self.now_ms,
                });
            }
        }
        write.put_seals(self.scope, &seals).await?;
        Ok(states)
    }

    async fn known(
        &self,
        write: &mut Write,
        devices: &[Device],
        ids: &[DeviceId],
    ) -> Result<Known, PublishError> {
        let mut pairs: HashMap<DeviceId, Vec<(String, String)>> = HashMap::new();
        for (device, label) in write.labels_of(self.scope, ids).await? {
            pairs
                .entry(device)
                .or_default()
                .push((label.key, label.value));
        }
        let labels = devices
            .iter()
            .map(|device| {
                (
                    device.id,
                    labels(device, pairs.remove(&device.id).unwrap_or_default()),
                )
            })
            .collect();
        let mut assignments: HashMap<DeviceId, Vec<Assignment>> = HashMap::new();
        for assignment in write.assignments_of(self.scope, ids).await? {
            assignments
                .entry(assignment.device)
                .or_default()
                .push(assignment);
        }
        let states = write.states_of(self.scope, ids).await?.into_iter();
        let seals = write.seals(self.scope, ids).await?.into_iter();
        Ok(Known {
            labels,
            assignments,
            states: states.map(|state| (state.version.device, state)).collect(),
            seals: seals
                .map(|seal| ((seal.device, seal.secret), seal))
                .collect(),
        })
    }

    /// Compiles one state, without its version.
    async fn state(
        &mut self,
        write: &mut Write,
        device: &Device,
        known: &Known,
        seals: &mut Vec<Sealed>,
    ) -> Result<(DesiredState, BTreeMap<DeploymentId, Digest>), PublishError> {
        let nothing = Labels::default();
        let labels = known.labels.get(&device.id).unwrap_or(&nothing);
        let assignments = known
            .assignments
            .get(&device.id)
            .map_or(&[][..], Vec::as_slice);
        let mut items = Vec::with_capacity(assignments.len());
        let mut manifests = BTreeMap::new();
        let mut names = BTreeSet::new();
        for assignment in self.ordered(write, assignments).await? {
            let signed = self.manifest(write, assignment, labels).await?;
            names.extend(signed.secrets.iter().cloned());
            manifests.insert(assignment.deployment, signed.digest);
            items.push(Item {
                deployment: thimble_protocol::DeploymentId(assignment.deployment.bytes()),
                manifest: signed.digest,
                manifest_bytes: signed.bytes,
                override_reason: device.override_reason.clone(),
            });
        }
        let mut secrets = Vec::with_capacity(names.len());
        for name in names {
            secrets.push(self.sealed(write, device, &name, known, seals).await?);
        }
        let state = DesiredState {
            device: thimble_protocol::DeviceId(device.id.bytes()),
            version: StateVersion(0),
            issued_at: seconds(self.now_ms),
            items,
            policy: policy(device)?,
            secrets,
            ladder: self.settings.rungs(),
            recovery_urls: self.settings.recovery_urls.clone(),
            next_keys: self.keys.next_keys(),
        };
        Ok((state, manifests))
    }

    /// Puts deployments after those that they depend on, and in the order of their ids else.
    async fn ordered<'b>(
        &mut self,
        write: &mut Write,
        assignments: &'b [Assignment],
    ) -> Result<Vec<&'b Assignment>, PublishError> {
        let mut left: Vec<(&Assignment, Arc<Revision>)> = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let revision = self
                .revision(write, assignment.deployment, assignment.revision)
                .await?;
            left.push((assignment, revision));
        }
        let mut ordered = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let waits = |revision: &Revision| {
                let mut needed = revision.depends_on.iter();
                needed.any(|needed| left.iter().any(|(other, _)| other.deployment == *needed))
            };
            // A circle is refused when it is declared; here it would only cost the order.
            let next = left
                .iter()
                .position(|(_, revision)| !waits(revision))
                .unwrap_or(0);
            ordered.push(left.remove(next).0);
        }
        Ok(ordered)
    }

    async fn revision(
        &mut self,
        write: &mut Write,
        deployment: DeploymentId,
        number: u64,
    ) -> Result<Arc<Revision>, PublishError> {
        if let Some(revision) = self.revisions.get(&(deployment, number)) {
            return Ok(Arc::clone(revision));
        }
        let content = revision_spec(write, self.scope, deployment, number).await?;
        let selectors = content
            .spec
            .overrides
            .iter()
            .map(|one| Selector::parse(&one.selector));
        let selectors =
            selectors
                .collect::<Result<_, _>>()
                .map_err(|error| PublishError::Damaged {
                    what: format!("overrides of revision {number} of deployment {deployment}"),
                    reason: error.to_string(),
                })?;
        let depends_on = content.spec.depends_on.iter().map(|name| {
            let id = self.deployments.get(name).copied();
            id.ok_or_else(|| PublishError::NoDependency {
                deployment,
                name: name.clone(),
            })
        });
        let revision = Arc::new(Revision {
            selectors,
            depends_on: depends_on.collect::<Result<_, _>>()?,
            content,
        });
        self.revisions
            .insert((deployment, number), Arc::clone(&revision));
        Ok(revision)
    }

    /// Returns the signed manifest of an assignment for a device with these labels.
    async fn manifest(
        &mut self,
        write: &mut Write,
        assignment: &Assignment,
        labels: &Labels,
    ) -> Result<Arc<Signed>, PublishError> {
        let (deployment, number) = (assignment.deployment, assignment.revision);
        let revision = self.revision(write, deployment, number).await?;
        let selectors = revision.selectors.iter().enumerate();
        let overrides: Vec<usize> = selectors
            .filter(|(_, selector)| selector.matches(labels))
            .map(|(index, _)| index)
            .collect();
        let key = (deployment, number, overrides);
        if let Some(signed) = self.manifests.get(&key) {
            return Ok(Arc::clone(signed));
        }
        let signed = Arc::new(self.sign(write, deployment, &revision, &key.2).await?);
        self.manifests.insert(key, Arc::clone(&signed));
        Ok(signed)
    }

    /// Compiles and signs a manifest, or finds what was signed before.
    async fn sign(
        &self,
        write: &mut Write,
        deployment: DeploymentId,
        revision: &Revision,
        overrides: &[usize],
    ) -> Result<Signed, PublishError> {
        let content = &revision.content;
        let space = space(&self.publisher.blobs, self.tenant)?;
        let mut containers = Vec::with_capacity(content.containers.len());
        let mut secrets = BTreeSet::new();
        for container in &content.containers {
            let layered = Layered::new(container, &content.spec, overrides);
            secrets.extend(layered.spec().secret_env.values().cloned());
            containers.push((layered, self.image(content, &container.image).await?));
        }
        let wire = |id: &DeploymentId| thimble_protocol::DeploymentId(id.bytes());
        let depends_on = revision.depends_on.iter().map(wire).collect();
        let manifest = compile_manifest(wire(&deployment), &content.spec, containers, depends_on);
        let signer = self.keys.present();
        let mut hash = Sha256::new();
        hash.update(signer.public().id);
        hash.update(manifest.encode());
        let fingerprint: [u8; 32] = hash.finalize().into();
        let before = write
            .signed_manifest(self.scope, self.tenant, fingerprint)
            .await?;
        if let Some(before) = before {
            return Ok(Signed {
                digest: Digest::from_bytes(before.digest),
                bytes: before.bytes,
                secrets,
            });
        }
        let failed = |error| PublishError::Manifest { deployment, error };
        let envelope = sign_manifest(&manifest, signer).map_err(failed)?;
        let digest = Digest::of(&envelope);
        // A manifest is far below 4 GiB: devices take 64 KiB.
        let bytes = u32::try_from(envelope.len()).unwrap_or(u32::MAX);
        let kept = SignedManifest {
            content: fingerprint,
            digest: *digest.as_bytes(),
            bytes,
        };
        space.put(digest, source_of(envelope.into())).await?;
        write
            .put_signed_manifest(self.scope, self.tenant, &kept)
            .await?;
        Ok(Signed {
            digest,
            bytes,
            secrets,
        })
    }

    /// Finds an image, and makes sure that the tenant of the devices has it too.
    async fn image(
        &self,
        content: &RevisionSpec,
        name: &str,
    ) -> Result<thimble_protocol::manifest::Image, PublishError> {
        let from = space(&self.publisher.blobs, content.app_tenant)?;
        let found = image::find(&from, name).await?;
        if content.app_tenant != self.tenant {
            let own = space(&self.publisher.blobs, self.tenant)?;
            let parts = [found.manifest, found.config, found.layer];
            for digest in parts
                .into_iter()
                .chain(found.referrers.iter().map(|blob| blob.digest))
            {
                own.take_over(&from, &digest).await?;
            }
        }
        Ok(found)
    }

    /// Returns a secret as it was sealed for a device, or seals it.
    async fn sealed(
        &mut self,
        write: &mut Write,
        device: &Device,
        name: &str,
        known: &Known,
        seals: &mut Vec<Sealed>,
    ) -> Result<SealedSecret, PublishError> {
        let value = self.value(write, name).await?;
        let before = known
            .seals
            .get(&(device.id, value.secret))
            .filter(|seal| seal.number == value.number && seal.fingerprint == device.fingerprint);
        if let Some(before) = before {
            return Ok(SealedSecret {
                name: name.to_owned(),
                // It was sealed with this number, which fitted.
                revision: u32::try_from(before.number).unwrap_or(u32::MAX),
                sealed: before.sealed.clone(),
            });
        }
        let sealed = secret::seal_for(device, name, value.number, &value.value)?;
        seals.push(Sealed {
            device: device.id,
            secret: value.secret,
            number: value.number,
            fingerprint: device.fingerprint.clone(),
            sealed: sealed.sealed.clone(),
        });
        Ok(sealed)
    }

    async fn value(&mut self, write: &mut Write, name: &str) -> Result<Arc<Value>, PublishError> {
        if let Some(value) = self.secrets.get(name) {
            return Ok(Arc::clone(value));
        }
        let missing = || PublishError::NoSecret {
            name: name.to_owned(),
        };
        let text = name.to_owned();
        let matches = [
            Match::equals("tenant", &self.tenant),
            Match::equals("name", &text),
        ];
        let secret: Option<Secret> = write.find(self.scope, &matches).await?;
        let secret = secret.ok_or_else(missing)?;
        let matches = [
            Match::equals("secret", &secret.id),
            Match::equals("number", &secret.latest),
        ];
        let revision: Option<SecretRevision> = write.find(self.scope, &matches).await?;
        let revision = revision.ok_or_else(missing)?;
        let context = secret_context(secret.id, secret.latest);
        let value = Arc::new(Value {
            secret: secret.id,
            number: secret.latest,
            value: self
                .publisher
                .keys
                .open_secret(&context, &revision.ciphertext)?,
        });
        self.secrets.insert(text, Arc::clone(&value));
        Ok(value)
    }
}

/// Returns the version of a state that says the same already, or else the state with the next version.
#[expect(clippy::type_complexity, reason = "either of two, or an error")]
fn renew(
    mut state: DesiredState,
    stored: Option<&StoredState>,
) -> Result<Result<u64, DesiredState>, PublishError> {
    let Some(stored) = stored else {
        // A device that was never to have anything needs no state that says so.
        if state.items.is_empty() {
            return Ok(Ok(0));
        }
        state.version = StateVersion(1);
        return Ok(Err(state));
    };
    let version = stored.version.version;
    let before = DesiredState::decode(&stored.payload).map_err(|error| PublishError::Damaged {
        what: format!("state {version} of device {}", stored.version.device),
        reason: error.to_string(),
    })?;
    let issued_at = state.issued_at;
    state.version = before.version;
    state.issued_at = before.issued_at;
    if state == before {
        return Ok(Ok(version));
    }
    state.version = StateVersion(version.saturating_add(1));
    state.issued_at = issued_at;
    Ok(Err(state))
}

/// Returns the labels by which selectors know a device: those that are kept, and what it is: `model`, `device/arch`.
pub(crate) fn labels(device: &Device, kept: Vec<(String, String)>) -> Labels {
    let capabilities = device.capabilities.as_deref().map(Capabilities::decode);
    let architecture = capabilities.and_then(|capabilities| Some(capabilities.ok()?.architecture));
    let architecture = architecture.map(|value| ("device/arch".to_owned(), value));
    let model = ("model".to_owned(), device.model.clone());
    // Of two with the same key the first stays.
    Labels::of_kept([model].into_iter().chain(architecture).chain(kept))
}

fn seconds(now_ms: i64) -> UnixSeconds {
    UnixSeconds(u64::try_from(now_ms / 1000).unwrap_or(0))
}

/// Returns when a device may change.
fn policy(device: &Device) -> Result<UpdatePolicy, PublishError> {
    let what = || format!("windows of device {}", device.id);
    let windows: Vec<ApiWindow> = parse(device.windows.clone(), what)?;
    let windows = windows.iter().map(|window| {
        wire_window(window).ok_or_else(|| PublishError::Damaged {
            what: what(),
            reason: format!("{:?} is no time of the day", window.begin),
        })
    });
    Ok(UpdatePolicy {
        windows: windows.collect::<Result<_, _>>()?,
        hold_until: device.hold_until_ms.map(seconds),
        is_held: device.is_held,
    })
}

/// Returns a window as devices know it; none if its time is none.
pub(crate) fn wire_window(window: &ApiWindow) -> Option<Window> {
    let (hour, minute) = window.begin.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let days = Weekday::ALL.iter().zip(0_u8..);
    Some(Window {
        days: days
            .filter(|(day, _)| window.days.contains(day))
            .fold(0, |days, (_, bit)| days | 1 << bit),
        begin_minute: (hour < 24 && minute < 60).then_some(hour * 60 + minute)?,
        minutes: window.minutes,
        utc_offset_minutes: window.utc_offset_minutes,
    })
}
