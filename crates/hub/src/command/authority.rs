//! `thimble-hub authority`.

use anyhow::{Context as _, Result};
use thimble_hub::{Hub, Settings};
use thimble_protocol::UnixSeconds;

/// Prints the root that the hub's certificate towards devices comes from, in PEM: what devices are given as `ca`.
pub(super) fn run(settings: Settings) -> Result<()> {
    settings.check()?;
    super::runtime()?.block_on(async {
        let hub = Hub::builder(settings).build().await?;
        let now = UnixSeconds(u64::try_from(hub.clock().now_ms() / 1000).unwrap_or(0));
        let authority = hub.vault.device_authority(now).await;
        hub.store.close().await;
        let authority = authority.context("the authority of devices cannot be had")?;
        print!("{}", authority.root_pem());
        Ok(())
    })
}
