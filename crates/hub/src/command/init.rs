//! `thimble-hub init`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use thimble_hub::authority::MasterKey;
use thimble_hub::identity::{Founder, found};
use thimble_hub::model::timestamp;
use thimble_hub::{Hub, Settings};

/// Begins a hub.
pub(super) fn run(
    settings: Settings,
    tenant: Option<String>,
    user: Option<String>,
    password: Option<PathBuf>,
) -> Result<()> {
    settings.check()?;
    let founder = Founder {
        tenant: tenant.unwrap_or_else(|| "main".to_owned()),
        user: user.unwrap_or_else(|| super::ADMIN.to_owned()),
        password: password.map(read_password).transpose()?,
    };
    make_master_key(&settings)?;
    super::runtime()?.block_on(async {
        let hub = Hub::builder(settings).build().await?;
        let signed_in = found(&hub, &founder).await?;
        hub.store.close().await;
        eprintln!(
            "The hub has begun, with the tenant {} and the admin {}. This is the admin's token, until {}; it is not shown \
             again, and `thimble-hub token` makes another:",
            founder.tenant,
            founder.user,
            timestamp(signed_in.expires_ms)
        );
        println!("{}", signed_in.secret);
        Ok(())
    })
}

fn read_password(path: PathBuf) -> Result<String> {
    let text = fs::read_to_string(&path)
        .with_context(|| format!("the password in {} cannot be read", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A key that is there already is kept: what it sealed needs it.
fn make_master_key(settings: &Settings) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let path = settings.master_key()?;
    if path.exists() {
        MasterKey::read(&path)?;
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    MasterKey::create(&path)?;
    eprintln!(
        "The master key is in {}. Keep a copy apart from the database's: without it no secret can be read.",
        path.display()
    );
    Ok(())
}
