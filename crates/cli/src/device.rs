//! The commands about what the daemon has: containers, apps, volumes, the bus.
//!
//! Each asks the daemon over its socket and tells what it says. Nothing here decides.

mod apps;
mod attach;
mod bus;
mod copy;
mod create;
mod follow;
mod life;
mod list;
mod moments;
mod serial;
mod show;
mod spec;
mod stats;
mod update;
mod volumes;

use std::process::ExitCode;

use thimble_device_api::{Client, ClientError};

use crate::arguments::{BusCommand, DeviceCommand, RunArguments};
use crate::failure::Failure;
use crate::folders;

pub(crate) use crate::images::table::table;
pub(crate) use moments::ago;
pub(crate) use show::{Rows, inspect};

/// Containers that are asked for at the same time at most.
const AT_ONCE_MAX: usize = 16;

/// Runs a container in the daemon.
pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    create::run(arguments)?;
    Ok(ExitCode::SUCCESS)
}

/// Carries out a command.
pub(crate) fn command(command: &DeviceCommand) -> Result<ExitCode, Failure> {
    match command {
        DeviceCommand::Create(arguments) => create::create(arguments),
        DeviceCommand::Start(arguments) => life::start(arguments),
        DeviceCommand::Stop(arguments) => life::stop(arguments),
        DeviceCommand::Kill(arguments) => life::kill(arguments),
        DeviceCommand::Pause(arguments) => life::pause(arguments),
        DeviceCommand::Unpause(arguments) => life::unpause(arguments),
        DeviceCommand::Restart(arguments) => life::restart(arguments),
        DeviceCommand::Wait(arguments) => life::wait(arguments),
        DeviceCommand::Rm(arguments) => life::remove(arguments),
        DeviceCommand::Ps(arguments) => list::ps(arguments),
        DeviceCommand::Logs(arguments) => follow::logs(arguments),
        DeviceCommand::Stats(arguments) => stats::stats(arguments),
        DeviceCommand::Events(arguments) => follow::events(arguments),
        DeviceCommand::Attach(arguments) => return attach::attach(arguments),
        DeviceCommand::Cp(arguments) => copy::copy(arguments),
        DeviceCommand::Update(arguments) => update::update(arguments),
        DeviceCommand::Up(arguments) => apps::up(arguments),
        DeviceCommand::Down(arguments) => apps::down(arguments),
        DeviceCommand::Diff(arguments) => apps::diff(arguments),
        DeviceCommand::Apps(arguments) => apps::list(arguments),
        DeviceCommand::Volumes(arguments) => volumes::volumes(arguments),
        DeviceCommand::Device(arguments) => return serial::device(arguments),
        DeviceCommand::Bus(BusCommand::Pub(arguments)) => bus::publish(arguments),
        DeviceCommand::Bus(BusCommand::Sub(arguments)) => bus::subscribe(arguments),
        DeviceCommand::Bus(BusCommand::Status(arguments)) => bus::status(arguments),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// A client of this machine's daemon.
pub(crate) fn client() -> Result<Client, Failure> {
    let socket = folders::socket().ok_or_else(|| {
        Failure::device(
            "finding the daemon",
            "set THIMBLE_SOCKET, THIMBLE_ROOT or HOME",
        )
    })?;
    Client::new(socket).map_err(ours)
}

/// A failure that is about nothing in particular.
fn ours(error: ClientError) -> Failure {
    Failure::daemon("", error)
}

/// Whether there is no use in asking about the next one.
fn is_final(failure: &Failure) -> bool {
    match failure {
        Failure::Daemon { error, .. } => error.problem().is_none(),
        Failure::NoReader => true,
        _ => false,
    }
}

/// Does something with each, some at the same time; one that fails does not keep the others from being done. What is done
/// is told in their order, and so is what is not.
fn each<T: Send>(
    names: &[String],
    work: impl Fn(&Client, &str) -> Result<T, ClientError> + Sync,
    mut tell: impl FnMut(&str, T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut last: Option<Failure> = None;
    let mut fail = |failure: Failure| {
        if let Some(earlier) = last.replace(failure) {
            eprintln!("thimble: {earlier}");
        }
    };
    for names in names.chunks(AT_ONCE_MAX) {
        let results = at_once(names, &work);
        for (name, result) in names.iter().zip(results) {
            match result {
                Ok(done) => tell(name, done)?,
                Err(failure) if is_final(&failure) => return Err(failure),
                Err(failure) => fail(failure),
            }
        }
    }
    last.map_or(Ok(()), Err)
}

fn at_once<T: Send>(
    names: &[String],
    work: &(impl Fn(&Client, &str) -> Result<T, ClientError> + Sync),
) -> Vec<Result<T, Failure>> {
    let one = |name: &String| {
        let client = client()?;
        work(&client, name).map_err(|error| Failure::daemon(name, error))
    };
    if let [name] = names {
        return vec![one(name)];
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || one(name)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    Err(Failure::device("asking the daemon", "this program failed"))
                })
            })
            .collect()
    })
}
