//! `thimble-hub reseal`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use thimble_hub::authority::MasterKey;
use thimble_hub::{Hub, Settings};
use thimble_protocol::UnixSeconds;

/// Seals everything with the present master key that an older one sealed. The present one is made, if there is none.
pub(super) fn run(settings: Settings, old: &Path) -> Result<()> {
    super::trace();
    settings.check()?;
    let path = settings.master_key()?;
    let is_same = |one: &Path, other: &Path| {
        let (one, other) = (one.canonicalize().ok(), other.canonicalize().ok());
        one.is_some() && one == other
    };
    if is_same(&path, old) {
        bail!(
            "{} is the key that the hub uses: move it away first, and name where it is now",
            old.display()
        );
    }
    let old = MasterKey::read(old).context("the old master key cannot be used")?;
    if !path.exists() {
        MasterKey::create(&path)?;
        eprintln!(
            "A new master key is in {}. Keep a copy apart from the database's: without it no secret can be read.",
            path.display()
        );
    }
    super::runtime()?.block_on(async {
        let hub = Hub::builder(settings).build().await?;
        let now = UnixSeconds(u64::try_from(hub.now_ms() / 1000).unwrap_or(0));
        let resealed = hub.vault.reseal(&old, super::ACTOR, now).await;
        hub.store.close().await;
        let resealed = resealed.context("not everything was sealed anew: keep both keys")?;
        eprintln!(
            "{} keys, {} values of secrets and {} secrets of webhooks are sealed with the new master key. Backups made before need the old one.",
            resealed.keys, resealed.secrets, resealed.webhooks
        );
        Ok(())
    })
}
