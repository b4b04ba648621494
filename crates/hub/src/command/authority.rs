//! `thimble-hub authority`.

use anyhow::{Context as _, Result};
use thimble_hub::{Hub, Settings};
use thimble_protocol::UnixSeconds;

/// Prints the root that the hub's certificate towards devices comes from, in PEM: what devices are given as `ca`. Before that
/// it may make another authority below the root, which issues devices' certificates from now on.
pub(super) fn run(settings: Settings, rotates: bool) -> Result<()> {
    settings.check()?;
    super::runtime()?.block_on(async {
        let hub = Hub::builder(settings).build().await?;
        let now = UnixSeconds(u64::try_from(hub.clock().now_ms() / 1000).unwrap_or(0));
        let mut authority = hub.vault.device_authority(now).await;
        if rotates && authority.is_ok() {
            authority = hub.vault.rotate_intermediate(super::ACTOR, now).await;
        }
        hub.store.close().await;
        let authority = authority.context("the authority of devices cannot be had")?;
        if rotates {
            eprintln!(
                "Another authority issues from now on. Devices get its certificates when theirs are renewed; those that they have stay good until they end."
            );
        }
        print!("{}", authority.root_pem());
        Ok(())
    })
}
