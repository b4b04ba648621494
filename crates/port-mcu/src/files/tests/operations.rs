//! Random operations, told as data, and what they do to files.

use super::*;

/// Names: some of the same file, some through directories that may be links.
pub(super) const PATHS: [&str; 17] = [
    "a", "b", "c", "d", "d/a", "d/b", "e", "e/a", "d/e", "d/e/c", "l", "l/a", "./b", "d/../c",
    "d//b", "d/", "a/",
];

/// What symbolic links say: never out of the folder, wherever they are moved.
const TARGETS: [&str; 6] = ["a", "d", "d/e", "l", "nothing", "e/a"];

/// Something to do by path.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Create { exclusive: bool, truncate: bool },
    Write(u64, usize),
    Append(usize),
    SetSize(u64),
    MakeDirectory,
    RemoveDirectory,
    Remove,
    Rename(&'static str),
    Link(&'static str),
    Symlink(&'static str),
    ReadLink,
    Stat(bool),
}

impl Operation {
    pub(super) fn random(random: &mut Random) -> Self {
        let plain = |path: &&'static str| !path.ends_with('/');
        let names: Vec<_> = PATHS.iter().copied().filter(plain).collect();
        match random.below(22) {
            0..3 => Self::Create {
                exclusive: random.below(4) == 0,
                truncate: random.below(4) == 0,
            },
            3..6 => Self::Write(
                u64::try_from(random.below(3000)).unwrap(),
                random.below(2500),
            ),
            6 => Self::Append(random.below(1200)),
            7 | 8 => Self::SetSize(u64::try_from(random.below(20_000)).unwrap()),
            9 | 10 => Self::MakeDirectory,
            11 => Self::RemoveDirectory,
            12..14 => Self::Remove,
            14..17 => Self::Rename(random.pick(&PATHS)),
            17 => Self::Link(random.pick(&names)),
            18 => Self::Symlink(random.pick(&TARGETS)),
            19 => Self::ReadLink,
            _ => Self::Stat(random.below(2) == 0),
        }
    }

    /// Whether a slash at the end of its path means what it means to Linux: for links, Linux and `cap-std` differ.
    pub(super) const fn takes_slash(&self) -> bool {
        !matches!(self, Self::Link(_) | Self::Symlink(_))
    }

    /// Does it here: what it tells, if anything. Writes ask once, so that all of it is one group.
    pub(super) fn act(&self, directory: &mut dyn Directory, path: &str) -> Result<String, Errno> {
        match self {
            Self::Create {
                exclusive,
                truncate,
            } => {
                let how = How {
                    exclusive: *exclusive,
                    truncate: *truncate,
                    ..CREATE
                };
                open(directory, path, how).map(drop)?;
            }
            Self::Write(offset, length) => {
                let mut file = regular(directory, path)?;
                write(&mut *file, Position::At(*offset), &content(*length)).map(drop)?;
            }
            Self::Append(length) => {
                let mut file = regular(directory, path)?;
                write(&mut *file, Position::End, &content(*length)).map(drop)?;
            }
            Self::SetSize(size) => set_size(&mut *regular(directory, path)?, *size)?,
            Self::MakeDirectory => make_folder(directory, path)?,
            Self::RemoveDirectory => remove_folder(directory, path)?,
            Self::Remove => remove(directory, path)?,
            Self::Rename(to) => rename(directory, path, None, to)?,
            Self::Link(to) => link(directory, path, None, to)?,
            Self::Symlink(target) => symlink(directory, target, path)?,
            Self::ReadLink => return read_link(directory, path),
            Self::Stat(follow) => {
                let found = stat(directory, path, *follow)?;
                return Ok(match found.filetype {
                    filetype::REGULAR_FILE => {
                        alloc::format!("file {} {}", found.links, found.size)
                    }
                    filetype::DIRECTORY => "directory".into(),
                    _ => alloc::format!("link {}", found.size),
                });
            }
        }
        Ok(String::new())
    }
}

/// Bytes that tell where they are.
pub(super) fn content(length: usize) -> Vec<u8> {
    let byte = |index: usize| u8::try_from((index * 7 + length) % 253).unwrap();
    (0..length).map(byte).collect()
}

fn regular(directory: &mut dyn Directory, path: &str) -> Result<Box<dyn File>, Errno> {
    match open(directory, path, How::default())? {
        Opened::File(file, _) => Ok(file),
        Opened::Directory(_) => Err(Errno::IsDirectory),
    }
}
