//! What the program does while it is watched: a container of each kind, on each engine.
//!
//! What most runs need comes first. The guests are of text, so that a build needs no other compiler.

mod client;
mod daemon;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use self::client::Client;
use super::order::Stage;
use crate::loopback;
use crate::process;

/// Stands for a free port in an argument.
const PORT: &str = "{port}";

const ENGINES: [&str; 3] = ["wasmtime", "wasmi", "inplace"];

/// One guest, and how it is run.
struct Visit {
    name: &'static str,
    text: &'static str,
    arguments: &'static [&'static str],
}

const VISITS: [Visit; 5] = [
    Visit {
        name: "hello",
        text: include_str!("tour/hello.wat"),
        arguments: &[],
    },
    Visit {
        name: "device",
        text: include_str!("tour/device.wat"),
        arguments: &[
            "--name=tour",
            "--allow=timer",
            "--allow=kv",
            "--allow=bus.pub:tour/#",
            "--allow=bus.sub:tour/#",
        ],
    },
    Visit {
        name: "network",
        text: include_str!("tour/network.wat"),
        arguments: &["--listen=tcp/127.0.0.1:{port}"],
    },
    Visit {
        name: "files",
        text: include_str!("tour/files.wat"),
        arguments: &["--volume=.:/data"],
    },
    Visit {
        name: "busy",
        text: include_str!("tour/busy.wat"),
        arguments: &[],
    },
];

/// Takes a program on the tour, each visit twice: the first fills its cache, the second is run by `watch`.
///
/// Only below `folder` anything is written.
pub(super) fn take(
    program: &Path,
    folder: &Path,
    mut watch: impl FnMut(&mut Command) -> Result<BTreeSet<u64>>,
) -> Result<Vec<Stage>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut stages = Vec::new();
    for engine in ENGINES {
        for visit in &VISITS {
            let name = format!("{} on {engine}", visit.name);
            let run = |watch: &mut dyn FnMut(&mut Command) -> Result<BTreeSet<u64>>| {
                visit
                    .run(program, folder, engine, watch)
                    .with_context(|| format!("the guest {name}"))
            };
            run(&mut |command| process::capture(command).map(|_| BTreeSet::new()))?;
            let entered = run(&mut watch)?;
            stages.push(Stage { name, entered });
        }
    }
    // It has the same functions and many more; those that every run needs are in front already.
    daemon::run(program, folder, &mut |command| {
        process::capture(command).map(|_| BTreeSet::new())
    })
    .context("the daemon")?;
    let entered = daemon::run(program, folder, &mut watch).context("the daemon")?;
    stages.push(Stage {
        name: "daemon".to_owned(),
        entered,
    });
    Ok(stages)
}

impl Visit {
    fn run(
        &self,
        program: &Path,
        folder: &Path,
        engine: &str,
        watch: &mut dyn FnMut(&mut Command) -> Result<BTreeSet<u64>>,
    ) -> Result<BTreeSet<u64>> {
        let guest = folder.join(self.name).with_extension("wasm");
        fs::write(&guest, wat::parse_str(self.text)?)?;
        let port = loopback::free_port()?;
        let arguments = self
            .arguments
            .iter()
            .map(|argument| argument.replace(PORT, &port.to_string()));
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env("THIMBLE_ROOT", folder)
            .args(["run", "--timeout=30s", "--engine", engine])
            .args(arguments)
            .arg(&guest);
        let client = self.serves().then(|| Client::start(port));
        let result = watch(&mut command);
        if let Some(client) = client {
            client.stop();
        }
        result
    }

    /// Whether it waits for a client.
    fn serves(&self) -> bool {
        self.arguments
            .iter()
            .any(|argument| argument.contains(PORT))
    }
}
