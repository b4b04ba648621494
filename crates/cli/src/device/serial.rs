//! `thimble device` with a serial port: the microcontroller that is there.
//!
//! Each command asks the device over the port and tells what it says. Nothing here decides.

mod console;
mod declaration;
mod fields;
mod install;
mod json;
mod life;
mod logs;
mod package;
mod run;
mod show;
mod text;

use std::process::ExitCode;

use thimble_port_serial::{Address, AddressError, Client, SerialError, Settings};

use crate::arguments::{DeviceArguments, PortArguments, SerialCommand};
use crate::failure::Failure;

use super::show::device as daemon;

/// The variable that names the port.
const PORT_VARIABLE: &str = "THIMBLE_SERIAL";

/// Shows the daemon, or asks a device.
pub(super) fn device(arguments: &DeviceArguments) -> Result<ExitCode, Failure> {
    let port = &arguments.port;
    let Some(command) = &arguments.command else {
        match address(port)? {
            Some(address) => show::info(&mut open(&address, port)?, &arguments.shape)?,
            None => daemon(&arguments.shape)?,
        }
        return Ok(ExitCode::SUCCESS);
    };
    if arguments.shape.json || arguments.shape.format.is_some() {
        let reason = "stands behind the command: `thimble device ps --json`";
        return Err(Failure::option("--json", "", reason));
    }
    let Some(address) = address(port)? else {
        let reason = format!(
            "name the port of the device, for example --serial /dev/ttyUSB0, or set {PORT_VARIABLE}"
        );
        return Err(Failure::option("--serial", "", reason));
    };
    asked(command, &address, port)
}

fn asked(
    command: &SerialCommand,
    address: &Address,
    port: &PortArguments,
) -> Result<ExitCode, Failure> {
    let client = || open(address, port);
    match command {
        SerialCommand::Console => console::console(address, port.baud),
        SerialCommand::Run(arguments) => return run::run(client, arguments),
        SerialCommand::Create(arguments) => run::create(client, arguments),
        SerialCommand::Install(arguments) => install::install(client, arguments),
        SerialCommand::FactoryReset(arguments) => life::factory_reset(client, arguments),
        SerialCommand::Info(arguments) => show::info(&mut client()?, &arguments.shape),
        SerialCommand::Start(arguments) => life::start(&mut client()?, arguments),
        SerialCommand::Stop(arguments) => life::stop(&mut client()?, arguments),
        SerialCommand::Kill(arguments) => life::kill(&mut client()?, arguments),
        SerialCommand::Pause(arguments) => life::pause(&mut client()?, arguments),
        SerialCommand::Unpause(arguments) => life::unpause(&mut client()?, arguments),
        SerialCommand::Restart(arguments) => life::restart(&mut client()?, arguments),
        SerialCommand::Rm(arguments) => life::remove(&mut client()?, arguments),
        SerialCommand::Ps(arguments) => show::containers(&mut client()?, arguments),
        SerialCommand::Logs(arguments) => logs::logs(&mut client()?, arguments),
        SerialCommand::Images(arguments) => show::images(&mut client()?, &arguments.shape),
        SerialCommand::Rmi(arguments) => life::remove_images(&mut client()?, arguments),
        SerialCommand::Inspect(arguments) => show::inspect(&mut client()?, arguments),
        SerialCommand::Stats(arguments) => show::stats(&mut client()?, &arguments.shape),
        SerialCommand::Df(arguments) => show::storage(&mut client()?, &arguments.shape),
        SerialCommand::Records(arguments) => show::records(&mut client()?, arguments),
        SerialCommand::Fault(arguments) => show::fault(&mut client()?, arguments),
        SerialCommand::Time(arguments) => show::time(&mut client()?, arguments),
        SerialCommand::Reboot => life::reboot(&mut client()?),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Where the device is, if anybody said so.
fn address(port: &PortArguments) -> Result<Option<Address>, Failure> {
    let parse = |option, text: &str| {
        text.parse()
            .map(Some)
            .map_err(|error: AddressError| Failure::option(option, text, error))
    };
    match &port.serial {
        Some(text) => parse("--serial", text),
        None => match std::env::var(PORT_VARIABLE) {
            Ok(text) if !text.is_empty() => parse(PORT_VARIABLE, &text),
            _ => Ok(None),
        },
    }
}

fn open(address: &Address, port: &PortArguments) -> Result<Client, Failure> {
    let settings = Settings {
        baud: port.baud,
        ..Settings::default()
    };
    // What the console says beside belongs to whoever sits at it.
    Client::open(address, settings, None).map_err(ours)
}

/// A failure that is about nothing in particular.
fn ours(error: SerialError) -> Failure {
    Failure::serial("", error)
}
