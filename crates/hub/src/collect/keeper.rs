//! What a tenant needs among the blobs, beside what its repositories need.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use thimble_hub_blobs::{BlobError, KeeperError, Pins, SENTENCE_HOLDS, Space};
use thimble_hub_store::{AppVersion, DeviceId, Error as StoreError, Lease, Read, Scope, TenantId};
use thimble_image::Digest;
use thimble_protocol::limits::{ENVELOPE_EXTRA_BYTES_MAX, MANIFEST_BYTES_MAX};
use thimble_protocol::sign::{Envelope, Kind};
use thimble_protocol::{DesiredState, Manifest, Report};

use super::CollectionError;
use crate::hub::Hub;
use crate::model::version::VersionDocument;
use crate::registry::space;

/// Devices that are read at a time.
const DEVICES_AT_ONCE: u32 = 500;

/// What of the hub's own cannot be read, so that it is not known what it needs.
#[derive(Debug)]
struct Unreadable {
    what: String,
    reason: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} cannot be read: {}", self.what, self.reason)
    }
}

impl std::error::Error for Unreadable {}

/// Knows what a tenant needs.
pub(super) struct Keeper {
    hub: Arc<Hub>,
    space: Space,
    tenant: TenantId,
    /// What allows to delete; none: only to look.
    lease: Option<Lease>,
    /// What signed manifests name, read once.
    named: Mutex<BTreeMap<Digest, BTreeSet<Digest>>>,
}

impl Keeper {
    pub(super) fn new(
        hub: &Arc<Hub>,
        tenant: TenantId,
        lease: Option<Lease>,
    ) -> Result<Self, CollectionError> {
        Ok(Self {
            hub: Arc::clone(hub),
            space: space(&hub.blobs, tenant).map_err(CollectionError::Name)?,
            tenant,
            lease,
            named: Mutex::default(),
        })
    }

    /// Where the tenant's blobs are.
    pub(super) const fn space(&self) -> &Space {
        &self.space
    }

    async fn needs(&self) -> Result<Pins, KeeperError> {
        let scope = Scope::authenticated(self.tenant);
        let mut read = self.hub.store.snapshot().await?;
        let mut pins = Pins {
            documents: versions(&mut read, &scope).await?,
            blobs: BTreeSet::new(),
        };
        let mut manifests = states(&mut read, &scope).await?;
        manifests.append(&mut reports(&mut read, &scope).await?);
        drop(read);
        for manifest in manifests {
            pins.blobs.extend(self.named_by(manifest).await?);
            pins.blobs.insert(manifest);
        }
        Ok(pins)
    }

    /// What a signed manifest names. Nothing, if it is not here: a device may tell of one that is long gone.
    async fn named_by(&self, manifest: Digest) -> Result<BTreeSet<Digest>, KeeperError> {
        if let Some(named) = self.named.lock().get(&manifest) {
            return Ok(named.clone());
        }
        let bytes_max = u64::from(MANIFEST_BYTES_MAX + ENVELOPE_EXTRA_BYTES_MAX);
        let bytes = match self.space.read_whole(&manifest, bytes_max).await {
            Ok(bytes) => bytes,
            Err(BlobError::Missing) => return Ok(BTreeSet::new()),
            Err(error) => return Err(error.into()),
        };
        let unreadable = |reason: String| Unreadable {
            what: format!("the manifest {manifest}"),
            reason,
        };
        let envelope = Envelope::parse(&bytes, Kind::Manifest);
        let envelope = envelope.map_err(|error| unreadable(error.to_string()))?;
        let content = Manifest::decode(envelope.payload());
        let content = content.map_err(|error| unreadable(error.to_string()))?;
        let named = blobs_of(content.containers.iter().map(|container| &container.image));
        self.named.lock().insert(manifest, named.clone());
        Ok(named)
    }

    async fn sentence(&self, digests: &BTreeSet<Digest>) -> Result<(), StoreError> {
        let (store, now_ms) = (&self.hub.store, self.hub.now_ms());
        let Some(lease) = &self.lease else {
            return Err(StoreError::Fenced {
                lease: super::LEASE.to_owned(),
            });
        };
        // Looking for what is needed may have taken long.
        let lease = store.prolong_lease(lease, super::LEASE_MS, now_ms).await?;
        let digests = digests.iter().map(|digest| *digest.as_bytes()).collect();
        let holds_ms = i64::try_from(SENTENCE_HOLDS.as_millis()).unwrap_or(i64::MAX);
        let until_ms = self.hub.now_ms().saturating_add(holds_ms);
        let mut write = store.write().await?;
        write
            .condemn(&lease, self.tenant, &digests, until_ms)
            .await?;
        write.commit().await
    }
}

impl thimble_hub_blobs::Keeper for Keeper {
    fn pins(&self) -> BoxFuture<'_, Result<Pins, KeeperError>> {
        Box::pin(self.needs())
    }

    fn condemn<'a>(
        &'a self,
        digests: &'a BTreeSet<Digest>,
    ) -> BoxFuture<'a, Result<(), KeeperError>> {
        Box::pin(async move { Ok(self.sentence(digests).await?) })
    }
}

/// All that images name: manifests, configurations, modules, and what is about them.
pub(crate) fn blobs_of<'a>(
    images: impl Iterator<Item = &'a thimble_protocol::manifest::Image>,
) -> BTreeSet<Digest> {
    images
        .flat_map(|image| {
            let parts = [image.manifest, image.config, image.layer];
            parts
                .into_iter()
                .chain(image.referrers.iter().map(|blob| blob.digest))
        })
        .collect()
}

/// The digests of a version's images.
///
/// # Errors
/// The name of the first image that has none.
pub(crate) fn images_of(document: &VersionDocument) -> Result<BTreeSet<Digest>, &str> {
    let digest = |image: &str| image.split_once('@')?.1.parse::<Digest>().ok();
    document
        .containers
        .iter()
        .map(|container| digest(&container.image).ok_or(container.image.as_str()))
        .collect()
}

/// The images of published versions.
async fn versions(read: &mut Read, scope: &Scope) -> Result<BTreeSet<Digest>, KeeperError> {
    let versions: Vec<AppVersion> = read.all(scope, &[]).await?;
    let mut images = BTreeSet::new();
    for version in versions {
        let unreadable = |reason: String| Unreadable {
            what: format!("the app version {}", version.id),
            reason,
        };
        let document = serde_json::from_value::<VersionDocument>(version.document.clone());
        let document = document.map_err(|error| unreadable(error.to_string()))?;
        let named = images_of(&document)
            .map_err(|image| unreadable(format!("the image {image} has no digest")))?;
        images.extend(named);
    }
    Ok(images)
}

/// The manifests that devices are to have.
async fn states(read: &mut Read, scope: &Scope) -> Result<BTreeSet<Digest>, KeeperError> {
    let mut manifests = BTreeSet::new();
    let mut after: Option<DeviceId> = None;
    loop {
        let page = read.state_payloads(scope, after, DEVICES_AT_ONCE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(manifests);
        };
        after = Some(*last);
        for (device, payload) in &page {
            let state = DesiredState::decode(payload).map_err(|error| Unreadable {
                what: format!("the desired state of device {device}"),
                reason: error.to_string(),
            })?;
            manifests.extend(state.items.iter().map(|item| item.manifest));
        }
    }
}

/// The manifests that devices said they have or run.
async fn reports(read: &mut Read, scope: &Scope) -> Result<BTreeSet<Digest>, KeeperError> {
    let mut manifests = BTreeSet::new();
    let mut after: Option<DeviceId> = None;
    loop {
        let page = read.statuses(scope, after, DEVICES_AT_ONCE).await?;
        let Some(last) = page.last() else {
            return Ok(manifests);
        };
        after = Some(last.device);
        for status in &page {
            let report = Report::decode(&status.report).map_err(|error| Unreadable {
                what: format!("the report of device {}", status.device),
                reason: error.to_string(),
            })?;
            let deployments = report.deployments.iter().flatten();
            manifests.extend(
                deployments.flat_map(|one| std::iter::once(one.manifest).chain(one.running)),
            );
        }
    }
}
