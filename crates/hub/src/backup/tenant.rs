//! One tenant, as a tar file: `export.json`, then what it keeps among the blobs, then its rows.
//!
//! ```text
//! export.json                     format, version, tenant, how the passphrase is used
//! content/index-000000.ndjson     paths and lengths of what follows
//! content/00000000                …
//! rows/000-tenants-000000.ndjson  rows of a table, one a line
//! ```

use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value, json};
use thimble_hub_blobs::{ExportedObject, Source, SourceError, Space};
use thimble_hub_store::{
    Audit, Error as StoreError, Read, Scope, Tenant, TenantId, Topic, tenant_tables,
};
use tokio::sync::mpsc;

use super::archive::{Reader, Writer};
use super::{BackupError, passphrase, sealed};
use crate::authority::MasterKey;
use crate::collect::Hold;
use crate::hub::Hub;
use crate::registry::space;

/// What the file says that it is.
const FORMAT: &str = "thimble-tenant";
/// The version of the file.
const VERSION: u64 = 1;
/// Bytes of one entry with rows at most: a thousand rows with documents.
const ROWS_BYTES_MAX: usize = 256 << 20;
/// Paths of one index.
const INDEX_ROWS: usize = 1000;
/// Pieces of content that are read ahead.
const PIECES_AHEAD: usize = 4;

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Which tenant.
    pub tenant: TenantId,
    /// Its rows.
    pub rows: u64,
    /// Its blobs, tags and manifests.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries of its audit trail, the chain of which holds.
    pub audit_entries: u64,
}

/// Copies a tenant, without those below it, into a new file. With a passphrase its secrets and signing keys come along;
/// without one they are left out, and its webhooks are switched off.
///
/// # Errors
/// [`BackupError`] says what is in the way; a file that is not complete is no copy.
pub async fn export_tenant(
    hub: &Hub,
    tenant: TenantId,
    path: &Path,
    secret: Option<&str>,
    actor: &str,
) -> Result<Exported, BackupError> {
    let scope = Scope::authenticated(tenant);
    let audit = Audit::new(
        hub.now_ms(),
        actor,
        "tenant.export",
        format!("tenant/{tenant}"),
    );
    let mut write = hub.store.write().await?;
    write.audit(&scope, tenant, &audit).await?;
    write.commit().await?;
    // Nothing that the rows name is deleted before it is copied.
    let hold = Hold::take(hub).await?;
    // From here on it is one moment.
    let mut read = hub.store.snapshot().await?;
    let name = read.one::<Tenant>(&scope, tenant).await?.name;
    let (key, said) = match secret {
        None => (None, Value::Null),
        Some(secret) => {
            let (key, said) = passphrase::new_key(secret)?;
            (Some(key), said)
        }
    };
    let mut writer = Writer::create(path).await?;
    let head = json!({
        "format": FORMAT, "version": VERSION, "tenant": tenant.to_string(), "name": name,
        "created_ms": hub.now_ms(), "passphrase": said,
    });
    writer
        .entry("export.json", head.to_string().as_bytes())
        .await?;
    let mut exported = Exported {
        tenant,
        rows: 0,
        objects: 0,
        bytes: 0,
        audit_entries: chain(&mut read, tenant).await?,
    };
    write_content(&mut writer, &space(&hub.blobs, tenant)?, &mut exported).await?;
    for (number, table) in tenant_tables().enumerate() {
        let mut after = 0;
        loop {
            let rows = read.tenant_rows(&scope, tenant, table, after).await?;
            if rows.is_empty() {
                break;
            }
            let entry = format!("rows/{number:03}-{table}-{after:09}.ndjson");
            after += rows.len() as u64;
            let lines = prepared(table, rows, hub.vault.master(), key.as_ref())?;
            exported.rows += lines.len() as u64;
            writer.entry(&entry, lines.concat().as_bytes()).await?;
        }
    }
    hold.end().await?;
    writer.finish().await?;
    Ok(exported)
}

/// Rows as lines, with secrets sealed with the key or left out.
fn prepared(
    table: &str,
    rows: Vec<Map<String, Value>>,
    master: &MasterKey,
    key: Option<&MasterKey>,
) -> Result<Vec<String>, BackupError> {
    let mut lines = Vec::with_capacity(rows.len());
    for mut row in rows {
        match key {
            Some(key) => sealed::reseal(table, &mut row, master, key)?,
            None if !sealed::leave_out(table, &mut row) => continue,
            None => {}
        }
        lines.push(Value::Object(row).to_string() + "\n");
    }
    Ok(lines)
}

async fn write_content(
    writer: &mut Writer,
    space: &Space,
    exported: &mut Exported,
) -> Result<(), BackupError> {
    let objects = space.objects().await?;
    for (page, objects) in objects.chunks(INDEX_ROWS).enumerate() {
        let lines: String = objects
            .iter()
            .map(|object| json!([object.path, object.length_bytes]).to_string() + "\n")
            .collect();
        let name = format!("content/index-{page:06}.ndjson");
        writer.entry(&name, lines.as_bytes()).await?;
        for object in objects {
            let source = space.export(&object.path).await?;
            let name = format!("content/{:08}", exported.objects);
            writer.stream(&name, object.length_bytes, source).await?;
            exported.objects += 1;
            exported.bytes += object.length_bytes;
        }
    }
    Ok(())
}

/// Takes a copy of a tenant in, below this parent. What it keeps among the blobs comes first; the rest comes as a whole or not
/// at all, and only if the chain of its audit trail holds.
///
/// # Errors
/// [`BackupError`] says what is in the way.
pub async fn import_tenant(
    hub: &Hub,
    parent: TenantId,
    path: &Path,
    secret: Option<&str>,
    actor: &str,
) -> Result<Exported, BackupError> {
    let mut reader = Reader::open(path)?;
    let (tenant, key) = read_head(&mut reader, secret).await?;
    let everything = Scope::whole_hub_for_its_own_work();
    match hub
        .store
        .read()
        .await?
        .one::<Tenant>(&everything, tenant)
        .await
    {
        Ok(_) => return Err(BackupError::TenantExists { tenant }),
        Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut imported = Exported {
        tenant,
        rows: 0,
        objects: 0,
        bytes: 0,
        audit_entries: 0,
    };
    let mut entry = read_content(&mut reader, &space(&hub.blobs, tenant)?, &mut imported).await?;
    let mut write = hub.store.write().await?;
    while let Some(name) = entry {
        let (table, rows) = read_rows(&mut reader, &name, key.as_ref(), hub.vault.master()).await?;
        imported.rows += rows.len() as u64;
        write
            .put_tenant_rows(&everything, (tenant, parent), &table, &rows)
            .await?;
        entry = reader.next().await?;
    }
    imported.audit_entries = chain(&mut write, tenant).await?;
    let audit = Audit::new(
        hub.now_ms(),
        actor,
        "tenant.import",
        format!("tenant/{tenant}"),
    );
    write.audit(&everything, tenant, &audit).await?;
    for topic in [Topic::Device, Topic::Identity, Topic::Keys, Topic::Webhook] {
        write.wake(topic, Some(tenant), None);
    }
    write.commit().await?;
    Ok(imported)
}

/// Whose copy it is, and the key of its secrets, if it has some.
async fn read_head(
    reader: &mut Reader,
    secret: Option<&str>,
) -> Result<(TenantId, Option<MasterKey>), BackupError> {
    let first = reader.next().await?;
    if first.as_deref() != Some("export.json") {
        return Err(BackupError::malformed("it does not begin with export.json"));
    }
    let head: Value = serde_json::from_slice(&reader.bytes(1 << 16).await?)
        .map_err(|error| BackupError::malformed(error.to_string()))?;
    let tenant = check_head(&head)?;
    let key = match (head.get("passphrase"), secret) {
        (None | Some(Value::Null), _) => None,
        (Some(_), None) => return Err(BackupError::NoPassphrase),
        (Some(said), Some(secret)) => Some(passphrase::known_key(secret, said)?),
    };
    Ok((tenant, key))
}

/// The table and the rows of an entry, with secrets sealed for this hub.
async fn read_rows(
    reader: &mut Reader,
    name: &str,
    key: Option<&MasterKey>,
    master: &MasterKey,
) -> Result<(String, Vec<Map<String, Value>>), BackupError> {
    let table = name.strip_prefix("rows/").and_then(|name| {
        let (_, rest) = name.split_once('-')?;
        Some(rest.rsplit_once('-')?.0.to_owned())
    });
    let table = table.ok_or_else(|| BackupError::malformed(format!("an entry {name}")))?;
    let bytes = reader.bytes(ROWS_BYTES_MAX).await?;
    let lines = bytes.split(|byte| *byte == b'\n');
    let mut rows = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let mut row: Map<String, Value> = serde_json::from_slice(line)
            .map_err(|error| BackupError::malformed(format!("{name}: {error}")))?;
        if let Some(key) = key {
            sealed::reseal(&table, &mut row, key, master)?;
        }
        rows.push(row);
    }
    Ok((table, rows))
}

fn check_head(head: &Value) -> Result<TenantId, BackupError> {
    if head.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(BackupError::malformed(
            "export.json does not say that it is one",
        ));
    }
    match head.get("version").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(found) if found > VERSION => {
            return Err(BackupError::Newer {
                found,
                known: VERSION,
            });
        }
        _ => return Err(BackupError::malformed("export.json has no version")),
    }
    let tenant = head.get("tenant").and_then(Value::as_str);
    let tenant = tenant.and_then(|tenant| tenant.parse().ok());
    let tenant: TenantId = tenant.ok_or_else(|| BackupError::malformed("it names no tenant"))?;
    if tenant == TenantId::HUB {
        return Err(BackupError::malformed(
            "the hub itself is no tenant to take in",
        ));
    }
    Ok(tenant)
}

/// Takes content in; the name of the first entry after it.
async fn read_content(
    reader: &mut Reader,
    space: &Space,
    imported: &mut Exported,
) -> Result<Option<String>, BackupError> {
    let mut next = reader.next().await?;
    while next
        .as_ref()
        .is_some_and(|name| name.starts_with("content/index-"))
    {
        let lines = reader.bytes(ROWS_BYTES_MAX).await?;
        for line in lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let (path, length_bytes): (String, u64) = serde_json::from_slice(line)
                .map_err(|error| BackupError::malformed(error.to_string()))?;
            let wanted = format!("content/{:08}", imported.objects);
            if reader.next().await?.as_deref() != Some(wanted.as_str()) {
                return Err(BackupError::malformed(format!("{wanted} is missing")));
            }
            let object = ExportedObject { path, length_bytes };
            take_in(reader, space, &object).await?;
            imported.objects += 1;
            imported.bytes += object.length_bytes;
        }
        next = reader.next().await?;
    }
    Ok(next)
}

async fn take_in(
    reader: &mut Reader,
    space: &Space,
    object: &ExportedObject,
) -> Result<(), BackupError> {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, SourceError>>(PIECES_AHEAD);
    let source: Source = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    })
    .boxed();
    let (taken, ()) = tokio::join!(space.import(&object.path, source), reader.pass(sender));
    Ok(taken?)
}

/// The length of a tenant's audit trail, if its chain holds.
pub(super) async fn chain(read: &mut Read, tenant: TenantId) -> Result<u64, BackupError> {
    let everything = Scope::whole_hub_for_its_own_work();
    match read.verify_chain(&everything, tenant).await? {
        Ok(verified) => Ok(verified.entries),
        Err(at) => Err(BackupError::Chain { tenant, at }),
    }
}
