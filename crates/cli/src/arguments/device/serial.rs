//! The command line of a microcontroller behind a serial port.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::{NamesArguments, StopArguments};
use crate::arguments::Shape;

#[derive(Args)]
#[command(after_help = "\
Without a port this is about the daemon of this machine. A port is a serial one such as /dev/ttyUSB0, or unix:PATH or \
tcp:HOST:PORT for an emulator or a serial server; THIMBLE_SERIAL names it too.

Examples:
  thimble device
  thimble device --serial /dev/ttyUSB0 info
  thimble device --serial /dev/ttyACM0 run --allow gpio:led0 blinky.wasm
  THIMBLE_SERIAL=unix:/tmp/uart thimble device ps -a")]
pub(crate) struct DeviceArguments {
    #[command(flatten)]
    pub(crate) port: PortArguments,

    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(subcommand)]
    pub(crate) command: Option<SerialCommand>,
}

// Where the device is.
#[derive(Args)]
pub(crate) struct PortArguments {
    /// The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL].
    #[arg(long, value_name = "PORT", global = true)]
    pub(crate) serial: Option<String>,

    /// The speed of a serial port, in bits a second.
    #[arg(long, value_name = "N", default_value_t = thimble_port_serial::BAUD_DEFAULT, global = true)]
    pub(crate) baud: u32,
}

// What is asked of a device. A doc comment would become the text about `thimble device`.
#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum SerialCommand {
    /// Show the device.
    Info(SerialShape),
    /// Run a container; without -d, show what it writes and end as it does.
    Run(SerialRunArguments),
    /// Make a container without starting it.
    Create(SerialCreateArguments),
    /// Start containers.
    Start(NamesArguments),
    /// Ask containers to stop, and kill those that do not in time.
    Stop(StopArguments),
    /// Kill containers.
    Kill(NamesArguments),
    /// Keep containers from running.
    Pause(NamesArguments),
    /// Let paused containers go on.
    Unpause(NamesArguments),
    /// Stop containers and start them again.
    Restart(NamesArguments),
    /// Remove containers with their data and records.
    Rm(SerialRemoveArguments),
    /// List containers.
    Ps(SerialPsArguments),
    /// Show what a container wrote.
    Logs(SerialLogsArguments),
    /// List images.
    Images(SerialShape),
    /// Bring an image to the device.
    Install(InstallArguments),
    /// Remove images that no container needs.
    Rmi(SerialRmiArguments),
    /// Show containers.
    Inspect(NamesArguments),
    /// Show what containers use.
    Stats(SerialShape),
    /// Show what storage is used for.
    Df(SerialShape),
    /// Show how a container's runs ended.
    Records(SerialNameArguments),
    /// Show the last fault of the firmware itself.
    Fault(FaultArguments),
    /// Show the device's time, or tell it this machine's.
    Time(TimeArguments),
    /// Restart the device.
    Reboot,
    /// Remove every container, every image and all data, and restart the device.
    FactoryReset(FactoryResetArguments),
    /// Use the device's own console; Ctrl-] leaves it.
    Console,
}

#[derive(Args)]
pub(crate) struct SerialShape {
    #[command(flatten)]
    pub(crate) shape: Shape,
}

// What a container of a device is to be.
#[derive(Args)]
pub(crate) struct SerialDeclared {
    /// Name of the container [default: the device chooses one].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Set an environment variable; NAME alone takes its value from here.
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,

    /// Grant something, for example gpio:led0 or timer.
    #[arg(long, value_name = "GRANT")]
    pub(crate) allow: Vec<String>,

    /// Grant everything that the image asks for; look at it first with `thimble inspect`.
    #[arg(long)]
    pub(crate) allow_requested: bool,

    /// Limit of linear memory, for example 64k.
    #[arg(short, long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,

    /// Share of the processor among the containers that want it.
    #[arg(long, value_name = "SHARE")]
    pub(crate) cpus: Option<String>,

    /// Set another limit: stack=4k, storage=64k, kv=4k, log=2k, descriptors=8, sockets=4, timers=8 or subscriptions=8.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) limit: Vec<String>,

    /// When to start it again after its end: no, on-failure, on-failure:N, unless-stopped or always.
    #[arg(long, value_name = "POLICY")]
    pub(crate) restart: Option<String>,

    /// End the container after this time, for example 500ms, 10s or 2m.
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,

    /// Messages that may wait for it.
    #[arg(long, value_name = "N")]
    pub(crate) queue_messages: Option<String>,

    /// Bytes of one message at most.
    #[arg(long, value_name = "SIZE")]
    pub(crate) message_bytes: Option<String>,

    /// Exported function to run instead of the image's.
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) entry: Option<String>,

    /// Remove the container after its end.
    #[arg(long)]
    pub(crate) rm: bool,

    /// Replace the container that has this name, whatever state it is in; its data stays.
    #[arg(long, requires = "name")]
    pub(crate) replace: bool,

    #[command(flatten)]
    pub(crate) packed: PackedArguments,

    /// Arguments for the container.
    #[arg(
        value_name = "ARG",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) args: Vec<String>,
}

// What is brought to the device.
#[derive(Args)]
pub(crate) struct PackedArguments {
    /// The name that a .wasm or .wat file has on the device [default: that of the file].
    #[arg(short, long, value_name = "NAME")]
    pub(crate) tag: Option<String>,

    /// Speak HTTP without TLS to the registry of an image that is fetched.
    #[arg(long)]
    pub(crate) plain_http: bool,

    /// An image, or a .wasm or .wat file.
    #[arg(value_name = "FILE|IMAGE")]
    pub(crate) container: OsString,
}

#[derive(Args)]
pub(crate) struct SerialRunArguments {
    /// Go on without waiting for its end.
    #[arg(short, long)]
    pub(crate) detach: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) declared: SerialDeclared,
}

#[derive(Args)]
pub(crate) struct SerialCreateArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) declared: SerialDeclared,
}

#[derive(Args)]
pub(crate) struct InstallArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) packed: PackedArguments,
}

#[derive(Args)]
pub(crate) struct SerialRemoveArguments {
    /// Kill those that run.
    #[arg(short, long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) names: NamesArguments,
}

#[derive(Args)]
pub(crate) struct SerialPsArguments {
    /// List those that have ended too.
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Show names only.
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args)]
pub(crate) struct SerialLogsArguments {
    /// Go on with what comes.
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Show when each piece was written, counted from the device's start.
    #[arg(short, long)]
    pub(crate) timestamps: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// The container's name.
    #[arg(value_name = "CONTAINER")]
    pub(crate) container: String,
}

#[derive(Args)]
pub(crate) struct SerialRmiArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,

    /// Names, digests, or beginnings of digests.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
}

#[derive(Args)]
pub(crate) struct SerialNameArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,

    /// The container's name.
    #[arg(value_name = "CONTAINER")]
    pub(crate) container: String,
}

#[derive(Args)]
pub(crate) struct FaultArguments {
    /// Forget it.
    #[arg(long)]
    pub(crate) clear: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args)]
pub(crate) struct TimeArguments {
    /// Tell the device this machine's time.
    #[arg(long)]
    pub(crate) set: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args)]
pub(crate) struct FactoryResetArguments {
    /// It is meant.
    #[arg(short, long)]
    pub(crate) yes: bool,
}
