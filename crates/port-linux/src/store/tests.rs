//! Both stores against a model, and what happens to the disk store's files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use thimble_abi::Errno;
use thimble_runtime::port::{KeyValue, StoreReply, StoreRequest};

use super::{FileStore, MemoryStore, name};
use crate::pool::Pool;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("thimble-store-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> FileStore {
        FileStore::new(self.0.join("data"), Pool::default())
    }

    /// All files below it.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    found.push(path)
                }
            }
        }
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Asks until there is an answer.
fn ask(
    store: &dyn KeyValue,
    container: &str,
    request: impl Fn() -> StoreRequest<'static>,
) -> Result<Vec<u8>, Errno> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match store.poll(&mut Context::from_waker(&waker), container, request()) {
            Poll::Ready(Ok(StoreReply::Value(value))) => return Ok(value),
            Poll::Ready(Ok(StoreReply::Done)) => return Ok(Vec::new()),
            Poll::Ready(Err(errno)) => return Err(errno),
            Poll::Pending => thread::park(),
        }
    }
}

fn get(store: &dyn KeyValue, container: &str, key: &'static [u8]) -> Result<Vec<u8>, Errno> {
    ask(store, container, || StoreRequest::Get { key })
}

fn set(
    store: &dyn KeyValue,
    container: &str,
    key: &'static [u8],
    value: &'static [u8],
    limit_bytes: u64,
) -> Result<Vec<u8>, Errno> {
    ask(store, container, || StoreRequest::Set {
        key,
        value,
        limit_bytes,
    })
}

#[test]
fn data_survives_the_process_and_belongs_to_one_container() {
    let folder = Folder::new();
    let store = folder.store();
    set(&store, "a", b"key", b"one", 100).unwrap();
    set(&store, "a", b"key", b"two", 100).unwrap();
    assert_eq!(get(&store, "b", b"key"), Err(Errno::NoEntry));
    drop(store);
    let store = folder.store();
    assert_eq!(get(&store, "a", b"key").unwrap(), b"two");
    assert_eq!(
        ask(&store, "a", || StoreRequest::Delete { key: b"key" }),
        Ok(Vec::new())
    );
    assert_eq!(
        ask(&store, "a", || StoreRequest::Delete { key: b"key" }),
        Err(Errno::NoEntry)
    );
    drop(store);
    assert_eq!(get(&folder.store(), "a", b"key"), Err(Errno::NoEntry));
}

#[test]
fn one_process_at_a_time_has_a_containers_data() {
    let folder = Folder::new();
    // Locks belong to the open file, so two stores stand for two processes.
    let (ours, theirs) = (folder.store(), folder.store());
    let claim = ours.claim("a").unwrap();
    let refused = theirs.claim("a").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    let _another = theirs.claim("b").unwrap();
    set(&ours, "a", b"key", b"value", 100).unwrap();
    drop(claim);
    theirs.claim("a").unwrap();
    assert_eq!(get(&theirs, "a", b"key").unwrap(), b"value");
}

#[test]
fn a_power_cut_leaves_the_old_value() {
    let folder = Folder::new();
    set(&folder.store(), "a", b"key", b"old", 100).unwrap();
    let file = folder.files().pop().unwrap();
    // The write was cut before the rename.
    let temporary = PathBuf::from(format!("{}.tmp", file.display()));
    fs::write(&temporary, b"TKV1 half a va").unwrap();
    let store = folder.store();
    assert_eq!(get(&store, "a", b"key").unwrap(), b"old");
    assert!(!temporary.exists());
    assert!(store.take_damaged().is_empty());
}

#[test]
fn a_damaged_file_is_set_aside_and_told() {
    let folder = Folder::new();
    let store = folder.store();
    set(&store, "a", b"good", b"1", 100).unwrap();
    set(&store, "a", b"bad", b"2", 100).unwrap();
    let file = folder
        .files()
        .into_iter()
        .find(|path| path.ends_with("bad.kv"))
        .unwrap();
    for len in 0..fs::read(&file).unwrap().len() {
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..len]).unwrap();
        let fresh = folder.store();
        assert_eq!(
            get(&fresh, "a", b"bad"),
            Err(Errno::NoEntry),
            "{len} bytes left"
        );
        assert_eq!(get(&fresh, "a", b"good").unwrap(), b"1");
        assert_eq!(fresh.take_damaged().len(), 1);
        fs::write(&file, &whole).unwrap();
    }
    // Damaged while the store is open: the guest hears it once.
    let mut flipped = fs::read(&file).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&file, flipped).unwrap();
    assert_eq!(get(&store, "a", b"bad"), Err(Errno::Io));
    assert_eq!(get(&store, "a", b"bad"), Err(Errno::NoEntry));
    assert!(
        store
            .take_damaged()
            .iter()
            .all(|path| path.to_string_lossy().ends_with("bad.kv.damaged"))
    );
    set(&store, "a", b"bad", b"3", 100).unwrap();
    assert_eq!(get(&store, "a", b"bad").unwrap(), b"3");
}

#[test]
fn hostile_names_stay_inside_and_apart() {
    let long = vec![b'/'; 256];
    let mut other = long.clone();
    other[255] = b'.';
    let names: Vec<&[u8]> = vec![
        b"",
        b"%",
        b"%25",
        b".",
        b"..",
        b"../x",
        b"/etc/passwd",
        b"a/b",
        b"a\0b",
        b"A",
        b"a",
        b"\xff",
        &long,
        &other,
    ];
    let encoded: Vec<String> = names.iter().map(|bytes| name::encode(bytes)).collect();
    for name in &encoded {
        assert!(
            name.len() <= 200 && !name.starts_with('.') && !name.contains(['/', '\0']),
            "{name}"
        );
    }
    let distinct: std::collections::BTreeSet<&String> = encoded.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{encoded:?}");
    let folder = Folder::new();
    let store = folder.store();
    set(&store, "../../escape", b"../../key", b"value", 100).unwrap();
    assert_eq!(get(&store, "../../escape", b"../../key").unwrap(), b"value");
    assert_eq!(folder.files().len(), 1);
    store.remove("../../escape").unwrap();
    assert!(folder.files().is_empty());
}

#[test]
fn an_answer_goes_to_whoever_asked() {
    let folder = Folder::new();
    let store = folder.store();
    set(&store, "a", b"x", b"1", 100).unwrap();
    // The container is killed while its request is under way; its successor asks for something else.
    let _ = store.poll(
        &mut Context::from_waker(Waker::noop()),
        "a",
        StoreRequest::Get { key: b"x" },
    );
    assert_eq!(get(&store, "a", b"y"), Err(Errno::NoEntry));
}

#[test]
fn both_stores_behave_like_the_model() {
    const KEYS: [&[u8]; 5] = [b"a", b"b", b"../c", b"dd", b"\0"];
    const VALUES: [&[u8]; 4] = [
        b"",
        b"1",
        b"0123456789",
        b"0123456789012345678901234567890123456789",
    ];
    const LIMIT: u64 = 64;
    let mut seed: u64 = std::env::var("SEED").map_or(0x5EED, |seed| seed.parse().unwrap());
    eprintln!("SEED={seed}");
    let mut random = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let folder = Folder::new();
    let mut disk = folder.store();
    let memory = MemoryStore::default();
    let mut model: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
    for _ in 0..400 {
        let key = KEYS[random(KEYS.len())];
        let value = VALUES[random(VALUES.len())];
        let (request, expected): (&dyn Fn() -> StoreRequest<'static>, _) = match random(4) {
            0 => (
                &|| StoreRequest::Get { key },
                model
                    .get(key)
                    .map(|value| value.to_vec())
                    .ok_or(Errno::NoEntry),
            ),
            1 => (
                &|| StoreRequest::Delete { key },
                model.remove(key).map(|_| Vec::new()).ok_or(Errno::NoEntry),
            ),
            _ => {
                let mut after = model.clone();
                after.insert(key, value);
                let bytes: usize = after
                    .iter()
                    .map(|(key, value)| key.len() + value.len())
                    .sum();
                let fits = bytes <= 64;
                if fits {
                    model = after;
                }
                let expected = if fits {
                    Ok(Vec::new())
                } else {
                    Err(Errno::NoSpace)
                };
                (
                    &|| StoreRequest::Set {
                        key,
                        value,
                        limit_bytes: LIMIT,
                    },
                    expected,
                )
            }
        };
        assert_eq!(ask(&disk, "c", request), expected);
        assert_eq!(ask(&memory, "c", request), expected);
        if random(20) == 0 {
            disk = folder.store();
        }
    }
}
