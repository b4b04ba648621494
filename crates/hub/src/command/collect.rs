//! `thimble-hub collect`.

use anyhow::{Context as _, Result, bail};
use thimble_hub::collect::{OfTenant, collect, fresh_owner, survey};
use thimble_hub::{Hub, Settings, chain};

/// Collects once, or tells what that would delete.
pub(super) fn run(settings: Settings, is_dry: bool) -> Result<()> {
    super::trace();
    settings.check()?;
    super::runtime()?.block_on(async {
        let hub = Hub::builder(settings).build().await?;
        let collected = if is_dry {
            survey(&hub).await
        } else {
            collect(&hub, &fresh_owner(), super::ACTOR).await
        };
        hub.store.close().await;
        tell(&collected.context("nothing was deleted")?, is_dry)
    })
}

fn tell(all: &[OfTenant], is_dry: bool) -> Result<()> {
    let verb = if is_dry {
        "would be deleted"
    } else {
        "deleted"
    };
    let mut failed = 0_u32;
    for one in all {
        match &one.collected {
            Ok(collected) => println!(
                "{}: {} blobs ({} bytes) and {} uploads {verb}, {} blobs kept",
                one.name,
                collected.deleted,
                collected.deleted_bytes,
                collected.uploads,
                collected.kept
            ),
            Err(error) => {
                failed += 1;
                let reason = chain(error);
                eprintln!("{}: {reason}", one.name);
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} tenants were left as they are", all.len());
    }
    Ok(())
}
