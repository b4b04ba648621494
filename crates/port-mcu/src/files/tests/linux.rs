//! The same random operations here and in a real folder: the same answers, the same tree.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::operations::{Operation, PATHS, content};
use super::*;

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(alloc::format!("thimble-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn errno(error: &io::Error) -> Errno {
    match error.raw_os_error() {
        Some(1) => Errno::Permission,
        Some(2) => Errno::NoEntry,
        Some(16) => Errno::Busy,
        Some(17) => Errno::Exists,
        Some(20) => Errno::NotDirectory,
        Some(21) => Errno::IsDirectory,
        Some(22) => Errno::Invalid,
        Some(39) => Errno::NotEmpty,
        Some(40) => Errno::Loop,
        number => panic!("{number:?}"),
    }
}

/// Does an operation in a real folder.
fn act(root: &Path, path: &str, operation: &Operation) -> io::Result<String> {
    // Joining would take a slash at the end away.
    let at = |path: &str| PathBuf::from(alloc::format!("{}/{path}", root.display()));
    let real = at(path);
    let regular = || OpenOptions::new().read(true).write(true).open(&real);
    match operation {
        Operation::Create {
            exclusive,
            truncate,
        } => {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true);
            options.create_new(*exclusive).truncate(*truncate);
            options.open(&real).map(drop)?;
        }
        Operation::Write(offset, length) => {
            let bytes = content(*length);
            let within = usize::try_from(*offset % 512).unwrap();
            let once = bytes.get(..2048 - within).unwrap_or(&bytes);
            regular()?.write_all_at(once, *offset)?;
        }
        Operation::Append(length) => {
            drop(regular()?);
            OpenOptions::new()
                .append(true)
                .open(&real)?
                .write_all(&content(*length))?;
        }
        Operation::SetSize(size) => regular()?.set_len(*size)?,
        Operation::MakeDirectory => fs::create_dir(&real)?,
        Operation::RemoveDirectory => fs::remove_dir(&real)?,
        Operation::Remove => fs::remove_file(&real)?,
        Operation::Rename(to) => fs::rename(&real, at(to))?,
        Operation::Link(to) => fs::hard_link(&real, at(to))?,
        Operation::Symlink(target) => std::os::unix::fs::symlink(target, &real)?,
        Operation::ReadLink => {
            return fs::read_link(&real).map(|target| target.to_str().unwrap().into());
        }
        Operation::Stat(follow) => {
            let found = match follow {
                true => fs::metadata(&real)?,
                false => fs::symlink_metadata(&real)?,
            };
            return Ok(if found.is_dir() {
                "directory".into()
            } else if found.is_symlink() {
                alloc::format!("link {}", found.len())
            } else {
                alloc::format!("file {} {}", found.nlink(), found.len())
            });
        }
    }
    Ok(String::new())
}

fn dump_real(root: &Path) -> Dump {
    let mut all = Dump::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let node = if found.is_dir() {
                folders.push(path.clone());
                Node::Directory
            } else if found.is_symlink() {
                Node::Symlink(fs::read_link(&path).unwrap().to_str().unwrap().into())
            } else {
                Node::File(found.nlink(), fs::read(&path).unwrap())
            };
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().into();
            all.insert(name, node);
        }
    }
    all
}

/// A file that is open here and there.
struct Pair(Box<dyn File>, fs::File);

impl Pair {
    /// Does something to both; whether they are the same.
    fn act(&mut self, random: &mut Random) {
        let Self(ours, theirs) = self;
        let offset = u64::try_from(random.below(4000)).unwrap();
        match random.below(4) {
            0 => {
                let bytes = random.bytes(700);
                write_all(&mut **ours, offset, &bytes).unwrap();
                theirs.write_all_at(&bytes, offset).unwrap();
            }
            1 => {
                set_size(&mut **ours, offset).unwrap();
                theirs.set_len(offset).unwrap();
            }
            _ => {}
        }
        let found = metadata(&mut **ours).unwrap();
        let real = theirs.metadata().unwrap();
        assert_eq!((found.size, found.links), (real.len(), real.nlink()));
        let length = random.below(3000);
        let mut expected = vec![0; length];
        let count = theirs.read_at(&mut expected, offset).unwrap();
        expected.truncate(count);
        assert_eq!(read(&mut **ours, offset, length).unwrap(), expected);
    }
}

#[test]
fn a_random_walk_agrees_with_linux() {
    let mut random = Random::new(0x6c_696e_7578);
    for round in 0..4 {
        let folder = Folder::new(&alloc::format!("files-{round}"));
        let memory = Memory::new();
        let mut volumes = volumes(&memory);
        let mut mount = volumes.open("c", "data", MUCH).unwrap();
        let mut open: Vec<Pair> = Vec::new();
        let mut succeeded = 0;
        for step in 0..1500 {
            let operation = Operation::random(&mut random);
            let mut path = random.pick(&PATHS);
            if !operation.takes_slash() {
                path = path.trim_end_matches('/');
            }
            let ours = operation.act(&mut *mount, path);
            let theirs = act(&folder.0, path, &operation).map_err(|error| errno(&error));
            assert_eq!(
                ours, theirs,
                "round {round}, step {step}: {operation:?} {path}"
            );
            succeeded += u32::from(ours.is_ok());
            if random.below(10) == 0 {
                let real = OpenOptions::new()
                    .read(true)
                    .write(true)
                    .open(folder.0.join("a"));
                if let (Ok(ours), Ok(theirs)) = (file_if(&mut *mount, "a"), real) {
                    open.push(Pair(ours, theirs));
                }
            }
            if !open.is_empty() {
                let place = random.below(open.len());
                open[place].act(&mut random);
                if open.len() > 4 {
                    open.swap_remove(place);
                }
            }
            if random.below(40) == 0 {
                open.clear();
                let used = volumes.usage("c").unwrap();
                drop(mount);
                assert_eq!(checked(&memory, "c"), used, "step {step}");
                volumes = super::volumes(&memory);
                mount = volumes.open("c", "data", MUCH).unwrap();
                assert_eq!(volumes.usage("c").unwrap(), used, "step {step}");
                assert_eq!(dump(&mut *mount), dump_real(&folder.0), "step {step}");
            }
        }
        assert!(succeeded > 150, "{succeeded}");
    }
}

fn file_if(directory: &mut dyn Directory, path: &str) -> Result<Box<dyn File>, Errno> {
    match open(directory, path, How::default())? {
        Opened::File(file, _) => Ok(file),
        Opened::Directory(_) => Err(Errno::IsDirectory),
    }
}
