//! The command line.

mod device;
mod images;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::agent::AgentCommand;
use crate::daemon::DaemonArguments;
use crate::fleet::FleetArguments;

pub(crate) use device::{
    AppsArguments, AttachArguments, BusCommand, BusStatusArguments, Changeable, CopyArguments,
    CreateArguments, DeviceArguments, DeviceCommand, DeviceOptions, DiffArguments, DownArguments,
    EventsArguments, FactoryResetArguments, FaultArguments, InstallArguments, LogsArguments,
    NamesArguments, PackedArguments, PortArguments, PsArguments, PublishArguments, RemoveArguments,
    SerialCommand, SerialCreateArguments, SerialDeclared, SerialLogsArguments, SerialNameArguments,
    SerialPsArguments, SerialRemoveArguments, SerialRmiArguments, SerialRunArguments,
    StatsArguments, StopArguments, SubscribeArguments, TimeArguments, UpArguments, UpdateArguments,
    VolumesArguments, VolumesCommand, WaitArguments, WaitCondition,
};
pub(crate) use images::{
    ArchiveFormat, BuildArguments, FsckArguments, ImageCommand, ImagesArguments, LoadArguments,
    LoginArguments, LogoutArguments, PruneArguments, PullArguments, PushArguments, RmiArguments,
    SaveArguments, SignArguments, TagArguments, VerifyArguments,
};

/// Run application containers on devices too small for Docker.
#[derive(Parser)]
#[command(
    name = "thimble",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Only the command that is given is described in full: the others would take time and memory.
#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Run a container: in the foreground, or with -d in the daemon.
    Run(RunArguments),
    #[command(flatten)]
    Device(DeviceCommand),
    /// Show what a container, an image or a module is: its state and configuration, signatures, imports, exports, memory,
    /// and the grants it will need.
    Inspect(InspectArguments),
    /// Show and steer the device as one of a fleet.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Operate the devices of a hub.
    Fleet(Box<FleetArguments>),
    /// Run the daemon: it keeps containers in the state that was declared.
    Daemon(DaemonArguments),
    #[command(flatten)]
    Image(ImageCommand),
    /// Write a completion script for a shell to standard output.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual page to standard output, or all pages into a folder.
    Man {
        /// The folder.
        folder: Option<PathBuf>,
    },
}

/// What executes the WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    /// Native code, compiled once and cached.
    Wasmtime,
    /// A portable interpreter: nothing is compiled or cached.
    Wasmi,
    /// The interpreter of microcontrollers, which runs a module's own bytes in the least memory; without SIMD.
    Inplace,
}

/// When an image is fetched before it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PullWhen {
    /// If it is not here, or damaged.
    Missing,
    /// Before every run: the tag may have moved.
    Always,
    /// Never.
    Never,
}

// How a result is written. A doc comment would become the text about whatever has it.
#[derive(Args, Default)]
pub(crate) struct Shape {
    /// Write JSON to standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a line of this form for each, of the fields that --json has: '{{ name }} {{ state }}'.
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "json")]
    pub(crate) format: Option<String>,
}

// What a container is to be, whether it runs here or in the daemon.
#[derive(Args)]
pub(crate) struct Declared {
    /// Name of the container; its key-value data is kept under it, for one container at a time. Without a name
    /// nothing is kept.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Set an environment variable; NAME alone takes its value from here.
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,

    /// Read environment variables from a file, one NAME=VALUE a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,

    /// Mount a folder of this machine, or, in the daemon, a volume by its name; `:ro` makes it read-only.
    #[arg(short, long, value_name = "SRC:DST[:ro]")]
    pub(crate) volume: Vec<String>,

    /// Grant something, for example net.connect:example.org:443, gpio:led0 or timer.
    #[arg(long, value_name = "GRANT")]
    pub(crate) allow: Vec<String>,

    /// Grant everything that the image asks for; look at it first with `thimble inspect`.
    #[arg(long)]
    pub(crate) allow_requested: bool,

    /// Limit of linear memory, for example 512k, 64m or 1g [default: what the image asks for, at most 128m].
    #[arg(short, long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,

    /// Share of the processor among the containers that want it [default: what the image asks for, at most 1].
    #[arg(long, value_name = "SHARE")]
    pub(crate) cpus: Option<String>,

    /// End the container after this time, for example 500ms, 10s or 2m.
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,

    /// Time between asking the container to stop and killing it [default: what the image asks for, else 10s].
    #[arg(long, value_name = "TIME")]
    pub(crate) stop_grace: Option<String>,

    /// Open a listening socket for the container: tcp/PORT or tcp/ADDRESS:PORT. Port 0 lets the system choose.
    #[arg(long, value_name = "tcp/[ADDRESS:]PORT")]
    pub(crate) listen: Vec<String>,

    /// Exported function to run instead of `_start`.
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) entry: Option<String>,

    /// When to fetch the image from its registry.
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pub(crate) pull: PullWhen,

    /// Speak HTTP without TLS to the registry; for this machine's own it is done without asking.
    #[arg(long)]
    pub(crate) plain_http: bool,

    /// Pass standard input to the container, or keep it open for `thimble attach`; without this it reads the end at
    /// once.
    #[arg(short, long)]
    pub(crate) interactive: bool,

    /// The container: an image, or a .wasm or .wat file.
    #[arg(value_name = "FILE|IMAGE")]
    pub(crate) container: OsString,

    /// Arguments for the container.
    #[arg(
        value_name = "ARG",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) args: Vec<String>,
}

#[derive(Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct RunArguments {
    /// Run it in the daemon, and go on without waiting for its end.
    #[arg(short, long)]
    pub(crate) detach: bool,

    /// Remove the container after its end; without -d nothing stays anyway.
    #[arg(long)]
    pub(crate) rm: bool,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,

    /// What executes the WebAssembly [default: wasmtime].
    #[arg(long, value_name = "ENGINE", conflicts_with = "detach")]
    pub(crate) engine: Option<EngineName>,

    /// Simulate the pins and sensors that this file describes.
    #[arg(long, value_name = "FILE", conflicts_with = "detach")]
    pub(crate) board: Option<PathBuf>,

    /// Run another container beside this one, with the same options; both share the bus and the board.
    #[arg(long, value_name = "FILE|IMAGE", conflicts_with = "detach")]
    pub(crate) with: Vec<OsString>,

    /// Tell what the container used, after its end, on standard error.
    #[arg(long, conflicts_with = "detach")]
    pub(crate) stats: bool,

    /// Write what happens to the container to standard error as JSON, one object a line; with -d, what was made to
    /// standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// With -d, write what was made in this form, of the fields that --json has: '{{ id }} {{ name }}'.
    #[arg(
        long,
        value_name = "TEMPLATE",
        conflicts_with = "json",
        requires = "detach"
    )]
    pub(crate) format: Option<String>,

    #[command(flatten)]
    pub(crate) declared: Declared,
}

/// What there is to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InspectType {
    /// A container of the daemon.
    Container,
    /// An image that is here.
    Image,
    /// A .wasm or .wat file.
    Module,
}

#[derive(Args)]
pub(crate) struct InspectArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,

    /// What it is; without this a file counts before a container, and that before an image.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<InspectType>,

    /// A container of the daemon, an image that is here, or a .wasm or .wat file.
    #[arg(value_name = "CONTAINER|FILE|IMAGE")]
    pub(crate) container: OsString,
}

const RUN_HELP: &str = "\
Ctrl-C asks the container to stop, a second Ctrl-C kills it.

Exit codes:
  the container's own, or
  124  it ran for longer than --timeout       134  it trapped; the reason is on standard error
  125  Thimble could not do what was asked    137  it was killed
  126  it cannot be run, or is not trusted    143  it was stopped (130 after Ctrl-C)
  127  there is no such file or image

Examples:
  thimble run hello.wasm
  thimble run -v ./data:/data -e MODE=fast app.wasm --verbose
  thimble run --listen tcp/8080 webserver.wasm
  thimble run -d --name pump --restart always -v data:/data localhost:5000/line1/pump:1
  thimble run --allow-requested localhost:5000/line1/blinky:1
  thimble run --board desk.toml --allow timer --allow gpio:led0 blinky.wasm";
