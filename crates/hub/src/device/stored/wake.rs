//! Keeps the map of versions as the store is: by its wake-ups.

use std::sync::Arc;

use thimble_hub_store::{Id as _, Topic, Wake, Wakes};
use thimble_protocol::DeviceId;
use tokio_util::sync::CancellationToken;

use super::{StoredFleet, known};
use crate::authority::TenantId;
use crate::device::fleet::FleetError;
use crate::device::side::DeviceSide;

/// Follows the wake-ups until `stopping`. They must have been asked for before the map was filled, so that none is missed.
pub async fn follow(
    mut wakes: Wakes,
    fleet: Arc<StoredFleet>,
    side: Arc<DeviceSide>,
    stopping: CancellationToken,
) {
    loop {
        let wake = tokio::select! {
            wake = wakes.next() => wake,
            () = stopping.cancelled() => None,
        };
        let Some(wake) = wake else {
            return;
        };
        if let Err(error) = take(&wake, &fleet, &side).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot read what changed for devices; all of it is read again"
            );
            fill_again(&side, &stopping).await;
        }
    }
}

async fn take(wake: &Wake, fleet: &StoredFleet, side: &DeviceSide) -> Result<(), FleetError> {
    let versions = side.versions();
    match wake {
        Wake::States(states) => {
            for version in states.iter() {
                // Who may come in stays as it is; a device that is not known here is asked for when it comes.
                let device = known(version, true);
                versions.set_version(&device);
            }
        }
        Wake::Changed {
            topic: Topic::Device,
            subject,
            ..
        } => {
            let id = subject.as_deref().and_then(|subject| subject.parse().ok());
            match id {
                Some(id) => look_again(id, fleet, side).await?,
                None => side.fill().await.map(drop)?,
            }
        }
        Wake::Changed {
            topic: Topic::LogRequest,
            subject: Some(subject),
            ..
        } => {
            if let Ok(id) = subject.parse::<thimble_hub_store::DeviceId>() {
                versions.want_report(DeviceId(id.bytes()));
            }
        }
        Wake::Changed {
            topic: Topic::Keys,
            tenant,
            ..
        } => {
            match tenant {
                Some(tenant) => side.forget_keys(TenantId(tenant.bytes())),
                None => side.forget_all_keys(),
            }
            if tenant.is_none_or(|tenant| tenant == thimble_hub_store::TenantId::HUB) {
                take_authority(fleet, side).await?;
            }
        }
        Wake::Everything => {
            side.forget_all_keys();
            take_authority(fleet, side).await?;
            side.fill().await?;
        }
        Wake::Changed { .. } => {}
    }
    Ok(())
}

/// Issues and believes with the authority as it is kept now: somebody may have rotated the intermediate.
async fn take_authority(fleet: &StoredFleet, side: &DeviceSide) -> Result<(), FleetError> {
    let unavailable = |error| FleetError::Unavailable(Box::new(error));
    let authority = fleet
        .vault
        .device_authority(side.now())
        .await
        .map_err(unavailable)?;
    side.replace_authority(Arc::new(authority))
        .map_err(|error| FleetError::Unavailable(Box::new(error)))
}

async fn look_again(
    id: thimble_hub_store::DeviceId,
    fleet: &StoredFleet,
    side: &DeviceSide,
) -> Result<(), FleetError> {
    let device = DeviceId(id.bytes());
    match fleet.one(device).await? {
        Some(known) => side.versions().set(&known),
        None => side.versions().remove(device),
    }
    // A certificate of it may have been revoked by itself.
    for serial in fleet.revoked_serials_of(id).await? {
        side.versions().revoke_serial(device, &serial);
    }
    Ok(())
}

/// Fills the map until that works: a node whose map is old would tell devices that nothing is new.
async fn fill_again(side: &DeviceSide, stopping: &CancellationToken) {
    while let Err(error) = side.fill().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot read which states devices are to have"
        );
        tokio::select! {
            () = tokio::time::sleep(core::time::Duration::from_secs(1)) => {}
            () = stopping.cancelled() => return,
        }
    }
}
