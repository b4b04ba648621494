//! A file system in memory that fails where it is told to, and forgets at a power cut what was not flushed, in any way
//! that POSIX allows.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::Errno;

use super::super::disk::{Disk, DiskFile, Entry, Open};
use super::model_node::{Edit, FileNode, FolderNode, apply};
use super::random::Random;

const ROOT: u64 = 1;

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It fails.
    Fails(Errno),
    /// It may or may not have happened, and nothing works any more until [`ModelDisk::restart`].
    Stops,
}

#[derive(Clone)]
pub(super) struct ModelDisk(Arc<Mutex<State>>);

struct State {
    files: BTreeMap<u64, FileNode>,
    folders: BTreeMap<u64, FolderNode>,
    next: u64,
    /// Which open file has the lock.
    locks: BTreeMap<u64, u64>,
    random: Random,
    /// Operations until the fault, and then after how many more again.
    countdown: Option<u64>,
    every: Option<u64>,
    fault: Fault,
    /// Flushes of folders until one fails.
    flushes: Option<u64>,
    is_stopped: bool,
    faults: u64,
    operations: u64,
    free_bytes: u64,
    /// Counts restarts: what was opened before one is dead.
    life: u64,
}

struct ModelFile {
    disk: ModelDisk,
    inode: u64,
    handle: u64,
    life: u64,
}

impl ModelDisk {
    pub(super) fn new(random: Random) -> Self {
        let state = State {
            files: BTreeMap::new(),
            folders: BTreeMap::from([(ROOT, FolderNode::default())]),
            next: ROOT + 1,
            locks: BTreeMap::new(),
            random,
            countdown: None,
            every: None,
            fault: Fault::Stops,
            flushes: None,
            is_stopped: false,
            faults: 0,
            operations: 0,
            free_bytes: u64::MAX / 4,
            life: 0,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Lets the operation fail before which that many work; then again and again, or never.
    pub(super) fn fail(&self, after: u64, every: Option<u64>, fault: Fault) {
        let mut state = self.0.lock();
        state.countdown = Some(after);
        state.every = every;
        state.fault = fault;
    }

    /// Lets the flush of a folder fail before which that many work.
    pub(super) fn fail_flush(&self, after: u64, fault: Fault) {
        let mut state = self.0.lock();
        state.flushes = Some(after);
        state.fault = fault;
    }

    /// Tells whether something failed since the last time; lets everything work then.
    pub(super) fn heal_if_failed(&self) -> bool {
        let has_failed = self.0.lock().faults > 0;
        has_failed && self.heal()
    }

    /// Lets everything work; tells whether something failed since the last time.
    pub(super) fn heal(&self) -> bool {
        let mut state = self.0.lock();
        state.countdown = None;
        state.flushes = None;
        std::mem::take(&mut state.faults) > 0
    }

    /// Lets nothing work until [`ModelDisk::restart`].
    pub(super) fn stop(&self) {
        self.0.lock().is_stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.lock().is_stopped
    }

    pub(super) fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    pub(super) fn set_free_bytes(&self, bytes: u64) {
        self.0.lock().free_bytes = bytes;
    }

    /// Begins anew after every process died: with everything, or after a power cut with what is durable and some of
    /// what is not.
    pub(super) fn restart(&self, power_cut: bool) {
        let mut state = self.0.lock();
        state.countdown = None;
        state.faults = 0;
        state.is_stopped = false;
        state.locks.clear();
        state.life += 1;
        if !power_cut {
            return;
        }
        let State {
            files,
            folders,
            random,
            ..
        } = &mut *state;
        // Often nothing that was not flushed is there: what everybody forgot to flush is missed most then.
        let some = random.below(2);
        for folder in folders.values_mut() {
            for edits in std::mem::take(&mut folder.pending) {
                if some == 1 && random.below(2) == 0 {
                    apply(&mut folder.durable, &edits);
                }
            }
            folder.visible = folder.durable.clone();
        }
        for file in files.values_mut() {
            file.lose(random);
        }
    }

    /// Changes a file behind the store's back.
    pub(super) fn tamper(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        let inode = state.find(path).unwrap().unwrap();
        let file = state.files.get_mut(&inode).unwrap();
        change(&mut file.visible);
        file.durable = file.visible.clone();
    }

    /// The names in a folder with their content.
    pub(super) fn contents(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let state = self.0.lock();
        let names = &state.folders[&state.folder(folder).unwrap()].visible;
        let content = |inode: &u64| state.files.get(inode).map(|file| file.visible.clone());
        let files = names
            .iter()
            .map(|(name, inode)| (name.clone(), content(inode)));
        files
            .filter_map(|(name, content)| Some((name, content?)))
            .collect()
    }

    /// Counts an operation; fails it if it is its turn.
    fn operate<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock();
        if state.is_stopped {
            return Err(Errno::IO.into());
        }
        state.operations += 1;
        match state.countdown {
            Some(0) => {}
            Some(left) => {
                state.countdown = Some(left - 1);
                return act(&mut state);
            }
            None => return act(&mut state),
        }
        state.countdown = state.every;
        state.faults += 1;
        match state.fault {
            Fault::Fails(errno) => Err(errno.into()),
            Fault::Stops => {
                let result = (state.random.below(2) == 0).then(|| act(&mut state));
                state.is_stopped = true;
                // A file takes the lock when it is dropped.
                drop(state);
                drop(result);
                Err(Errno::IO.into())
            }
        }
    }
}

impl State {
    fn folder(&self, path: &str) -> io::Result<u64> {
        let mut inode = ROOT;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let folder = self.folders.get(&inode).ok_or(Errno::NOTDIR)?;
            inode = *folder.visible.get(part).ok_or(Errno::NOENT)?;
        }
        Ok(inode)
    }

    fn find(&self, path: &str) -> io::Result<Option<u64>> {
        let (folder, name) = split(path);
        let folder = self.folder(folder)?;
        let folder = self.folders.get(&folder).ok_or(Errno::NOTDIR)?;
        Ok(folder.visible.get(name).copied())
    }

    fn edit(&mut self, folder: u64, edits: Vec<Edit>) {
        let folder = self.folders.get_mut(&folder).unwrap();
        apply(&mut folder.visible, &edits);
        folder.pending.push(edits);
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl Disk for ModelDisk {
    fn make_folder(&self, path: &str) -> io::Result<bool> {
        self.operate(|state| {
            if state.find(path)?.is_some() {
                return Ok(false);
            }
            let (folder, name) = split(path);
            let folder = state.folder(folder)?;
            let inode = state.number();
            state.folders.insert(inode, FolderNode::default());
            state.edit(folder, vec![(name.into(), Some(inode))]);
            Ok(true)
        })
    }

    fn open(&self, path: &str, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let disk = self.clone();
        self.operate(|state| {
            let inode = match (state.find(path)?, how) {
                (Some(_), Open::MakeNew) => return Err(Errno::EXIST.into()),
                (Some(inode), _) => inode,
                (None, Open::Read) => return Err(Errno::NOENT.into()),
                (None, _) => {
                    let (folder, name) = split(path);
                    let folder = state.folder(folder)?;
                    let inode = state.number();
                    state.files.insert(inode, FileNode::default());
                    state.edit(folder, vec![(name.into(), Some(inode))]);
                    inode
                }
            };
            let handle = state.number();
            let life = state.life;
            Ok(Box::new(ModelFile {
                disk,
                inode,
                handle,
                life,
            }) as Box<dyn DiskFile>)
        })
    }

    fn entry(&self, path: &str) -> io::Result<Option<Entry>> {
        self.operate(|state| {
            let found = state.find(path)?;
            Ok(found.map(|inode| Entry {
                bytes: state.files[&inode].visible.len() as u64,
                identity: (0, inode),
            }))
        })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.operate(|state| {
            let folder = state.folder(folder)?;
            Ok(state.folders[&folder].visible.keys().cloned().collect())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|state| {
            let inode = state.find(from)?.ok_or(Errno::NOENT)?;
            let (from_folder, from_name) = split(from);
            let (to_folder, to_name) = split(to);
            let (from_folder, to_folder) = (state.folder(from_folder)?, state.folder(to_folder)?);
            let mut gain = vec![(to_name.to_owned(), Some(inode))];
            let loss = vec![(from_name.to_owned(), None)];
            if from_folder == to_folder {
                gain.extend(loss);
                state.edit(to_folder, gain);
            } else {
                state.edit(to_folder, gain);
                state.edit(from_folder, loss);
            }
            Ok(())
        })
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        self.operate(|state| {
            state.find(path)?.ok_or(Errno::NOENT)?;
            let (folder, name) = split(path);
            let folder = state.folder(folder)?;
            state.edit(folder, vec![(name.into(), None)]);
            Ok(())
        })
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        {
            let mut state = self.0.lock();
            match state.flushes {
                Some(0) => {
                    state.flushes = None;
                    state.countdown = Some(0);
                }
                Some(left) => state.flushes = Some(left - 1),
                None => {}
            }
        }
        self.operate(|state| {
            let folder = state.folder(folder)?;
            let folder = state.folders.get_mut(&folder).unwrap();
            folder.pending.clear();
            folder.durable = folder.visible.clone();
            Ok(())
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.operate(|state| Ok(state.free_bytes))
    }
}

impl ModelFile {
    fn operate<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let life = self.life;
        self.disk.operate(|state| {
            assert_eq!(state.life, life, "a dead process uses its file");
            act(state)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut FileNode, &mut Random) -> T) -> io::Result<T> {
        self.operate(|state| {
            let file = state.files.get_mut(&self.inode).unwrap();
            Ok(act(file, &mut state.random))
        })
    }
}

/// Mostly all, sometimes less.
fn short(random: &mut Random, bytes: usize) -> usize {
    if bytes > 1 && random.below(8) == 0 {
        1 + random.below(bytes - 1)
    } else {
        bytes
    }
}

impl DiskFile for ModelFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|file, random| {
            let rest = file.visible.get(offset as usize..).unwrap_or_default();
            let bytes = short(random, rest.len().min(buffer.len()));
            buffer[..bytes].copy_from_slice(&rest[..bytes]);
            bytes
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.operate(|state| {
            let taken = short(&mut state.random, bytes.len());
            let taken = taken.min(state.free_bytes as usize);
            if taken == 0 {
                return Err(Errno::NOSPC.into());
            }
            state.free_bytes -= taken as u64;
            let file = state.files.get_mut(&self.inode).unwrap();
            let (start, end) = (offset as usize, offset as usize + taken);
            if file.visible.len() < end {
                file.visible.resize(end, 0);
            }
            file.visible[start..end].copy_from_slice(&bytes[..taken]);
            Ok(taken)
        })
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.with(|file, _| {
            file.visible.resize(bytes as usize, 0);
            if file.lost_from.is_some_and(|from| from >= bytes as usize) {
                file.lost_from = None;
            }
        })
    }

    fn sync(&self) -> io::Result<()> {
        let result = self.with(|file, _| file.sync());
        let mut state = self.disk.0.lock();
        // A disk that fails all the time does not let anybody do away with the file; see `Writer::forget`.
        let is_single = state.every.is_none() && !state.is_stopped;
        if result.is_err() && is_single && state.random.below(2) == 0 {
            state.files.get_mut(&self.inode).unwrap().fail_sync();
        }
        result
    }

    fn entry(&self) -> io::Result<Entry> {
        self.with(|file, _| Entry {
            bytes: file.visible.len() as u64,
            identity: (0, self.inode),
        })
    }

    fn lock(&self) -> io::Result<()> {
        match self.try_lock()? {
            true => Ok(()),
            false => panic!("it would wait for ever"),
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.operate(|state| {
            let owner = *state.locks.entry(self.inode).or_insert(self.handle);
            Ok(owner == self.handle)
        })
    }
}

impl Drop for ModelFile {
    fn drop(&mut self) {
        let mut state = self.disk.0.lock();
        if state.life == self.life && state.locks.get(&self.inode) == Some(&self.handle) {
            state.locks.remove(&self.inode);
        }
    }
}
