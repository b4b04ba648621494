//! The whole hub, as a folder.
//!
//! ```text
//! hub.db         the database of one moment (SQLite; PostgreSQL has pg_dump, which is run first)
//! blobs/         all blobs, as a hub has them in a folder
//! master.key     the key that everything secret is sealed with
//! backup.json    what is there; written last
//! ```

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thimble_hub_blobs::{Blobs, Limits, Storage};
use thimble_hub_store::{Options, Scope, Store, Tenant, TenantId};

use super::BackupError;
use super::tenant::chain;
use crate::collect::Hold;
use crate::hub::Hub;
use crate::registry::space;
use crate::settings::Settings;

/// What the folder says that it is.
const FORMAT: &str = "thimble-hub";
/// Its version.
const VERSION: u64 = 1;
/// The file that says so.
const HEAD: &str = "backup.json";
const DATABASE: &str = "hub.db";
const KEY: &str = "master.key";
const BLOBS: &str = "blobs";

/// Which parts of a hub are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The database: of SQLite only.
    pub database: bool,
    /// The master key, without which the rest is of no use. Whoever has it and the rest has every secret.
    pub key: bool,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Tenants.
    pub tenants: u64,
    /// Blobs, tags and manifests.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Copies the hub into a new folder while it works.
///
/// # Errors
/// [`BackupError`] says what is in the way; a folder without `backup.json` is no backup.
pub async fn back_up(hub: &Hub, folder: &Path, parts: Parts) -> Result<BackedUp, BackupError> {
    new_folder(folder)?;
    // Nothing that the database names is deleted before it is copied.
    let hold = Hold::take(hub).await?;
    if parts.database {
        hub.store.backup(&folder.join(DATABASE)).await?;
    }
    if parts.key {
        copy_private(&hub.settings.master_key()?, &folder.join(KEY)).await?;
    }
    // After the database: what it names is there.
    let copy = Blobs::open(&Storage::Folder(folder.join(BLOBS)), Limits::default()).await?;
    let backed_up = copy_blobs(&hub.store, &hub.blobs, &copy).await?;
    hold.end().await?;
    let head = json!({
        "format": FORMAT, "version": VERSION, "created_ms": hub.now_ms(),
        "database": parts.database, "key": parts.key,
        "tenants": backed_up.tenants, "objects": backed_up.objects, "bytes": backed_up.bytes,
    });
    let path = folder.join(HEAD);
    write_private(&path, head.to_string().as_bytes())?;
    Ok(backed_up)
}

/// Puts a backup in the place where these settings say that the hub is, which must be empty. Devices may have later states
/// than the hub then: they say so, and the hub goes beyond.
///
/// # Errors
/// [`BackupError`] says what is in the way.
pub async fn restore(folder: &Path, settings: &Settings) -> Result<BackedUp, BackupError> {
    let head = folder.join(HEAD);
    let text = std::fs::read(&head).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => BackupError::Unfinished {
            path: folder.into(),
        },
        _ => BackupError::file(&head)(error),
    })?;
    let head: Value =
        serde_json::from_slice(&text).map_err(|error| BackupError::malformed(error.to_string()))?;
    let version = head.get("version").and_then(Value::as_u64);
    match (head.get("format").and_then(Value::as_str), version) {
        (Some(FORMAT), Some(VERSION)) => {}
        (Some(FORMAT), Some(found)) if found > VERSION => {
            return Err(BackupError::Newer {
                found,
                known: VERSION,
            });
        }
        _ => {
            return Err(BackupError::malformed(
                "backup.json does not say that it is one",
            ));
        }
    }
    let has = |part: &str| head.get(part).and_then(Value::as_bool) == Some(true);
    let place = settings.place()?;
    make_private(&place)?;
    if has("key") {
        let key = settings.master_key()?;
        if !is_same(&key, &folder.join(KEY)) {
            copy_private(&folder.join(KEY), &key).await?;
        }
    }
    let url = settings.store_url()?;
    if has("database") {
        let Some(database) = url.strip_prefix("sqlite:") else {
            return Err(BackupError::malformed(
                "the backup has a database of SQLite, and the settings name PostgreSQL",
            ));
        };
        copy_private(&folder.join(DATABASE), Path::new(database)).await?;
    }
    let store = Store::open(&url, Options::default()).await?;
    let restored = restore_into(folder, settings, &store).await;
    store.close().await;
    restored
}

async fn restore_into(
    folder: &Path,
    settings: &Settings,
    store: &Store,
) -> Result<BackedUp, BackupError> {
    if !store.is_shared() {
        store.check_integrity().await?;
    }
    for tenant in tenants(store).await? {
        chain(&mut store.read().await?, tenant).await?;
    }
    let from = Blobs::open(&Storage::Folder(folder.join(BLOBS)), Limits::default()).await?;
    let to = Blobs::open(&settings.storage()?, Limits::default()).await?;
    copy_blobs(store, &from, &to).await
}

/// Copies what all tenants keep. Digests are checked on the way.
async fn copy_blobs(store: &Store, from: &Blobs, to: &Blobs) -> Result<BackedUp, BackupError> {
    let mut copied = BackedUp::default();
    for tenant in tenants(store).await? {
        let (from, to) = (space(from, tenant)?, space(to, tenant)?);
        copied.tenants += 1;
        for object in from.objects().await? {
            let source = from.export(&object.path).await?;
            to.import(&object.path, source).await?;
            copied.objects += 1;
            copied.bytes += object.length_bytes;
        }
    }
    Ok(copied)
}

async fn tenants(store: &Store) -> Result<Vec<TenantId>, BackupError> {
    let everything = Scope::whole_hub_for_its_own_work();
    let tenants: Vec<Tenant> = store.read().await?.all(&everything, &[]).await?;
    Ok(tenants.into_iter().map(|tenant| tenant.id).collect())
}

fn new_folder(folder: &Path) -> Result<(), BackupError> {
    make_private(folder)?;
    let mut entries = std::fs::read_dir(folder).map_err(BackupError::file(folder))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(BackupError::Occupied {
            path: folder.into(),
        }),
    }
}

fn make_private(folder: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(BackupError::file(folder))
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((std::fs::read(one), std::fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

/// Copies a file to a new one that only its owner reads, and that is on the disk then.
async fn copy_private(from: &Path, to: &Path) -> Result<(), BackupError> {
    let (from, to) = (from.to_owned(), to.to_owned());
    let copied = tokio::task::spawn_blocking(move || {
        let mut source = std::fs::File::open(&from).map_err(BackupError::file(&from))?;
        let mut file = new_file(&to)?;
        std::io::copy(&mut source, &mut file).map_err(BackupError::file(&to))?;
        settle(&file, &to)
    });
    match copied.await {
        Ok(copied) => copied,
        Err(error) => Err(BackupError::malformed(error.to_string())),
    }
}

fn write_private(path: &PathBuf, bytes: &[u8]) -> Result<(), BackupError> {
    use std::io::Write as _;
    let mut file = new_file(path)?;
    file.write_all(bytes).map_err(BackupError::file(path))?;
    settle(&file, path)
}

fn new_file(path: &Path) -> Result<std::fs::File, BackupError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Occupied { path: path.into() },
        _ => BackupError::file(path)(error),
    })
}

/// The file and its name outlive a power cut.
fn settle(file: &std::fs::File, path: &Path) -> Result<(), BackupError> {
    file.sync_all().map_err(BackupError::file(path))?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::File::open(folder.unwrap_or_else(|| Path::new(".")));
    let folder = folder.map_err(BackupError::file(path))?;
    folder.sync_all().map_err(BackupError::file(path))
}
