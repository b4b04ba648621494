//! `thimble run`.

pub(crate) mod options;
mod request;
mod resources;

use std::process::ExitCode;
use std::sync::Arc;

use thimble_port_linux::machine::{Devices, Machine};
use thimble_port_linux::reactor::Reactor;
use thimble_runtime::bus::QueuePolicy;
use thimble_runtime::config::{ContainerConfig, ContainerId};
use thimble_runtime::engine::{Engine, LoadError};
use thimble_runtime::kernel::{Schedule, State};
use thimble_runtime::port::Observer;
use thimble_runtime::record::{End, ExitRecord};

use crate::arguments::{EngineName, RunArguments};
use crate::engines;
use crate::failure::{Failure, ImageFault};
use crate::observer::Teller;
use crate::report;
use crate::signals::Signals;
use crate::source::{self, Opening, Source};

use options::Options;
use resources::Store;

/// A container of this run.
struct Container {
    id: ContainerId,
    name: String,
    /// What it runs, kept from being pruned as long as it runs.
    source: Source,
}

/// Runs a container, and those beside it, to its end.
pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    if let Some(option) = arguments.device.first_given() {
        return Err(Failure::option(
            option,
            "",
            "only the daemon can do that: run it there with -d",
        ));
    }
    let options = options::parse(arguments)?;
    let opening = Opening {
        pull: arguments.declared.pull,
        plain_http: arguments.declared.plain_http,
        json: arguments.json,
        judge: true,
    };
    let source = source::open(&arguments.declared.container, &opening)?;
    let beside = arguments
        .with
        .iter()
        .map(|named| source::open(named, &opening));
    let beside = beside.collect::<Result<Vec<_>, Failure>>()?;
    let engine = engines::make(
        arguments.engine.unwrap_or(EngineName::Wasmtime),
        u32::try_from(beside.len() + 1).unwrap_or(u32::MAX),
    )?;

    let reactor =
        Reactor::new().map_err(|error| Failure::device("making an epoll instance", error))?;
    let mut signals = Signals::install(&reactor)
        .map_err(|error| Failure::device("taking over signals", error))?;
    let teller = Arc::new(Teller::new(arguments.json));
    let store = Store::open(arguments)?;
    let devices = devices(arguments, &reactor, &teller, &store)?;
    let machine = Machine::new(devices, Schedule::default());
    let parts = Parts {
        arguments,
        options: &options,
        engine: &*engine,
        machine: &machine,
        teller: &teller,
    };

    let mut containers = Vec::with_capacity(beside.len() + 1);
    // Those beside first, so that they are there when the main one begins.
    for source in beside {
        containers.push(parts.start(source, Role::Beside)?);
    }
    let main = parts.start(source, Role::Main)?;
    let main_id = main.id;
    containers.push(main);

    drive(&machine, &containers, main_id, &mut signals);
    let code = tell(&parts, &containers, main_id, &signals);
    store.tell_damaged();
    // A guest's output is written by itself; there is nothing left to flush.
    Ok(code)
}

/// Whether a container is the one the command is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Main,
    Beside,
}

/// What containers are made from.
struct Parts<'a> {
    arguments: &'a RunArguments,
    options: &'a Options,
    engine: &'a dyn Engine,
    machine: &'a Machine,
    teller: &'a Teller,
}

impl Parts<'_> {
    fn start(&self, source: Source, role: Role) -> Result<Container, Failure> {
        let options = self.settle(&source)?;
        let config = self.config(&source, &options, role);
        let name = config.name.clone();
        let cannot_run = |error: &dyn std::fmt::Display| match &source.image {
            Some(_) => Failure::image_fault(&source.shown, ImageFault::CannotRun, error),
            None => Failure::cannot_run(&source.shown, error),
        };
        let loaded = self
            .engine
            .load(&source.module)
            .map_err(|error| match error {
                LoadError::Module(_) | LoadError::Invalid { .. } => cannot_run(&error),
                error => Failure::device("preparing the module", error),
            })?;
        let resources = resources::open(self.arguments, &options, self.machine.reactor(), role)?;
        let id = self.machine.create(Arc::new(config));
        self.teller.name(id, &name);
        self.machine
            .start(id, &source.module, &*loaded, resources)
            .map_err(|error| cannot_run(&error))?;
        Ok(Container { id, name, source })
    }

    /// The options with what the image asks for; what it does not get is told.
    fn settle(&self, source: &Source) -> Result<Options, Failure> {
        let mut options = self.options.clone();
        let Some(image) = &source.image else {
            return Ok(options);
        };
        let mut unmet = Vec::new();
        request::settle(&image.config, &mut options, &mut unmet)
            .map_err(|reason| Failure::image(&source.shown, reason))?;
        for unmet in unmet {
            report::note(&source.shown, &unmet.to_string(), self.arguments.json);
        }
        Ok(options)
    }

    fn config(&self, source: &Source, options: &Options, role: Role) -> ContainerConfig {
        let main = role == Role::Main;
        let name = self
            .arguments
            .declared
            .name
            .clone()
            .filter(|_| main)
            .unwrap_or_else(|| source.stem.clone());
        let image = source.image.as_ref().map(|image| &image.config);
        let mut args = vec![source.stem.clone()];
        if main && !self.arguments.declared.args.is_empty() {
            args.extend(self.arguments.declared.args.iter().cloned());
        } else if let Some(image) = image {
            args.extend(image.args.iter().cloned());
        }
        let entry = self.arguments.declared.entry.clone().filter(|_| main);
        ContainerConfig {
            name,
            args,
            env: options.env.clone(),
            grants: options.grants.clone(),
            limits: options.limits.clone(),
            queue_policy: QueuePolicy::default(),
            cpu_share: options.cpu_share,
            stop_grace: options.stop_grace,
            timeout: options.timeout.filter(|_| main),
            entry: entry.or_else(|| image?.entry_point.clone()),
        }
    }
}

struct SharedTeller(Arc<Teller>);

impl Observer for SharedTeller {
    fn trace(&self, container: ContainerId, trace: thimble_runtime::record::Trace<'_>) {
        self.0.trace(container, trace);
    }
}

fn devices(
    arguments: &RunArguments,
    reactor: &Reactor,
    teller: &Arc<Teller>,
    store: &Store,
) -> Result<Devices, Failure> {
    Ok(Devices {
        network: resources::network(reactor),
        board: resources::board(arguments)?,
        store: store.device(),
        observer: Box::new(SharedTeller(teller.clone())),
        reactor: reactor.clone(),
    })
}

/// Runs everything until the main container has ended, and then ends the others.
fn drive(machine: &Machine, containers: &[Container], main: ContainerId, signals: &mut Signals) {
    let live = |id| matches!(machine.state(id), Some(State::Running | State::Paused));
    let mut heard = 0;
    machine.run_until(|machine| {
        let count = signals.count();
        if count > heard {
            for container in containers {
                // One that has ended meanwhile needs nothing.
                let _ = if count > 1 {
                    machine.kill(container.id)
                } else {
                    machine.stop(container.id)
                };
            }
            heard = count;
        }
        !live(main)
    });
    for container in containers.iter().filter(|container| live(container.id)) {
        // It may end by itself first.
        let _ = machine.kill(container.id);
    }
    machine.run_until(|_| containers.iter().all(|container| !live(container.id)));
}

/// Tells how the containers ended; the exit code of the main one.
fn tell(
    parts: &Parts<'_>,
    containers: &[Container],
    main: ContainerId,
    signals: &Signals,
) -> ExitCode {
    let mut code = crate::failure::OURS;
    for container in containers {
        let Some(record) = parts.machine.record(container.id) else {
            continue;
        };
        let usage = parts.machine.usage(container.id).unwrap_or_default();
        let is_main = container.id == main;
        if parts.arguments.json {
            let engine = parts.engine.name();
            eprintln!(
                "{}",
                report::as_json(
                    &container.name,
                    engine,
                    &container.source.module,
                    &record,
                    usage
                )
            );
        } else {
            // Those beside are killed when the main one ends: that is no news.
            if is_main || record.end != End::Killed {
                report::end(&container.name, &container.source.module, &record);
            }
            if parts.arguments.stats {
                report::stats(&container.name, parts.engine.name(), &record, usage);
            }
        }
        if is_main {
            code = exit_code(&record, signals);
        }
    }
    ExitCode::from(code)
}

/// The process's exit code: the low eight bits, as for any process.
fn exit_code(record: &ExitRecord, signals: &Signals) -> u8 {
    let code = match record.end {
        End::Stopped => 128 + signals.number(),
        _ => record.end.exit_code(),
    };
    code.to_le_bytes()[0]
}
