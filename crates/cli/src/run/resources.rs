//! Opens what a container has from the start: streams, mounts, listeners, and the devices it may use.

use std::io::ErrorKind;
use std::sync::{Arc, LazyLock};

use thimble_port_linux::board::{Change, Simulated};
use thimble_port_linux::network::{self, LinuxNetwork};
use thimble_port_linux::pool::{IDLE_MAX, Pool, THREADS_MAX};
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::store::{Claim, FileStore, MemoryStore};
use thimble_port_linux::{files, streams};
use thimble_runtime::host::{Mount, Resources};
use thimble_runtime::port::{Board, KeyValue, Level, Network, NoBoard};

use crate::arguments::RunArguments;
use crate::failure::{Failure, chain};
use crate::folders;

use super::Role;
use super::options::{Options, Volume};

/// Threads for what would wait for a disk: none until there is something to do.
static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(THREADS_MAX, IDLE_MAX));

/// Opens streams, mounts and listeners. Standard input and listeners belong to the main container.
pub(super) fn open(
    arguments: &RunArguments,
    options: &Options,
    reactor: &Reactor,
    role: Role,
) -> Result<Resources, Failure> {
    let main = role == Role::Main;
    let stdin = if arguments.declared.interactive && main {
        streams::standard_input(&POOL, reactor).unwrap_or_else(|_| streams::null())
    } else {
        streams::null()
    };
    let listeners = if main {
        arguments.declared.listen.as_slice()
    } else {
        &[]
    };
    Ok(Resources {
        stdin,
        // A closed stream is as good as one that nobody reads.
        stdout: streams::standard_output(&POOL, reactor).unwrap_or_else(|_| streams::null()),
        stderr: streams::standard_error(&POOL, reactor).unwrap_or_else(|_| streams::null()),
        mounts: options
            .volumes
            .iter()
            .map(|volume| mount(volume, reactor))
            .collect::<Result<_, _>>()?,
        listeners: listeners
            .iter()
            .map(|text| {
                network::listen(text, reactor)
                    .map_err(|error| Failure::option("--listen", text, chain(&error)))
            })
            .collect::<Result<_, _>>()?,
    })
}

fn mount(volume: &Volume, reactor: &Reactor) -> Result<Mount, Failure> {
    let directory = files::open_mount(&volume.source, &POOL, reactor)
        .map_err(|error| Failure::option("--volume", volume.source.display().to_string(), error))?;
    Ok(Mount {
        path: volume.destination.clone(),
        directory,
        read_only: volume.read_only,
    })
}

/// The network of this machine.
pub(super) fn network(reactor: &Reactor) -> Box<dyn Network + Send> {
    Box::new(LinuxNetwork::new(reactor.clone()))
}

/// The simulated board, if one was asked for. What happens to its outputs is told on standard error.
pub(super) fn board(arguments: &RunArguments) -> Result<Box<dyn Board + Send>, Failure> {
    let Some(path) = &arguments.board else {
        return Ok(Box::new(NoBoard));
    };
    let board = Simulated::load(path)
        .map_err(|error| Failure::option("--board", path.display().to_string(), chain(&error)))?;
    let json = arguments.json;
    Ok(Box::new(board.on_change(move |change| tell(change, json))))
}

fn tell(change: &Change, json: bool) {
    let level = u8::from(change.level == Level::High);
    let place = format!("{}.{}", change.pin.port, change.pin.pin);
    let name = change.pin.name.as_deref().unwrap_or(&place);
    if json {
        eprintln!(
            "{}",
            serde_json::json!({"event": "pin", "pin": name, "level": level})
        );
    } else {
        eprintln!("board: {name} = {level}");
    }
}

/// Where the key-value data of this run are.
pub(super) enum Store {
    /// In memory: the container has no name by which it would find them again.
    Memory,
    /// On disk, under the container's name.
    Disk {
        files: Arc<FileStore>,
        /// `None` if they cannot be claimed, and so will not be usable either.
        _claim: Option<Claim>,
    },
}

impl Store {
    pub(super) fn open(arguments: &RunArguments) -> Result<Self, Failure> {
        let Some(name) = &arguments.declared.name else {
            return Ok(Self::Memory);
        };
        let folder = folders::data().ok_or_else(|| {
            Failure::option(
                "--name",
                name,
                "there is no folder to keep its data in; set THIMBLE_ROOT or HOME",
            )
        })?;
        let files = Arc::new(FileStore::new(folder.join("kv"), POOL.clone()));
        let claim = match files.claim(name) {
            Ok(claim) => Some(claim),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(Failure::option(
                    "--name",
                    name,
                    "a container of this name is running; stop it or choose another name",
                ));
            }
            // Most containers keep nothing; one that does hears it from its calls.
            Err(_) => None,
        };
        Ok(Self::Disk {
            files,
            _claim: claim,
        })
    }

    pub(super) fn device(&self) -> Box<dyn KeyValue + Send> {
        match self {
            Self::Memory => Box::new(MemoryStore::default()),
            Self::Disk { files, .. } => Box::new(Arc::clone(files)),
        }
    }

    /// Says which data were damaged.
    pub(super) fn tell_damaged(&self) {
        let Self::Disk { files, .. } = self else {
            return;
        };
        for path in files.take_damaged() {
            eprintln!(
                "thimble: stored data were damaged and set aside as {}",
                path.display()
            );
        }
    }
}
