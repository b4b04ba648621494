//! What the cache refuses, survives and forgets.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use super::*;

const CODE: &[u8] = b"native code of a module, as the compiler gave it";

/// A cache in a fresh folder, and what it says.
struct Bench {
    folder: tempfile::TempDir,
    notices: Arc<Mutex<Vec<Notice>>>,
    bytes_max: u64,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self {
            folder,
            notices: Arc::default(),
            bytes_max: 1 << 20,
        }
    }

    fn open(&self) -> Cache {
        self.try_open().unwrap().unwrap()
    }

    fn try_open(&self) -> Result<Option<Cache>, CacheError> {
        let heard = Arc::clone(&self.notices);
        let sink = NoticeSink::new(move |notice| heard.lock().unwrap().push(notice.clone()));
        Cache::open(
            &CacheSettings {
                folder: self.folder.path().into(),
                bytes_max: self.bytes_max,
            },
            &sink,
        )
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.folder.path().join(file_name(digest))
    }

    /// Rejections so far, and forgets them.
    fn rejections(&self) -> usize {
        let heard = std::mem::take(&mut *self.notices.lock().unwrap());
        heard
            .iter()
            .filter(|notice| matches!(notice, Notice::CacheFileRejected { .. }))
            .count()
    }
}

fn artifact(code: &[u8]) -> Artifact {
    let mut draft = Draft::new().unwrap();
    draft.fill(code, code.len() as u64).unwrap();
    draft.seal().unwrap()
}

/// Expects that the file is refused, removed and told of.
fn refused(bench: &Bench, cache: &Cache, digest: &Digest, what: &str) {
    assert!(cache.get(digest).is_none(), "{what}");
    assert_eq!(bench.rejections(), 1, "{what}");
    assert!(!bench.file(digest).is_file(), "{what}");
}

#[test]
fn what_was_kept_is_found_by_other_processes() {
    let bench = Bench::new();
    assert!(bench.open().get(&[1; 32]).is_none());
    bench.open().put(&[1; 32], &artifact(CODE));
    assert_eq!(bench.open().get(&[1; 32]).unwrap().bytes(), CODE);
    assert!(bench.open().get(&[2; 32]).is_none());
    assert!(bench.notices.lock().unwrap().is_empty());
    let modes = fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().permissions().mode() & 0o777);
    assert_eq!(modes.collect::<Vec<_>>(), [0o600, 0o600]);
}

#[test]
fn every_altered_byte_is_noticed() {
    let bench = Bench::new();
    let cache = bench.open();
    for position in 0..CODE.len() + SEAL_BYTES {
        cache.put(&[1; 32], &artifact(CODE));
        let mut bytes = fs::read(bench.file(&[1; 32])).unwrap();
        bytes[position] ^= 1 << (position % 8);
        fs::write(bench.file(&[1; 32]), bytes).unwrap();
        refused(&bench, &cache, &[1; 32], &format!("byte {position}"));
    }
}

#[test]
fn every_other_length_is_noticed() {
    let bench = Bench::new();
    let cache = bench.open();
    let full = CODE.len() + SEAL_BYTES;
    for len in (0..full + 40).filter(|len| *len != full) {
        cache.put(&[1; 32], &artifact(CODE));
        fs::OpenOptions::new()
            .write(true)
            .open(bench.file(&[1; 32]))
            .unwrap()
            .set_len(len as u64)
            .unwrap();
        refused(&bench, &cache, &[1; 32], &format!("{len} bytes"));
    }
}

#[test]
fn a_file_of_another_module_is_noticed() {
    let bench = Bench::new();
    let cache = bench.open();
    cache.put(&[1; 32], &artifact(CODE));
    fs::rename(bench.file(&[1; 32]), bench.file(&[2; 32])).unwrap();
    refused(&bench, &cache, &[2; 32], "renamed");
}

#[test]
fn a_file_under_another_key_is_noticed() {
    let (bench, other) = (Bench::new(), Bench::new());
    other.open().put(&[1; 32], &artifact(CODE));
    let cache = bench.open();
    fs::copy(other.file(&[1; 32]), bench.file(&[1; 32])).unwrap();
    refused(&bench, &cache, &[1; 32], "foreign");
}

#[test]
fn files_that_others_could_write_are_refused() {
    let bench = Bench::new();
    let cache = bench.open();
    for mode in [0o620, 0o602, 0o640, 0o604, 0o777] {
        cache.put(&[1; 32], &artifact(CODE));
        fs::set_permissions(bench.file(&[1; 32]), fs::Permissions::from_mode(mode)).unwrap();
        refused(&bench, &cache, &[1; 32], &format!("mode {mode:o}"));
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let bench = Bench::new();
    let cache = bench.open();
    cache.put(&[2; 32], &artifact(CODE));
    std::os::unix::fs::symlink(bench.file(&[2; 32]), bench.file(&[1; 32])).unwrap();
    refused(&bench, &cache, &[1; 32], "a link");
    rustix::fs::mknodat(CWD, bench.file(&[1; 32]), FileType::Fifo, PRIVATE, 0).unwrap();
    refused(&bench, &cache, &[1; 32], "a pipe");
    fs::create_dir(bench.file(&[1; 32])).unwrap();
    assert!(cache.get(&[1; 32]).is_none());
    cache.put(&[1; 32], &artifact(CODE));
}

#[test]
fn a_damaged_key_is_replaced_and_its_files_are_not_used() {
    let bench = Bench::new();
    bench.open().put(&[1; 32], &artifact(CODE));
    fs::write(bench.folder.path().join(KEY_FILE), b"short").unwrap();
    let cache = bench.open();
    assert_eq!(bench.rejections(), 1);
    refused(&bench, &cache, &[1; 32], "old key");
    cache.put(&[1; 32], &artifact(CODE));
    assert!(bench.open().get(&[1; 32]).is_some());
}

#[test]
fn folders_that_others_could_write_are_refused() {
    let bench = Bench::new();
    for mode in [0o770, 0o707, 0o755, 0o710] {
        fs::set_permissions(bench.folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let error = bench.try_open().unwrap_err();
        assert!(
            matches!(error, CacheError::OpenToOthers { mode: found, .. } if found == mode),
            "{error}"
        );
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
    let file = bench.folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let settings = CacheSettings::new(&file);
    let error = Cache::open(&settings, &NoticeSink::default()).unwrap_err();
    assert!(matches!(error, CacheError::NotAFolder { .. }), "{error}");
    let link = bench.folder.path().join("link");
    std::os::unix::fs::symlink(bench.folder.path(), &link).unwrap();
    let error = Cache::open(&CacheSettings::new(&link), &NoticeSink::default()).unwrap_err();
    assert!(matches!(error, CacheError::NotAFolder { .. }), "{error}");
}

#[test]
fn a_missing_folder_is_made_private() {
    let bench = Bench::new();
    let folder = bench.folder.path().join("a/b");
    assert!(
        Cache::open(&CacheSettings::new(&folder), &NoticeSink::default())
            .unwrap()
            .is_some()
    );
    assert_eq!(
        fs::metadata(folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_done_without() {
    let heard = Arc::new(Mutex::new(0));
    let count = Arc::clone(&heard);
    let sink = NoticeSink::new(move |_| *count.lock().unwrap() += 1);
    let cache = Cache::open(&CacheSettings::new("/proc/thimble-cache"), &sink).unwrap();
    assert!(cache.is_none());
    assert_eq!(*heard.lock().unwrap(), 1);
}

#[test]
fn a_failed_write_is_told_and_leaves_nothing() {
    let bench = Bench::new();
    let cache = bench.open();
    fs::remove_dir_all(bench.folder.path()).unwrap();
    cache.put(&[1; 32], &artifact(CODE));
    assert!(matches!(
        &bench.notices.lock().unwrap()[..],
        [Notice::CacheWriteFailed { .. }]
    ));
    assert!(cache.get(&[1; 32]).is_none());
}

#[test]
fn the_oldest_used_go_first() {
    let mut bench = Bench::new();
    let size = (CODE.len() + SEAL_BYTES) as u64;
    bench.bytes_max = 3 * size;
    let cache = bench.open();
    for number in 1..=3 {
        cache.put(&[number; 32], &artifact(CODE));
        let time = fs::FileTimes::new()
            .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(number.into()));
        fs::File::open(bench.file(&[number; 32]))
            .unwrap()
            .set_times(time)
            .unwrap();
    }
    assert!(cache.get(&[1; 32]).is_some(), "used again");
    cache.put(&[4; 32], &artifact(CODE));
    let left: Vec<_> = (1..=4)
        .filter(|number| bench.file(&[*number; 32]).exists())
        .collect();
    assert_eq!(left, [1, 3, 4]);
    bench.bytes_max = size - 1;
    bench.open().put(&[5; 32], &artifact(CODE));
    assert!(matches!(
        &bench.notices.lock().unwrap()[..],
        [Notice::CacheWriteFailed { .. }]
    ));
}

#[test]
fn drafts_of_dead_processes_are_removed() {
    let bench = Bench::new();
    let (old, new) = (
        bench.folder.path().join("1.draft"),
        bench.folder.path().join("2.draft"),
    );
    fs::write(&old, b"x").unwrap();
    fs::write(&new, b"x").unwrap();
    fs::File::open(&old)
        .unwrap()
        .set_times(fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH))
        .unwrap();
    bench.open().put(&[1; 32], &artifact(CODE));
    assert!(!old.exists());
    assert!(new.exists());
}

#[test]
fn many_may_use_a_folder_at_once() {
    let bench = Bench::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..50_u8 {
                    let cache = bench.open();
                    let digest = [round % 5; 32];
                    let code = [round % 5; 5_000];
                    match cache.get(&digest) {
                        Some(found) => assert_eq!(found.bytes(), code),
                        None => cache.put(&digest, &artifact(&code)),
                    }
                }
            });
        }
    });
    assert_eq!(*bench.notices.lock().unwrap(), []);
    let drafts = fs::read_dir(bench.folder.path()).unwrap().filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|extension| extension == "draft")
    });
    assert_eq!(drafts.count(), 0);
}
