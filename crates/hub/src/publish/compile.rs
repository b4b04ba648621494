//! Compiles desired states: what they have in common once, the rest for each device.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use thimble_hub_store::{
    Assignment, Deployment, DeploymentId, Device, DeviceId, DeviceState, Id as _, Match, NewState,
    Page, Scope, Sealed, SecretId, StoredState, Tenant, TenantId, Write,
};
use thimble_image::Digest;
use thimble_protocol::state::Item;
use thimble_protocol::{DesiredState, StateVersion};
use thimble_rollout::{Labels, Selector};

use super::device::{FleetSettings, labels, policy, seconds};
use super::load::named_or_of_id;
use super::{PublishError, Published, Publisher, RevisionSpec, Signing, revision_spec};
use crate::authority::TenantKeys;

/// A revision that was read, with its overrides' selectors.
pub(super) struct Revision {
    pub(super) content: RevisionSpec,
    pub(super) selectors: Vec<Selector>,
    pub(super) depends_on: Vec<DeploymentId>,
}

/// A manifest that was signed, and the secrets that it names.
pub(super) struct Signed {
    pub(super) digest: Digest,
    pub(super) bytes: u32,
    pub(super) secrets: BTreeSet<String>,
}

/// The present value of a secret.
pub(super) struct Value {
    pub(super) secret: SecretId,
    pub(super) number: u64,
    pub(super) value: Vec<u8>,
}

/// What a publication has read and signed so far.
pub(super) struct Work<'a> {
    pub(super) publisher: &'a Publisher,
    pub(super) scope: &'a Scope,
    pub(super) tenant: TenantId,
    pub(super) now_ms: i64,
    pub(super) keys: Arc<TenantKeys>,
    pub(super) settings: FleetSettings,
    pub(super) deployments: HashMap<String, DeploymentId>,
    pub(super) revisions: HashMap<(DeploymentId, u64), Arc<Revision>>,
    /// By deployment, revision, and the overrides that pick the device.
    pub(super) manifests: HashMap<(DeploymentId, u64, Vec<usize>), Arc<Signed>>,
    pub(super) secrets: HashMap<String, Arc<Value>>,
    /// The blobs that the states need.
    pub(super) needs: BTreeSet<Digest>,
}

/// What is known of some devices.
pub(super) struct Known {
    pub(super) labels: HashMap<DeviceId, Labels>,
    pub(super) assignments: HashMap<DeviceId, Vec<Assignment>>,
    pub(super) states: HashMap<DeviceId, StoredState>,
    pub(super) seals: HashMap<(DeviceId, SecretId), Sealed>,
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
            needs: BTreeSet::new(),
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
            let id = named_or_of_id(&self.deployments, name);
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
}

/// Returns the version of a state that says the same already, or else the state with the next version.
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
