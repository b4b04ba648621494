//! The store on a real file system: read by other tools, shared by threads and by processes that are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use thimble_image::document::Manifest;
use thimble_image::store::{Admission, BlobStore, BlobWriter};
use thimble_image::{Descriptor, Digest, Reference, media_type};

use super::super::{ImageStore, PruneMode, StoreError, StoreSettings};
use super::random::Random;
use super::universe::Universe;

/// Where a child finds the store, and its number.
const CHILD: &str = "THIMBLE_STORE_CHILD";
/// Processes that are killed, unless `THIMBLE_KILLS` says otherwise.
const KILLS: u64 = 60;
/// What a child says instead of a digest when it takes a name away.
const NONE: &str = "none";

fn open(folder: &Path) -> ImageStore {
    ImageStore::open(folder, StoreSettings::default()).unwrap()
}

fn run(package: &str, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install Debian's package {package}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn other_tools_read_the_store_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/images");
    let store = open(&path);
    let session = store.session().unwrap();
    let config = br#"{"architecture":"wasm","os":"wasip1","config":{"Cmd":["hello"]},
        "rootfs":{"type":"layers","diff_ids":[]}}"#;
    let config = session.write(media_type::OCI_CONFIG, config).unwrap();
    let layer = session.write(media_type::WASM, b"\0asm\x01\0\0\0").unwrap();
    let manifest = Manifest::new(config, vec![layer]).to_json();
    let root = session.write(media_type::MANIFEST, &manifest).unwrap();
    let digest = root.digest;
    let by_digest = format!("docker.io/library/x@{digest}");
    let names = [
        "localhost:5000/a/b:1",
        "docker.io/library/x:latest",
        &by_digest,
    ];
    for name in names {
        store.tag(&name.parse().unwrap(), &root).unwrap();
    }
    let path = path.to_str().unwrap();
    for name in &names[..2] {
        let image = format!("oci:{path}:{name}");
        let said = run("skopeo", "skopeo", &["inspect", &image]);
        assert!(said.contains(&digest.to_string()), "{said}");
        let said = run("skopeo", "skopeo", &["inspect", "--raw", &image]);
        assert_eq!(said.as_bytes(), manifest);
    }
    let listed = run("umoci", "umoci", &["ls", "--layout", path]);
    let listed: BTreeSet<&str> = listed.lines().collect();
    assert_eq!(listed, BTreeSet::from(names));
    // And what another tool has put there counts.
    let from = format!("oci:{path}:localhost:5000/a/b:1");
    let to = format!("oci:{path}:by/skopeo:2");
    let policy = "--insecure-policy";
    run("skopeo", "skopeo", &[policy, "copy", &from, &to]);
    let images = open(Path::new(path)).images().unwrap();
    assert_eq!(images.len(), 4);
    store.prune(PruneMode::Remove).unwrap();
    assert_eq!(store.check().unwrap(), []);
}

#[test]
fn links_and_other_things_in_the_folder_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let blob = Descriptor::of(media_type::WASM, b"secret");
    let path = folder.path().join("blobs/sha256").join(blob.digest.hex());
    std::os::unix::fs::symlink(&secret, &path).unwrap();
    assert!(matches!(
        store.read_verified(&blob.digest, 100),
        Err(StoreError::Device { .. })
    ));
    std::fs::remove_file(&path).unwrap();
    run("coreutils", "mkfifo", &[path.to_str().unwrap()]);
    assert!(store.read_verified(&blob.digest, 100).is_err());
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_dir_all(folder.path().join("pins")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("pins")).unwrap();
    assert!(ImageStore::open(folder.path(), StoreSettings::default()).is_err());
}

#[test]
fn many_threads_write_a_shared_blob_once() {
    let folder = tempfile::tempdir().unwrap();
    let content = Random::new(5).bytes(300_000);
    let blob = Descriptor::of(media_type::WASM, &content);
    let (written, gave_up) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let session = open(folder.path()).session().unwrap();
                let Admission::Wanted(mut writer) = session.admit(&blob).unwrap() else {
                    return;
                };
                let begin = writer.offset() as usize;
                let is_early = gave_up.fetch_add(1, Ordering::SeqCst) < 3;
                let end = if is_early {
                    begin + 50_000
                } else {
                    content.len()
                };
                for piece in content[begin..end].chunks(1000) {
                    writer.write(piece).unwrap();
                    written.fetch_add(piece.len() as u32, Ordering::SeqCst);
                }
                if !is_early {
                    writer.commit().unwrap();
                }
            });
        }
    });
    assert_eq!(written.into_inner() as usize, content.len());
    let store = open(folder.path());
    assert_eq!(store.read_verified(&blob.digest, 1 << 20).unwrap(), content);
    assert_eq!(store.usage().unwrap().ingest_bytes, 0);
}

/// What a child does until it is killed: tells each edit of a name before and after it happens.
fn child(folder: &Path, number: &str, seed: u64) -> Result<(), StoreError> {
    let universe = Universe::new(&mut Random::new(1));
    let mut random = Random::new(seed);
    let store = ImageStore::open(folder, StoreSettings::default())?;
    let say = |text: String| {
        let mut output = std::io::stderr().lock();
        output.write_all(text.as_bytes()).unwrap();
    };
    loop {
        let root = random.pick(&universe.roots).clone();
        let name = format!("child-{number}:{}", random.below(3));
        let name: Reference = name.parse().unwrap();
        match random.below(6) {
            0..3 => {
                let session = store.session()?;
                for digest in universe.needed(&root.digest) {
                    let (blob, content) = &universe.blobs[&digest];
                    let Admission::Wanted(mut writer) = session.admit(blob)? else {
                        continue;
                    };
                    for piece in content[writer.offset() as usize..].chunks(200) {
                        writer.write(piece)?;
                    }
                    writer.commit().unwrap();
                }
                say(format!("begin {name} {}\n", root.digest));
                store.tag(&name, &root)?;
                say(format!("done {name} {}\n", root.digest));
            }
            3 => {
                say(format!("begin {name} {NONE}\n"));
                store.untag(&name.to_string())?;
                say(format!("done {name} {NONE}\n"));
            }
            4 => {
                store.prune(PruneMode::Remove)?;
            }
            _ => {
                for (owner, digests) in store.pins()? {
                    assert!(!digests.is_empty(), "{owner}");
                }
                store.unpin(number)?;
                if let Some(image) = store.images()?.first() {
                    match store.pin(number, &image.root.digest) {
                        // Its child may have taken the name away, and another pruned it.
                        Ok(()) | Err(StoreError::Missing { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

/// Is the child when the test program is started as one.
#[test]
fn run_as_child() {
    let Ok(arguments) = std::env::var(CHILD) else {
        return;
    };
    let mut arguments = arguments.splitn(3, ' ');
    let (number, seed) = (arguments.next().unwrap(), arguments.next().unwrap());
    let folder = PathBuf::from(arguments.next().unwrap());
    child(&folder, number, seed.parse().unwrap()).unwrap();
}

struct Child {
    process: std::process::Child,
    output: std::thread::JoinHandle<Vec<String>>,
}

fn spawn(folder: &Path, number: usize, seed: u64) -> Child {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "images::store::tests::real::run_as_child",
            "--nocapture",
        ])
        .env(CHILD, format!("{number} {seed} {}", folder.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(process.stderr.take().unwrap());
    // When it says something, it has begun: the killing is not spent on starting.
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    let output = std::thread::spawn(move || {
        let mut text = first;
        output.read_to_string(&mut text).unwrap();
        text.lines().map(Into::into).collect()
    });
    Child { process, output }
}

#[test]
fn killed_processes_lose_nothing_that_was_complete() {
    let kills = std::env::var("THIMBLE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = std::env::var("THIMBLE_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("THIMBLE_SEED={seed}");
    let mut random = Random::new(seed);
    let universe = Universe::new(&mut Random::new(1));
    let folder = tempfile::tempdir().unwrap();
    // What each name may be of: of several where its edit was cut short.
    let mut names = BTreeMap::<String, BTreeSet<String>>::new();
    let mut children: Vec<Child> = Vec::new();
    for kill in 0..kills {
        while children.len() < 3 {
            let number = children.len();
            children.push(spawn(folder.path(), number, random.next()));
        }
        let moment = Duration::from_micros(random.below(40_000) as u64);
        // Not a wait for something to be done, but the choice of a moment.
        std::thread::park_timeout(moment);
        // All at once, as when the power goes, or each while the others go on.
        let last = if kill % 5 == 4 { 0 } else { 2 };
        for mut child in children.drain(last..) {
            child.process.kill().unwrap();
            child.process.wait().unwrap();
            for line in child.output.join().unwrap() {
                let [what, name, root] = line.split(' ').collect::<Vec<_>>()[..] else {
                    panic!("a child said: {line}")
                };
                let roots = names
                    .entry(name.into())
                    .or_insert_with(|| [NONE.into()].into());
                if what == "done" {
                    roots.clear();
                }
                roots.insert(root.into());
            }
        }
        let store = open(folder.path());
        assert_eq!(store.notices(), Vec::<String>::new());
        let images = store.images().unwrap();
        if last == 0 {
            let seen: BTreeMap<_, _> = images
                .iter()
                .map(|image| (image.name.clone(), image.root.digest.to_string()))
                .collect();
            for (name, roots) in &mut names {
                let root = seen.get(name).map_or(NONE, String::as_str);
                assert!(
                    roots.contains(root),
                    "{name} is {root}, not one of {roots:?}"
                );
                *roots = [root.into()].into();
            }
            assert!(seen.keys().all(|name| names.contains_key(name)));
            assert_eq!(store.check().unwrap(), []);
            let needed: BTreeSet<Digest> = images
                .iter()
                .flat_map(|image| universe.needed(&image.root.digest))
                .collect();
            for digest in needed {
                assert!(
                    store.read_verified(&digest, 1 << 20).is_ok(),
                    "{digest} is gone"
                );
            }
        }
    }
    for mut child in children {
        child.process.kill().unwrap();
        child.process.wait().unwrap();
    }
}
