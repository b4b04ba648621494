//! `kill -9` at random moments of everything that changes the store: it is consistent every time, and nothing that
//! was complete is lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use thimble_image::{Descriptor, Digest, Document, Reference};
use thimble_port_linux::images::store::{ImageStore, Session};

use super::device::{Device, exits};
use thimble_testkit::random::{Random, seed};
use thimble_testkit::registry::{Kind, Registry};

/// Commands that are killed before they have finished.
const KILLS: u32 = 500;
/// Commands at most.
const ROUNDS_MAX: u32 = 10 * KILLS;
/// So often a command runs to its end, to see how long it takes.
const LOOK_EVERY: u32 = 8;
/// Images in the registry.
const IMAGES: u64 = 6;
/// Names that are given and taken away.
const NAMES: u64 = 8;
/// Bytes of a module at most.
const MODULE_BYTES_MAX: u64 = 64 << 20;

/// What is named here: full name and digest.
type Names = BTreeMap<String, Digest>;

#[test]
fn the_store_survives_kills_at_any_moment() {
    let seed = seed(7);
    let mut random = Random::new(seed);
    let registry = Registry::start(Kind::Open);
    let remote = publish(&registry);
    let device = Device::new();
    let mut known = Names::new();
    let (mut killed, mut finished, mut round) = (0, 0, 0);
    // How long each command takes here, in microseconds, so that it is hit and not missed.
    let mut lasts: BTreeMap<String, u64> = BTreeMap::new();
    while killed < KILLS {
        round += 1;
        assert!(
            round <= ROUNDS_MAX,
            "seed {seed}: only {killed} of {round} were hit"
        );
        let operation = draw(&mut random, &remote, &known);
        let words: Vec<&str> = operation.words.iter().map(String::as_str).collect();
        let mut child = device.command(&words).spawn().unwrap();
        let command = &operation.words[0];
        match lasts.get(command) {
            // From its first instruction to a little after its end.
            Some(micros) if round % LOOK_EVERY != 0 => {
                std::thread::sleep(Duration::from_micros(random.below(micros * 5 / 4)));
                let _ = child.kill();
            }
            _ => {
                let begun = Instant::now();
                child.wait().unwrap();
                let micros = u64::try_from(begun.elapsed().as_micros()).unwrap();
                lasts.insert(command.clone(), micros.max(1));
            }
        }
        let outcome = crate::command::end(child);
        let context = format!("seed {seed}, round {round}: {words:?}: {outcome:?}");
        let was_killed = outcome.code == -1;
        assert!(was_killed || outcome.code == 0, "{context}");
        *if was_killed {
            &mut killed
        } else {
            &mut finished
        } += 1;
        let found = examine(&device, &context);
        let mut after = known.clone();
        operation.apply(&mut after);
        assert!(
            found == after || was_killed && found == known,
            "{context}: known {known:?}, found {found:?}"
        );
        known = found;
    }
    println!("{killed} killed, {finished} had finished");
    // What is left is exactly what is named.
    device.ok(&["prune"]);
    examine(&device, "after the last prune");
    for name in known.keys() {
        device.ok(&["rmi", name]);
    }
    device.ok(&["prune"]);
    assert_eq!(device.store().usage().unwrap().blobs, 0);
}

/// Makes images, two of which share a module, and puts them into the registry.
fn publish(registry: &Registry) -> Vec<(String, Digest)> {
    let maker = Device::new();
    (0..IMAGES)
        .map(|number| {
            let name = registry.name(&format!("image:{number}"));
            let module = maker.place.file(
                "module.wat",
                exits(
                    u8::try_from(number).unwrap(),
                    &format!("{:04}", number / 2).repeat(16_000),
                ),
            );
            let built = maker.json(&["build", "-t", &name, module.to_str().unwrap()]);
            maker.ok(&["push", &name]);
            (name, built["digest"].as_str().unwrap().parse().unwrap())
        })
        .collect()
}

/// A command, and what it does to the names when it is done.
struct Operation {
    words: Vec<String>,
    name: Option<(String, Option<Digest>)>,
}

impl Operation {
    fn apply(&self, names: &mut Names) {
        match &self.name {
            Some((name, Some(digest))) => drop(names.insert(name.clone(), *digest)),
            Some((name, None)) => drop(names.remove(name)),
            None => {}
        }
    }
}

fn draw(random: &mut Random, remote: &[(String, Digest)], known: &Names) -> Operation {
    let pick = |random: &mut Random| {
        let at = random.index(known.len().max(1));
        known.iter().nth(at)
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match (random.below(10), pick(random)) {
        (5 | 6, Some((from, digest))) => {
            let name = format!("docker.io/library/name:{}", random.below(NAMES));
            Operation {
                words: words(&["tag", from, &name]),
                name: Some((name, Some(*digest))),
            }
        }
        (7 | 8, Some((name, _))) => Operation {
            words: words(&["rmi", name]),
            name: Some((name.clone(), None)),
        },
        (9, _) => Operation {
            words: words(&["prune"]),
            name: None,
        },
        _ => {
            let (name, digest) = random.pick(remote);
            Operation {
                words: words(&["pull", name]),
                name: Some((name.clone(), Some(*digest))),
            }
        }
    }
}

/// Checks every byte of the store, and that every name leads to a whole image; the names.
fn examine(device: &Device, context: &str) -> Names {
    if !device.images().exists() {
        return Names::new();
    }
    let store = device.store();
    let damages = store.check().unwrap();
    assert!(damages.is_empty(), "{context}: {damages:?}");
    assert!(
        store.notices().is_empty(),
        "{context}: {:?}",
        store.notices()
    );
    let session = store.session().unwrap();
    let images = store.images().unwrap();
    images
        .into_iter()
        .map(|image| {
            whole(&store, &session, &image.root, context);
            let name: Reference = image.name.parse().unwrap();
            (name.to_string(), image.root.digest)
        })
        .collect()
}

fn whole(store: &ImageStore, session: &Session, root: &Descriptor, context: &str) {
    session.keep_image(root).unwrap();
    let document = store
        .document(root)
        .unwrap_or_else(|error| panic!("{context}: {root:?}: {error}"));
    let Document::Manifest(manifest) = document else {
        panic!("{context}: {root:?} is an index")
    };
    for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
        let bytes = store
            .read_verified(&blob.digest, MODULE_BYTES_MAX)
            .unwrap_or_else(|error| panic!("{context}: {blob:?}: {error}"));
        assert_eq!(bytes.len() as u64, blob.size, "{context}");
    }
}
