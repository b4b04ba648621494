//! `thimble cp`: files and folders to and from the volumes of a container.

mod pack;
#[cfg(test)]
mod tests;
mod unpack;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use thimble_device_api::{Client, ClientError, ProblemKind};

use crate::arguments::CopyArguments;
use crate::failure::{Failure, chain};

use super::client;

use pack::Packed;

/// An end of a copy.
enum Place<'a> {
    /// In a container.
    Container { name: &'a str, path: &'a str },
    /// A file or folder of this machine.
    Local(PathBuf),
    /// A tar archive on a standard stream.
    Stream,
}

/// Copies.
pub(super) fn copy(arguments: &CopyArguments) -> Result<(), Failure> {
    match (place(&arguments.from), place(&arguments.to)) {
        (Place::Container { name, path }, Place::Local(to)) => {
            check(path, &arguments.from)?;
            download(&client()?, name, path, &to)
        }
        (Place::Container { name, path }, Place::Stream) => {
            check(path, &arguments.from)?;
            stream_out(&client()?, name, path)
        }
        (Place::Local(from), Place::Container { name, path }) => {
            check(path, &arguments.to)?;
            upload(&client()?, &from, name, path)
        }
        (Place::Stream, Place::Container { name, path }) => {
            check(path, &arguments.to)?;
            client()?
                .put_files(name, path, io::stdin())
                .map_err(|error| Failure::daemon(name, error))
        }
        _ => Err(Failure::option(
            "cp",
            format!("{} {}", arguments.from, arguments.to),
            "one of the two must be CONTAINER:PATH, and the other a file, a folder or `-`",
        )),
    }
}

/// `CONTAINER:PATH`; what begins with `/` or `.` is a file of this machine whatever is in it.
fn place(text: &str) -> Place<'_> {
    if text == "-" {
        return Place::Stream;
    }
    match text.split_once(':') {
        Some((name, path)) if !text.starts_with(['/', '.']) && !name.contains('/') => {
            Place::Container { name, path }
        }
        _ => Place::Local(text.into()),
    }
}

fn check(path: &str, text: &str) -> Result<(), Failure> {
    if path.starts_with('/') {
        return Ok(());
    }
    Err(Failure::option(
        "cp",
        text,
        "the path inside the container must begin with `/`",
    ))
}

fn stream_out(client: &Client, name: &str, path: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    if output.is_terminal() {
        return Err(Failure::option(
            "cp",
            "-",
            "an archive is nothing for a terminal; send standard output somewhere",
        ));
    }
    let mut archive = client
        .files(name, path)
        .map_err(|error| Failure::daemon(name, error))?;
    io::copy(&mut archive, &mut output)
        .map(drop)
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NoReader,
            _ => Failure::device("copying the archive", chain(&error)),
        })
}

fn download(client: &Client, name: &str, path: &str, to: &Path) -> Result<(), Failure> {
    let archive = client
        .files(name, path)
        .map_err(|error| Failure::daemon(name, error))?;
    let left_out = unpack::unpack(archive, last_part(path), to)
        .map_err(|reason| Failure::device("copying from the container", reason))?;
    for link in left_out {
        eprintln!(
            "thimble: {}: is a link, which is left out",
            crate::observer::printable(&link)
        );
    }
    Ok(())
}

/// The last part of a path, if that is a name.
fn last_part(path: &str) -> Option<&str> {
    Path::new(path).file_name()?.to_str()
}

fn upload(client: &Client, from: &Path, name: &str, path: &str) -> Result<(), Failure> {
    let failed = |error| Failure::daemon(name, error);
    let unreadable = |reason: String| Failure::Unreadable {
        path: from.to_owned(),
        reason,
    };
    let metadata = from.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => unreadable("it is not there".into()),
        _ => unreadable(error.to_string()),
    })?;
    let own_name = from
        .canonicalize()
        .ok()
        .and_then(|path| path.file_name().map(|name| name.to_owned()))
        .ok_or_else(|| unreadable("it has no name".into()))?;
    let found = kind_of(client, name, path).map_err(failed)?;
    let (folder, called) = match found {
        Some(Kind::Folder) => (path.to_owned(), own_name),
        Some(Kind::File) if metadata.is_dir() => {
            return Err(Failure::option(
                "cp",
                path,
                "a folder cannot be put where a file is",
            ));
        }
        None if path.ends_with('/') && !metadata.is_dir() => {
            return Err(Failure::option(
                "cp",
                path,
                "there is no such folder in the container",
            ));
        }
        Some(Kind::File) | None => {
            let target = Path::new(path);
            let (Some(parent), Some(called)) = (target.parent(), target.file_name()) else {
                return Err(Failure::option("cp", path, "is no path of a file"));
            };
            (parent.display().to_string(), called.to_owned())
        }
    };
    let archive = Packed::new(from, called)
        .map_err(|error| Failure::device("copying to the container", error))?;
    client.put_files(name, &folder, archive).map_err(failed)
}

enum Kind {
    File,
    Folder,
}

/// What is at a path of a container, if anything: its archive begins with it, and is read no further.
fn kind_of(client: &Client, name: &str, path: &str) -> Result<Option<Kind>, ClientError> {
    let archive = match client.files(name, path) {
        Ok(archive) => archive,
        Err(error) => {
            return match error.problem().map(|problem| problem.kind) {
                Some(ProblemKind::NoSuchFile) => Ok(None),
                _ => Err(error),
            };
        }
    };
    let mut archive = tar::Archive::new(archive);
    let broken = |error: io::Error| ClientError::Broken {
        reason: error.to_string(),
    };
    let first = archive.entries().map_err(broken)?.next();
    Ok(match first.transpose().map_err(broken)? {
        Some(entry) if entry.header().entry_type().is_dir() => Some(Kind::Folder),
        Some(_) => Some(Kind::File),
        None => None,
    })
}
