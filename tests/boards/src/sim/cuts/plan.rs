//! What is done next: anything that makes sense, at random.

use anyhow::Result;
use thimble_image::ImageConfig;
use thimble_serial::Policy;
use thimble_testkit::random::Random;

use crate::Packed;
use crate::sim::guests;
use crate::sim::model::{Operation, State, WRITER, Wanted};

const NAMES: [&str; 3] = ["one", "two", "three"];
const REFERENCES: [&str; 3] = ["app:1", "app:2", "other:1"];
/// Where the writer's image is among them, and its name.
const WRITER_IMAGE: (usize, &str) = (0, "writer:1");
/// Bytes of the images that wait.
const IDLE_BYTES: [usize; 4] = [0, 80, 600, 6000];

/// The images: the writer's, and those that wait.
pub(super) fn images() -> Result<Vec<Packed>> {
    let mut images = vec![guests::image(guests::WRITER, guests::writer_config())?];
    for (version, bytes) in (0..).zip(IDLE_BYTES) {
        images.push(guests::image(
            &guests::idle(version, bytes),
            ImageConfig::default(),
        )?);
    }
    Ok(images)
}

/// An operation that makes sense in this state.
pub(super) fn next(random: &mut Random, images: &[Packed], state: &State) -> Operation {
    loop {
        let operation = match random.below(12) {
            0 | 1 => Some(install(random, images)),
            2 => remove_image(random, state),
            3 | 4 => create(random, state),
            5 | 6 => want(random, state),
            7 => remove(random, state),
            _ => write(images, state),
        };
        if let Some(operation) = operation {
            return operation;
        }
    }
}

fn install(random: &mut Random, images: &[Packed]) -> Operation {
    let number = 1 + random.index(images.len() - 1);
    let digest = images[number].digest();
    Operation::Install {
        number,
        digest,
        reference: (*random.pick(&REFERENCES)).to_owned(),
    }
}

fn remove_image(random: &mut Random, state: &State) -> Option<Operation> {
    let is_unused = |digest: &&String| {
        let mut users = state.containers.values();
        users.all(|kept| kept.digest != **digest)
    };
    let unused: Vec<&String> = state.images.keys().filter(is_unused).collect();
    (!unused.is_empty()).then(|| Operation::RemoveImage {
        digest: (*random.pick(&unused)).clone(),
    })
}

fn create(random: &mut Random, state: &State) -> Option<Operation> {
    let reference = *random.pick(&REFERENCES);
    let digest = digest_of(state, reference)?;
    let name = *random.pick(&NAMES);
    Some(Operation::Create {
        name: name.to_owned(),
        reference: reference.to_owned(),
        digest,
        argument: format!("{:06}", random.below(1_000_000)),
        policy: *random.pick(&[Policy::Always, Policy::UnlessStopped]),
        replace: state.containers.contains_key(name),
    })
}

fn digest_of(state: &State, reference: &str) -> Option<String> {
    let mut images = state.images.iter();
    let found = images.find(|(_, names)| names.contains(reference))?;
    Some(found.0.clone())
}

fn want(random: &mut Random, state: &State) -> Option<Operation> {
    let name = *random.pick(&NAMES);
    let kept = state.containers.get(name)?;
    let to = match kept.wanted {
        Wanted::Up => *random.pick(&[Wanted::Paused, Wanted::Down]),
        Wanted::Paused | Wanted::Down => Wanted::Up,
    };
    Some(Operation::Want {
        name: name.to_owned(),
        from: kept.wanted,
        to,
    })
}

fn remove(random: &mut Random, state: &State) -> Option<Operation> {
    let names: Vec<&String> = state.containers.keys().collect();
    if names.is_empty() {
        return None;
    }
    let name = (*random.pick(&names)).clone();
    // Its data are worth more than those of the others.
    (name != WRITER || random.below(4) == 0).then_some(Operation::Remove { name })
}

/// What brings the writer nearer to writing.
fn write(images: &[Packed], state: &State) -> Option<Operation> {
    if state.containers.contains_key(WRITER) {
        return Some(Operation::Write);
    }
    let (number, reference) = WRITER_IMAGE;
    let digest = images[number].digest();
    if digest_of(state, reference).is_none() {
        return Some(Operation::Install {
            number,
            digest,
            reference: reference.to_owned(),
        });
    }
    Some(Operation::Create {
        name: WRITER.to_owned(),
        reference: reference.to_owned(),
        digest,
        argument: "0".to_owned(),
        policy: Policy::No,
        replace: false,
    })
}
