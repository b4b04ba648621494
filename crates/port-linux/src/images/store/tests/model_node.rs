//! Files and folders of the disk in memory: what is to be seen of them, and what is durable.

use std::collections::BTreeMap;

use super::random::Random;

#[derive(Default)]
pub(super) struct FileNode {
    pub(super) visible: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// From here on a failed flush has lost what it pretends to have.
    pub(super) lost_from: Option<usize>,
}

#[derive(Default)]
pub(super) struct FolderNode {
    pub(super) visible: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    /// Edits that are not durable; each happens wholly or not at all.
    pub(super) pending: Vec<Vec<Edit>>,
}

pub(super) type Edit = (String, Option<u64>);

pub(super) fn apply(names: &mut BTreeMap<String, u64>, edits: &[Edit]) {
    for (name, inode) in edits {
        match inode {
            Some(inode) => names.insert(name.clone(), *inode),
            None => names.remove(name),
        };
    }
}

impl FileNode {
    /// What was flushed stays; the rest is there, partly there, or zeros.
    pub(super) fn lose(&mut self, random: &mut Random) {
        if self.visible != self.durable {
            let visible = std::mem::take(&mut self.visible);
            let cut = random.below(visible.len() + 1);
            self.durable = match random.below(5) {
                0 => std::mem::take(&mut self.durable),
                1 => visible,
                2 => visible[..cut].to_vec(),
                3 => {
                    let mut content = visible;
                    content[cut..].fill(0);
                    content
                }
                _ => {
                    let mut content = visible;
                    for (number, piece) in content.chunks_mut(16).enumerate() {
                        let old = self.durable.get(number * 16..).unwrap_or_default();
                        match random.below(3) {
                            0 => piece.fill(0),
                            1 => piece
                                .iter_mut()
                                .zip(old)
                                .for_each(|(byte, old)| *byte = *old),
                            _ => {}
                        }
                    }
                    content
                }
            };
        }
        self.visible = self.durable.clone();
        self.lost_from = None;
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.visible.clone();
        if let Some(lost) = self.lost_from.and_then(|from| self.durable.get_mut(from..)) {
            lost.fill(0);
        }
    }

    /// The bytes count as flushed from now on, and are not.
    pub(super) fn fail_sync(&mut self) {
        let pairs = self.visible.iter().zip(&self.durable);
        let same = pairs.take_while(|(new, old)| new == old).count();
        if self.lost_from.is_none_or(|from| from > same) {
            self.lost_from = Some(same);
        }
    }
}
