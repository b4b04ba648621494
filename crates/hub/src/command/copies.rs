//! `thimble-hub backup`, `restore`, `export` and `import`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use thimble_hub::backup::{Exported, Parts, back_up, export_tenant, import_tenant, restore};
use thimble_hub::{Hub, Settings};
use thimble_hub_store::{Match, Scope, Tenant, TenantId};

/// What was said besides the command.
pub(super) struct Said {
    pub(super) without_database: bool,
    pub(super) without_key: bool,
    pub(super) tenant: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) passphrase: Option<PathBuf>,
    pub(super) place: PathBuf,
}

/// Does one of them.
pub(super) fn run(command: &str, settings: Settings, said: Said) -> Result<()> {
    super::trace();
    settings.check()?;
    super::runtime()?.block_on(async {
        if command == "restore" {
            let restored = restore(&said.place, &settings).await?;
            eprintln!(
                "{} tenants and {} objects ({} bytes) are back. Start the hub; devices that are ahead of it go on.",
                restored.tenants, restored.objects, restored.bytes
            );
            return Ok(());
        }
        let hub = Hub::builder(settings).build().await?;
        let done = match command {
            "backup" => backup(&hub, &said).await,
            "export" => export(&hub, &said).await,
            _ => import(&hub, &said).await,
        };
        hub.store.close().await;
        done
    })
}

async fn backup(hub: &Hub, said: &Said) -> Result<()> {
    let parts = Parts {
        database: !said.without_database,
        key: !said.without_key,
    };
    let backed_up = back_up(hub, &said.place, parts).await?;
    eprintln!(
        "{} tenants and {} objects ({} bytes) are copied to {}.",
        backed_up.tenants,
        backed_up.objects,
        backed_up.bytes,
        said.place.display()
    );
    if parts.key {
        eprintln!(
            "The master key is among it: whoever has this folder has every secret of the hub."
        );
    }
    Ok(())
}

async fn export(hub: &Hub, said: &Said) -> Result<()> {
    let name = said.tenant.as_deref().context("say which: --tenant NAME")?;
    let tenant = tenant(hub, name).await?;
    let passphrase = passphrase(said)?;
    let exported = export_tenant(
        hub,
        tenant,
        &said.place,
        passphrase.as_deref(),
        super::ACTOR,
    )
    .await?;
    tell(&exported);
    if passphrase.is_none() {
        eprintln!(
            "Without a passphrase: secrets and signing keys are left out, webhooks are switched off."
        );
    }
    Ok(())
}

async fn import(hub: &Hub, said: &Said) -> Result<()> {
    let parent = match &said.parent {
        None => TenantId::HUB,
        Some(name) => tenant(hub, name).await?,
    };
    let passphrase = passphrase(said)?;
    let imported = import_tenant(
        hub,
        parent,
        &said.place,
        passphrase.as_deref(),
        super::ACTOR,
    )
    .await?;
    tell(&imported);
    Ok(())
}

fn tell(copied: &Exported) {
    eprintln!(
        "Tenant {}: {} rows, {} objects ({} bytes), {} entries of the audit trail, the chain of which holds.",
        copied.tenant, copied.rows, copied.objects, copied.bytes, copied.audit_entries
    );
}

fn passphrase(said: &Said) -> Result<Option<String>> {
    let Some(path) = &said.passphrase else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the passphrase in {} cannot be read", path.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.chars().count() < 12 {
        bail!(
            "a passphrase has 12 characters at least: {} has fewer",
            path.display()
        );
    }
    Ok(Some(text.to_owned()))
}

/// The tenant with this name or id.
async fn tenant(hub: &Hub, name: &str) -> Result<TenantId> {
    let everything = Scope::whole_hub_for_its_own_work();
    let mut read = hub.store.read().await?;
    if let Ok(id) = name.parse::<TenantId>() {
        return Ok(read.one::<Tenant>(&everything, id).await?.id);
    }
    let found: Vec<Tenant> = read
        .all(&everything, &[Match::equals("name", &name.to_owned())])
        .await?;
    match found.as_slice() {
        [tenant] => Ok(tenant.id),
        [] => bail!("there is no tenant `{name}`"),
        _ => bail!("several tenants are called `{name}`: name the one you mean by its id"),
    }
}
