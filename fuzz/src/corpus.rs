//! Inputs worth trying again and changing: the files in `corpus/<target>` and what a run adds to them.

use std::fs;
use std::path::PathBuf;

use crate::finding::{hash, home};
use crate::random::Random;

/// Inputs kept in memory.
const INPUTS_MAX: usize = 4096;
/// Bytes of an input that may go into the repository, and how many may.
const FILE_BYTES_MAX: usize = 2048;
const FILES_MAX: usize = 64;

/// The inputs of one target.
pub(crate) struct Corpus {
    folder: PathBuf,
    inputs: Vec<Vec<u8>>,
    files: usize,
}

impl Corpus {
    /// The saved inputs of a target, in the order of their names.
    pub(crate) fn load(target: &str) -> Self {
        let folder = home().join("corpus").join(target);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        let inputs: Vec<_> = files
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .collect();
        Self {
            folder,
            files: inputs.len(),
            inputs,
        }
    }

    /// All of them.
    pub(crate) fn inputs(&self) -> &[Vec<u8>] {
        &self.inputs
    }

    /// Adds an input, in place of another when there are too many.
    pub(crate) fn add(&mut self, input: Vec<u8>, random: &mut Random) {
        if self.inputs.len() < INPUTS_MAX {
            self.inputs.push(input);
        } else if let Some(place) = self.inputs.get_mut(random.below(INPUTS_MAX)) {
            *place = input;
        }
    }

    /// Saves an input for other runs, if it is small and there is room.
    pub(crate) fn save(&mut self, input: &[u8]) {
        if input.len() > FILE_BYTES_MAX || self.files >= FILES_MAX {
            return;
        }
        let file = self.folder.join(format!("{:016x}", hash(input)));
        if fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(file, input))
            .is_ok()
        {
            self.files += 1;
        }
    }
}
