//! Reads a file or folder of this machine as a tar archive, while it is made.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// An archive that a thread makes while it is read. What keeps the thread from finishing is told to the reader: half an
/// archive must not look like a whole one.
pub(super) struct Packed {
    pipe: io::PipeReader,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Packed {
    /// Packs what is at this path, under a name.
    pub(super) fn new(from: &Path, called: OsString) -> io::Result<Self> {
        let (pipe, writer) = io::pipe()?;
        let from = from.to_owned();
        let thread = std::thread::Builder::new()
            .name("pack".into())
            .spawn(move || pack(&from, called, writer))?;
        Ok(Self {
            pipe,
            thread: Some(thread),
        })
    }
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer)?;
        if count == 0
            && !buffer.is_empty()
            && let Some(thread) = self.thread.take()
        {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("packing the files failed")))?;
        }
        Ok(count)
    }
}

fn pack(from: &Path, called: OsString, writer: io::PipeWriter) -> io::Result<()> {
    let mut archive = tar::Builder::new(BufWriter::new(writer));
    archive.follow_symlinks(false);
    let called = PathBuf::from(called);
    let told =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", from.display()));
    // What was named is meant, also through a link; links inside a folder stay links.
    if from.is_dir() {
        archive.append_dir_all(&called, from).map_err(told)?;
    } else {
        let mut file = File::open(from).map_err(told)?;
        archive.append_file(&called, &mut file).map_err(told)?;
    }
    archive.into_inner()?.flush()
}
