//! `thimble daemon`: gives the daemon an engine, images and the owner's settings, and runs it.

mod images;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use thimble_daemon::{Images, Program, Setup};
use thimble_runtime::engine::Engine;

use crate::arguments::EngineName;
use crate::engines;
use crate::failure::Failure;
use crate::folders;
use crate::settings;

use images::LocalImages;

/// Containers for which the engine sets address space aside; more are allocated one by one.
const SLOTS: u32 = 1024;

#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct DaemonArguments {
    /// What executes the WebAssembly.
    #[arg(long, value_name = "ENGINE", default_value = "wasmtime")]
    engine: EngineName,
}

const HELP: &str = "\
Containers, their data and their state are below $THIMBLE_ROOT; the socket is $THIMBLE_SOCKET, or below that folder.
What else can be set is in thimble.toml in the folder of settings, in the table [daemon].

Examples:
  thimble daemon
  THIMBLE_ROOT=/var/lib/edge thimble daemon
  curl --unix-socket /run/thimble/thimble.sock http://localhost/v1/device";

/// Runs the daemon until it is asked to end.
pub(crate) fn daemon(arguments: &DaemonArguments) -> Result<ExitCode, Failure> {
    let settings = settings::read()?;
    let missing = || {
        Failure::device(
            "starting the daemon",
            "there is no folder to keep its state in; set THIMBLE_ROOT or HOME",
        )
    };
    thimble_daemon::log_to_standard_error(std::io::stderr().is_terminal());
    let setup = Setup {
        root: folders::data().ok_or_else(missing)?,
        socket: folders::socket().ok_or_else(missing)?,
        writable: folders::cache().into_iter().collect(),
        readable: folders::config().into_iter().collect(),
        settings: settings.daemon.clone(),
    };
    // It cannot be made once the process is confined.
    if let Some(folder) = folders::cache() {
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::device("making the folder of compiled modules", error))?;
    }
    let program = ThisProgram {
        engine: arguments.engine,
    };
    thimble_daemon::run(&setup, &program)
        .map_err(|error| Failure::device("the daemon cannot run", error))
}

struct ThisProgram {
    engine: EngineName,
}

impl Program for ThisProgram {
    fn engine(&self) -> Result<Arc<dyn Engine>, String> {
        engines::make(self.engine, SLOTS).map_err(|failure| failure.to_string())
    }

    fn images(&self) -> Result<Arc<dyn Images>, String> {
        let images = LocalImages::open().map_err(|failure| failure.to_string())?;
        Ok(Arc::new(images))
    }
}
