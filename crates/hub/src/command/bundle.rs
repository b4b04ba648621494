//! `thimble-hub bundle`.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use thimble_hub::authority::{DeviceIdentity, TenantId};
use thimble_hub::bundle::write_bundle;
use thimble_hub::device::StoredFleet;
use thimble_hub::{Hub, Settings};
use thimble_hub_store::{Device, DeviceId, Id as _, Match, Scope};
use thimble_protocol::UnixSeconds;

/// Writes a device's state with everything that it names into a new file.
pub(super) fn run(settings: Settings, device: &str, place: &Path) -> Result<()> {
    super::trace();
    settings.check()?;
    super::runtime()?.block_on(async {
        let hub = Hub::builder(settings).build().await?;
        let done = write(&hub, device, place).await;
        hub.store.close().await;
        done
    })
}

async fn write(hub: &Hub, device: &str, place: &Path) -> Result<()> {
    let row = find(hub, device).await?;
    let identity = DeviceIdentity {
        tenant: TenantId(row.tenant.bytes()),
        device: thimble_protocol::DeviceId(row.id.bytes()),
    };
    let fleet = StoredFleet::new(
        hub.store.clone(),
        Arc::clone(&hub.vault),
        Arc::new(hub.blobs.clone()),
        None,
    );
    let file = File::create_new(place)
        .with_context(|| format!("the file {} cannot be made", place.display()))?;
    let mut file = BufWriter::new(file);
    let now = UnixSeconds(u64::try_from(hub.clock().now_ms() / 1000).unwrap_or(0));
    let bundled = match write_bundle(&fleet, identity, now, &mut file).await {
        Ok(bundled) => bundled,
        Err(error) => {
            // Half a bundle is of no use to anybody.
            drop(std::fs::remove_file(place));
            return Err(error.into());
        }
    };
    file.get_ref()
        .sync_all()
        .context("the file cannot be kept")?;
    eprintln!(
        "Version {} of {}: {} manifests and blobs, {} bytes. At the device: thimble agent import FILE",
        bundled.version, row.name, bundled.objects, bundled.bytes
    );
    Ok(())
}

/// The device with this id, or with this name if there is only one.
async fn find(hub: &Hub, device: &str) -> Result<Device> {
    let everything = Scope::whole_hub_for_its_own_work();
    let mut read = hub.store.read().await?;
    if let Ok(id) = device.parse::<DeviceId>() {
        return Ok(read.one::<Device>(&everything, id).await?);
    }
    let named = [Match::equals("name", &device.to_owned())];
    let mut found: Vec<Device> = read.all(&everything, &named).await?;
    match (found.pop(), found.is_empty()) {
        (Some(device), true) => Ok(device),
        (None, _) => bail!("there is no device `{device}`"),
        _ => bail!("several devices are called `{device}`: name the one you mean by its id"),
    }
}
