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
        print!("{}", pem(authority.root()));
        Ok(())
    })
}

/// A certificate as RFC 7468 writes it.
fn pem(der: &[u8]) -> String {
    use base64ct::Encoding as _;
    let text = base64ct::Base64::encode_string(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every place is between two characters.
        let (line, others) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = others;
    }
    pem + "-----END CERTIFICATE-----\n"
}
