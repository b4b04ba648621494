//! Parts of states that are made once and kept: signed manifests, and secrets sealed for devices.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use thimble_hub_blobs::source_of;
use thimble_hub_store::{
    DeploymentId, Device, Id as _, Match, Sealed, Secret, SecretRevision, SignedManifest, Write,
};
use thimble_image::Digest;
use thimble_protocol::manifest::Image;
use thimble_protocol::sign::sign_manifest;
use thimble_protocol::state::SealedSecret;

use super::compile::{Known, Revision, Signed, Value, Work};
use super::{
    Layered, PublishError, RevisionSpec, compile_manifest, image, secret, secret_context, space,
};
use crate::collect::blobs_of;

impl Work<'_> {
    /// Compiles and signs a manifest, or finds what was signed before.
    pub(super) async fn sign(
        &mut self,
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
        let images = containers.iter().map(|(_, image)| image);
        self.needs.extend(blobs_of(images));
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
            let digest = Digest::from_bytes(before.digest);
            self.needs.insert(digest);
            return Ok(Signed {
                digest,
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
        self.needs.insert(digest);
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
    async fn image(&self, content: &RevisionSpec, name: &str) -> Result<Image, PublishError> {
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
    pub(super) async fn sealed(
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
