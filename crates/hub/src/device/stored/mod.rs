//! The fleet as the store and the blobs keep it.

mod admission;
mod blobs;
mod enrol;
mod report;
mod wake;

use core::fmt;
use core::ops::Range;
use std::sync::Arc;

use thimble_hub_store::{
    Audit, Device, DeviceCert, DeviceState, DeviceVersion, Error, Id as _, LastSeen, Match,
    NewState, Scope, Store, Topic,
};
use thimble_image::Digest;
use thimble_protocol::{DesiredState, DeviceId, ETag, Report, StateVersion, UnixSeconds};

use super::fleet::{
    Answer, ByteStream, EnrolDecision, Enrolment, Fleet, FleetError, Issue, Reported, StoredState,
};
use super::versions::{DIGEST_BYTES, KnownDevice};
use crate::authority::{DeviceIdentity, TenantId, TenantKeys, Vault};

pub use wake::follow;

/// A device that was not heard of for so long has come back: a poll that waits ends before.
const SILENCE_MS: i64 = 900_000;
/// How often something is tried again that another transaction was in the way of.
const TRIES: u32 = 8;

/// Where blobs are, as the devices' side needs them.
pub trait BlobSource: Send + Sync {
    /// These bytes of a blob of a tenant, as [`Fleet::blob`] has it.
    fn read(
        &self,
        tenant: TenantId,
        digest: Digest,
        range: Range<u64>,
    ) -> Answer<'_, Option<(u64, ByteStream)>>;
}

/// The fleet of a store.
pub struct StoredFleet {
    store: Store,
    vault: Arc<Vault>,
    blobs: Arc<dyn BlobSource>,
    /// Which tenant devices belong to that come without a code; none: they are refused.
    pending_tenant: Option<TenantId>,
}

impl fmt::Debug for StoredFleet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StoredFleet({:?})", self.store)
    }
}

impl StoredFleet {
    /// The fleet of a store, its keys, and its blobs.
    #[must_use]
    pub fn new(
        store: Store,
        vault: Arc<Vault>,
        blobs: Arc<dyn BlobSource>,
        pending_tenant: Option<TenantId>,
    ) -> Self {
        Self {
            store,
            vault,
            blobs,
            pending_tenant,
        }
    }

    async fn visit(&self, visit: &mut (dyn FnMut(KnownDevice) + Send)) -> Result<(), FleetError> {
        let everything = Scope::whole_hub_for_its_own_work();
        let mut read = self.store.read().await?;
        // Those that may not come in, of which there are few, first: nobody gets in between.
        let states = [
            DeviceState::Pending,
            DeviceState::Revoked,
            DeviceState::Retired,
        ];
        let others: Vec<Device> = read
            .all(&everything, &[Match::any_of("state", &states)])
            .await?;
        let others: std::collections::HashMap<_, _> =
            others.iter().map(|device| (device.id, device)).collect();
        // In parts, so that a node that starts does not hold the whole table at once. What is new behind the present part is told
        // of by its wake-up.
        let mut after = None;
        loop {
            let part = read.device_versions_after(&everything, after).await?;
            for version in &part {
                visit(known(version, !others.contains_key(&version.device)));
            }
            match part.last() {
                Some(last) => after = Some(last.device),
                None => break,
            }
        }
        for device in others.values() {
            visit(KnownDevice {
                identity: identity(device.tenant, device.id),
                version: StateVersion(0),
                digest: [0; DIGEST_BYTES],
                is_active: false,
            });
        }
        Ok(())
    }

    async fn one(&self, id: DeviceId) -> Result<Option<KnownDevice>, FleetError> {
        let everything = Scope::whole_hub_for_its_own_work();
        let id = thimble_hub_store::DeviceId::from_bytes(id.0);
        let mut read = self.store.read_for_device().await?;
        let device: Device = match read.one(&everything, id).await {
            Ok(device) => device,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let version = read.device_versions_of(&everything, &[id]).await?.pop();
        let is_active = device.state == DeviceState::Active;
        Ok(Some(match version {
            Some(version) => known(&version, is_active),
            None => KnownDevice {
                identity: identity(device.tenant, id),
                version: StateVersion(0),
                digest: [0; DIGEST_BYTES],
                is_active,
            },
        }))
    }

    async fn state_of(&self, identity: DeviceIdentity) -> Result<Option<StoredState>, FleetError> {
        let mut read = self.store.read_for_device().await?;
        let stored = read.state(&scope(identity), device_id(identity)).await?;
        Ok(stored.map(|stored| StoredState {
            version: StateVersion(stored.version.version),
            payload: stored.payload,
        }))
    }

    async fn advance_beyond(
        &self,
        identity: DeviceIdentity,
        beyond: StateVersion,
        now: UnixSeconds,
    ) -> Result<KnownDevice, FleetError> {
        for _ in 0..TRIES {
            match self.try_advance(identity, beyond, now).await {
                Err(Error::Retry | Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(advanced) => return advanced.ok_or(FleetError::Damaged { what: "a state" }),
            }
        }
        Err(Error::Retry.into())
    }

    /// Nothing if the state cannot be read.
    async fn try_advance(
        &self,
        identity: DeviceIdentity,
        beyond: StateVersion,
        now: UnixSeconds,
    ) -> Result<Option<KnownDevice>, Error> {
        let (scope, device) = (scope(identity), device_id(identity));
        let mut write = self.store.write_for_device().await?;
        let what = "desired state";
        let stored = write.state(&scope, device).await?;
        let stored = stored.ok_or(Error::NotFound { what })?;
        let Ok(mut state) = DesiredState::decode(&stored.payload) else {
            return Ok(None);
        };
        let next = beyond.0.max(stored.version.version).checked_add(1);
        state.version = StateVersion(next.ok_or(Error::Conflict { what })?);
        state.issued_at = now;
        let payload = state.encode();
        let version = DeviceVersion {
            version: state.version.0,
            digest: *Digest::of(&payload).as_bytes(),
            ..stored.version
        };
        let new = NewState {
            device,
            version: version.version,
            digest: version.digest,
            payload,
            at_ms: ms(now),
        };
        let audit = Audit::new(
            ms(now),
            format!("device:{device}"),
            "device.state-advance",
            device.to_string(),
        )
        .because(
            "the device has a version that this hub never gave it: it was restored from a backup",
        )
        .with(serde_json::json!({ "from": stored.version.version, "to": version.version }));
        write.publish_states(&scope, vec![new], &audit)?;
        // What it says of states up to here is about those of another life of the hub.
        write
            .raise_state_versions(&scope, device, version.version)
            .await?;
        write.commit().await?;
        Ok(Some(known(&version, true)))
    }

    async fn keep_seen(&self, devices: &[(DeviceIdentity, UnixSeconds)]) -> Result<(), FleetError> {
        let seen: Vec<LastSeen> = devices
            .iter()
            .map(|(identity, at)| LastSeen {
                device: device_id(*identity),
                at_ms: ms(*at),
            })
            .collect();
        let mut write = self.store.write().await?;
        let everything = Scope::whole_hub_for_its_own_work();
        // Rollouts leave out devices that are silent, and go on with those that come back.
        for tenant in write.silent(&everything, &seen, SILENCE_MS).await? {
            write.wake(Topic::Rollout, Some(tenant), None);
        }
        write.put_last_seen(&everything, &seen).await?;
        write.commit().await?;
        Ok(())
    }

    /// Serial numbers of certificates that were revoked by themselves.
    async fn revoked(&self) -> Result<Vec<(DeviceId, Vec<u8>)>, FleetError> {
        let everything = Scope::whole_hub_for_its_own_work();
        let mut read = self.store.read().await?;
        let matches = [Match::not_null("revoked_ms")];
        let revoked: Vec<DeviceCert> = read.all(&everything, &matches).await?;
        let serials = revoked.iter().filter_map(|cert| {
            let serial = unhex(&cert.serial)?;
            Some((DeviceId(cert.device.bytes()), serial))
        });
        Ok(serials.collect())
    }
}

impl Fleet for StoredFleet {
    fn visit_devices<'a>(
        &'a self,
        visit: &'a mut (dyn FnMut(KnownDevice) + Send),
    ) -> Answer<'a, ()> {
        Box::pin(self.visit(visit))
    }

    fn revoked_serials(&self) -> Answer<'_, Vec<(DeviceId, Vec<u8>)>> {
        Box::pin(self.revoked())
    }

    fn device(&self, device: DeviceId) -> Answer<'_, Option<KnownDevice>> {
        Box::pin(self.one(device))
    }

    fn state(&self, identity: DeviceIdentity) -> Answer<'_, Option<StoredState>> {
        Box::pin(self.state_of(identity))
    }

    fn advance(
        &self,
        identity: DeviceIdentity,
        beyond: StateVersion,
        now: UnixSeconds,
    ) -> Answer<'_, KnownDevice> {
        Box::pin(self.advance_beyond(identity, beyond, now))
    }

    fn report<'a>(
        &'a self,
        identity: DeviceIdentity,
        report: &'a Report,
        now: UnixSeconds,
    ) -> Answer<'a, Reported> {
        Box::pin(self.take_report(identity, report, now))
    }

    fn seen<'a>(&'a self, devices: &'a [(DeviceIdentity, UnixSeconds)]) -> Answer<'a, ()> {
        Box::pin(self.keep_seen(devices))
    }

    fn enrol<'a>(
        &'a self,
        enrolment: &'a Enrolment,
        issue: Issue<'a>,
    ) -> Answer<'a, EnrolDecision> {
        Box::pin(self.decide(enrolment, issue))
    }

    fn keys(&self, tenant: TenantId, now: UnixSeconds) -> Answer<'_, Arc<TenantKeys>> {
        Box::pin(async move {
            let keys = self.vault.tenant_keys(tenant, now).await;
            keys.map(Arc::new)
                .map_err(|error| FleetError::Unavailable(Box::new(error)))
        })
    }

    fn blob(
        &self,
        tenant: TenantId,
        digest: Digest,
        range: Range<u64>,
    ) -> Answer<'_, Option<(u64, ByteStream)>> {
        self.blobs.read(tenant, digest, range)
    }
}

impl From<Error> for FleetError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { .. } => Self::NoSuchDevice,
            Error::Corrupt { .. } => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the store holds what cannot be read"
                );
                Self::Damaged { what: "a row" }
            }
            error => Self::Unavailable(Box::new(error)),
        }
    }
}

fn known(version: &DeviceVersion, is_active: bool) -> KnownDevice {
    let tag = ETag::of_digest(
        StateVersion(version.version),
        &Digest::from_bytes(version.digest),
    );
    KnownDevice {
        identity: identity(version.tenant, version.device),
        version: tag.version(),
        digest: *tag.digest(),
        is_active,
    }
}

fn identity(
    tenant: thimble_hub_store::TenantId,
    device: thimble_hub_store::DeviceId,
) -> DeviceIdentity {
    DeviceIdentity {
        tenant: TenantId(tenant.bytes()),
        device: DeviceId(device.bytes()),
    }
}

/// A device may touch what is its tenant's; which rows of it, the calls here say.
fn scope(identity: DeviceIdentity) -> Scope {
    Scope::authenticated(thimble_hub_store::TenantId::from_bytes(identity.tenant.0))
}

fn device_id(identity: DeviceIdentity) -> thimble_hub_store::DeviceId {
    thimble_hub_store::DeviceId::from_bytes(identity.device.0)
}

fn ms(time: UnixSeconds) -> i64 {
    i64::try_from(time.0.saturating_mul(1000)).unwrap_or(i64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
