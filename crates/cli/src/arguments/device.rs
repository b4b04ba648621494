//! The command line of the daemon's containers, apps, volumes and bus.

mod options;
mod serial;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Declared, Shape};

pub(crate) use options::{Changeable, DeviceOptions};
pub(crate) use serial::{
    DeviceArguments, FactoryResetArguments, FaultArguments, InstallArguments, PackedArguments,
    PortArguments, SerialCommand, SerialCreateArguments, SerialDeclared, SerialLogsArguments,
    SerialNameArguments, SerialPsArguments, SerialRemoveArguments, SerialRmiArguments,
    SerialRunArguments, TimeArguments,
};

/// Commands about what the daemon has.
#[derive(Subcommand)]
#[command(defer = true)]
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub(crate) enum DeviceCommand {
    /// Make a container in the daemon without starting it.
    Create(CreateArguments),
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
    Restart(StopArguments),
    /// Wait for the end of containers and tell their exit codes.
    Wait(WaitArguments),
    /// Remove containers.
    Rm(RemoveArguments),
    /// List containers.
    Ps(PsArguments),
    /// Show what a container wrote.
    Logs(LogsArguments),
    /// Show what containers use, every second.
    Stats(StatsArguments),
    /// Show what happens on the device.
    Events(EventsArguments),
    /// Show what a container writes from now on, and pass it standard input if it has one.
    Attach(AttachArguments),
    /// Copy files from or to the volumes of a container.
    Cp(CopyArguments),
    /// Change the limits of containers, whether they run or not.
    Update(UpdateArguments),
    /// Bring an app to what its file declares.
    Up(UpArguments),
    /// Remove an app's containers; its volumes stay.
    Down(DownArguments),
    /// Show what `up` would do.
    Diff(DiffArguments),
    /// List apps.
    Apps(AppsArguments),
    /// List volumes, or remove them.
    Volumes(VolumesArguments),
    /// Show the daemon and the device, or operate a microcontroller behind a serial port.
    Device(DeviceArguments),
    /// Publish and receive messages.
    #[command(subcommand)]
    Bus(BusCommand),
}

#[derive(Args)]
pub(crate) struct CreateArguments {
    /// Remove the container after its end.
    #[arg(long)]
    pub(crate) rm: bool,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,

    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) declared: Declared,
}

// Containers by name.
#[derive(Args)]
pub(crate) struct ContainersArguments {
    /// Names, ids, or beginnings of ids.
    #[arg(value_name = "CONTAINER", required = true)]
    pub(crate) containers: Vec<String>,
}

#[derive(Args)]
pub(crate) struct NamesArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) named: ContainersArguments,
}

#[derive(Args)]
pub(crate) struct StopArguments {
    /// Time between asking and killing, for example 500ms or 30s [default: the container's own].
    #[arg(short, long, value_name = "TIME")]
    pub(crate) time: Option<String>,

    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) named: ContainersArguments,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WaitCondition {
    /// Its run has ended.
    Ended,
    /// It runs.
    Running,
    /// It has reported that it is healthy.
    Healthy,
}

#[derive(Args)]
pub(crate) struct WaitArguments {
    /// Wait for this.
    #[arg(long, value_name = "CONDITION", default_value = "ended")]
    pub(crate) condition: WaitCondition,

    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) named: ContainersArguments,
}

#[derive(Args)]
pub(crate) struct RemoveArguments {
    /// Kill those that run.
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Remove their volumes too, with what is in them.
    #[arg(short, long)]
    pub(crate) volumes: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) named: ContainersArguments,
}

#[derive(Args)]
pub(crate) struct PsArguments {
    /// List those that have ended too.
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Show ids only.
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Only those of which this is true: app, health, id, image, label, name or state; may be given several times.
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

// From when to when.
#[derive(Args)]
pub(crate) struct Period {
    /// Not before this: a time ago (10m, 2h) or a moment (2026-11-23T21:00:00Z).
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Not after this.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Args)]
pub(crate) struct LogsArguments {
    /// Go on with what comes.
    #[arg(short, long)]
    pub(crate) follow: bool,

    #[command(flatten)]
    pub(crate) period: Period,

    /// Only the last lines of what is kept: a number, or `all`.
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<String>,

    /// Show when each line was written.
    #[arg(short, long)]
    pub(crate) timestamps: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// Name, id, or beginning of an id.
    #[arg(value_name = "CONTAINER")]
    pub(crate) container: String,
}

#[derive(Args)]
pub(crate) struct StatsArguments {
    /// Show it once.
    #[arg(long)]
    pub(crate) no_stream: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// Names, ids, or beginnings of ids; without one, all that run.
    #[arg(value_name = "CONTAINER")]
    pub(crate) containers: Vec<String>,
}

#[derive(Args)]
pub(crate) struct EventsArguments {
    /// End after what has happened already.
    #[arg(long)]
    pub(crate) no_follow: bool,

    #[command(flatten)]
    pub(crate) period: Period,

    /// Only those of which this is true: container, app or kind; may be given several times.
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args)]
pub(crate) struct AttachArguments {
    /// Do not pass standard input.
    #[arg(long)]
    pub(crate) no_stdin: bool,

    /// Name, id, or beginning of an id.
    #[arg(value_name = "CONTAINER")]
    pub(crate) container: String,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  thimble cp pump:/data/log.csv .
  thimble cp settings.json pump:/data
  thimble cp pump:/data - | tar t")]
pub(crate) struct CopyArguments {
    /// CONTAINER:PATH, a file or folder of this machine, or `-` for a tar archive on standard input.
    #[arg(value_name = "FROM")]
    pub(crate) from: String,

    /// A file or folder of this machine, `-` for a tar archive on standard output, or CONTAINER:PATH.
    #[arg(value_name = "TO")]
    pub(crate) to: String,
}

#[derive(Args)]
pub(crate) struct UpdateArguments {
    /// Limit of linear memory, for example 64m.
    #[arg(short, long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,

    /// Share of the processor among the containers that want it.
    #[arg(long, value_name = "SHARE")]
    pub(crate) cpus: Option<String>,

    #[command(flatten)]
    pub(crate) changeable: Changeable,

    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) named: ContainersArguments,
}

// The file of an app.
#[derive(Args)]
pub(crate) struct AppFile {
    /// The app's file.
    #[arg(short, long, value_name = "FILE", default_value = "app.yaml")]
    pub(crate) file: PathBuf,

    /// The app's name, instead of the file's or the folder's.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) app: AppFile,

    /// Only show what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do it without asking, on a terminal too.
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// Wait until every container runs, and is healthy if it reports that.
    #[arg(long)]
    pub(crate) wait: bool,

    /// Speak HTTP without TLS to the registries of images that are fetched.
    #[arg(long)]
    pub(crate) plain_http: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args)]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    pub(crate) app: AppFile,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args)]
pub(crate) struct DownArguments {
    /// Remove its volumes too, with what is in them.
    #[arg(short, long)]
    pub(crate) volumes: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// The app's file, which has its name.
    #[arg(short, long, value_name = "FILE", conflicts_with = "names")]
    pub(crate) file: Option<PathBuf>,

    /// The apps' names; without one, that of app.yaml.
    #[arg(value_name = "APP")]
    pub(crate) names: Vec<String>,
}

#[derive(Args)]
pub(crate) struct AppsArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct VolumesArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(subcommand)]
    pub(crate) command: Option<VolumesCommand>,
}

/// What is done with volumes.
#[derive(Subcommand)]
pub(crate) enum VolumesCommand {
    /// Remove volumes with what is in them.
    Rm {
        #[command(flatten)]
        shape: Shape,

        /// The volumes.
        #[arg(value_name = "VOLUME", required = true)]
        volumes: Vec<String>,
    },
}

#[derive(Args)]
pub(crate) struct BusStatusArguments {
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// What is done on the bus.
#[derive(Subcommand)]
pub(crate) enum BusCommand {
    /// Publish a message.
    Pub(PublishArguments),
    /// Show the messages of topics as they come.
    Sub(SubscribeArguments),
    /// Show what the bus keeps, and its bridges.
    Status(BusStatusArguments),
}

#[derive(Args)]
pub(crate) struct PublishArguments {
    /// Keep it for later subscribers; an empty payload forgets what was kept.
    #[arg(short, long)]
    pub(crate) retain: bool,

    /// What the payload is, for example application/json.
    #[arg(long, value_name = "TYPE", default_value = "")]
    pub(crate) content_type: String,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// The topic, without wildcards.
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: String,

    /// The payload; `-` reads it from standard input.
    #[arg(value_name = "PAYLOAD", allow_hyphen_values = true)]
    pub(crate) payload: String,
}

#[derive(Args)]
pub(crate) struct SubscribeArguments {
    /// End after so many messages.
    #[arg(short, long, value_name = "N")]
    pub(crate) count: Option<u64>,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// The topics: `+` stands for one level, `#` at the end for all below.
    #[arg(value_name = "FILTER", default_value = "#")]
    pub(crate) filter: String,
}
