//! `thimble-hub token`.

use anyhow::Result;
use thimble_hub::identity::recover;
use thimble_hub::model::timestamp;
use thimble_hub::{Hub, Settings};

/// Makes a token of a user and prints it, also while the hub serves.
pub(super) fn run(settings: Settings, user: Option<String>) -> Result<()> {
    settings.check()?;
    let user = user.unwrap_or_else(|| super::ADMIN.to_owned());
    super::runtime()?.block_on(async {
        let hub = Hub::builder(settings).build().await?;
        let made = recover(&hub, &user, super::ACTOR).await;
        hub.store.close().await;
        let made = made?;
        eprintln!(
            "A token of {user}, until {}; it is not shown again:",
            timestamp(made.expires_ms)
        );
        println!("{}", made.secret);
        Ok(())
    })
}
