//! Follows paths. None leads above the directory where it begins, not by `..` and not by symbolic links.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_abi::Errno;

use super::entries::{Named, What, text};
use super::layout::{CHUNK_BYTES, Kind, NAME_BYTES_MAX};
use super::tree::Session;

/// Symbolic links that one path follows, as Linux has it.
const LINKS_MAX: u32 = 40;

/// Directories that have others above them, on the way to a volume's root.
const DEPTH_MAX: u32 = 4096;

/// When a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// Never: the name itself is meant.
    Never,
    /// If a slash behind it asks for a directory.
    BeforeSlash,
    /// Always.
    Always,
}

/// Where a path leads.
pub(super) struct Place {
    /// The directory of the last name, or the one meant if there is no name.
    pub(super) directory: u32,
    pub(super) last: Option<Last>,
}

/// The last name of a path.
pub(super) struct Last {
    pub(super) name: String,
    /// Whether a slash follows it.
    pub(super) slash: bool,
    pub(super) found: Option<Named>,
}

/// The first name of a path, whether a slash follows it, and what comes then.
fn split(path: &str) -> (&str, bool, &str) {
    match path.split_once('/') {
        Some((name, rest)) => (name, true, rest.trim_start_matches('/')),
        None => (path, false, ""),
    }
}

impl Session<'_> {
    /// Follows a path from a directory.
    ///
    /// # Errors
    /// [`Errno::NotCapable`] if it leads above; [`Errno::NoEntry`], [`Errno::NotDirectory`], [`Errno::Loop`],
    /// [`Errno::NameTooLong`] as everywhere.
    pub(super) fn walk(&mut self, base: u32, path: &str, follow: Follow) -> Result<Place, Errno> {
        let mut above: Vec<u32> = Vec::new();
        let mut directory = base;
        let mut links = 0;
        let mut path = text(path)?;
        let mut at = 0;
        if path.starts_with('/') {
            return Err(Errno::NotCapable);
        }
        loop {
            let (name, slash, rest) = split(path.get(at..).unwrap_or_default());
            let next = path.len().saturating_sub(rest.len());
            match name {
                "" | "." => {}
                ".." => directory = above.pop().ok_or(Errno::NotCapable)?,
                _ => {
                    let found = self.look(directory, name)?;
                    let goes_on = !rest.is_empty();
                    let followed = match follow {
                        _ if goes_on => true,
                        Follow::Never => false,
                        Follow::BeforeSlash => slash,
                        Follow::Always => true,
                    };
                    match found.map(|found| found.what) {
                        Some(What::Inode(link, Kind::Symlink)) if followed => {
                            links += 1;
                            path = self.followed(link, links, slash, rest)?;
                            at = 0;
                            continue;
                        }
                        _ if !goes_on => {
                            let name = text(name)?;
                            let last = Some(Last { name, slash, found });
                            return Ok(Place { directory, last });
                        }
                        Some(What::Inode(below, Kind::Directory)) => {
                            above.try_reserve(1).map_err(|_| Errno::NoMemory)?;
                            above.push(directory);
                            directory = below;
                        }
                        Some(What::Inode(..)) => return Err(Errno::NotDirectory),
                        Some(What::Damaged) => return Err(Errno::Io),
                        None => return Err(Errno::NoEntry),
                    }
                }
            }
            if rest.is_empty() {
                let last = None;
                return Ok(Place { directory, last });
            }
            at = next;
        }
    }

    fn look(&mut self, directory: u32, name: &str) -> Result<Option<Named>, Errno> {
        if name.len() > NAME_BYTES_MAX {
            return Err(Errno::NameTooLong);
        }
        self.find(directory, name)
    }

    /// The path to go on with behind a symbolic link.
    fn followed(
        &mut self,
        link: u32,
        links: u32,
        slash: bool,
        rest: &str,
    ) -> Result<String, Errno> {
        if links > LINKS_MAX {
            return Err(Errno::Loop);
        }
        let mut path = self.target(link)?;
        if path.starts_with('/') {
            return Err(Errno::NotCapable);
        }
        let more = rest.len().saturating_add(1);
        path.try_reserve(more).map_err(|_| Errno::NoMemory)?;
        if slash {
            path.push('/');
            path.push_str(rest);
        }
        Ok(path)
    }

    /// What a symbolic link says.
    pub(super) fn target(&mut self, link: u32) -> Result<String, Errno> {
        let inode = self.inode(link)?;
        if inode.kind != Kind::Symlink || inode.size > CHUNK_BYTES {
            return Err(Errno::Io);
        }
        let length = usize::try_from(inode.size).map_err(|_| Errno::Io)?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length)
            .map_err(|_| Errno::NoMemory)?;
        bytes.resize(length, 0);
        self.read(link, 0, &mut bytes)?;
        String::from_utf8(bytes).map_err(|_| Errno::Io)
    }

    /// Whether a directory is another one or lies in it.
    pub(super) fn is_within(&mut self, directory: u32, ancestor: u32) -> Result<bool, Errno> {
        let mut directory = directory;
        for _ in 0..DEPTH_MAX {
            if directory == ancestor {
                return Ok(true);
            }
            if directory == 0 {
                return Ok(false);
            }
            directory = self.inode(directory)?.parent;
        }
        Err(Errno::Io)
    }
}

impl Place {
    /// The inode that is meant, and what it is.
    ///
    /// # Errors
    /// [`Errno::NoEntry`]; [`Errno::NotDirectory`] where a slash follows something else; [`Errno::Io`] if it is
    /// damaged.
    pub(super) fn existing(&self) -> Result<(u32, Kind), Errno> {
        let Some(last) = &self.last else {
            return Ok((self.directory, Kind::Directory));
        };
        match last.found.map(|found| found.what) {
            None => Err(Errno::NoEntry),
            Some(What::Damaged) => Err(Errno::Io),
            Some(What::Inode(_, kind)) if last.slash && kind != Kind::Directory => {
                Err(Errno::NotDirectory)
            }
            Some(What::Inode(inode, kind)) => Ok((inode, kind)),
        }
    }
}
