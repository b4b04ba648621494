//! `thimble fleet devices`: which there are, and what operators say of them.

mod change;
mod show;
mod trust;
mod window;

use clap::{Args, Subcommand, ValueEnum};
use thimble_hub_api::client::DeviceQuery;
use thimble_hub_api::device::{Device, DeviceState};

use crate::arguments::Shape;
use crate::device::table;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::{Output, write};

use super::fields::DEVICE;
use super::session::Session;
use super::watch::watch;
use super::words::{ago, count, labels};

pub(super) use trust::{AboutDevices, ReasonedArguments, approve, reject};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, after_help = HELP)]
pub(super) struct DevicesArguments {
    #[command(flatten)]
    list: ListArguments,

    #[command(subcommand)]
    command: Option<DevicesCommand>,
}

const HELP: &str = "\
A selector picks devices by labels: `line=1, site in (a, b), !canary`. Labels that begin with `device/` are those that a
device sets itself.

Examples:
  thimble fleet devices -l 'line=1' --out-of-date
  thimble fleet devices label pump-3 line=2 canary-
  thimble fleet devices hold -l line=1 --for 4h --reason 'audit in the hall'
  thimble fleet devices window pump-3 --days mon-fri --begin 22:00 --minutes 240 --utc-offset 60";

#[derive(Subcommand)]
#[command(defer = true)]
enum DevicesCommand {
    /// List devices; the same without a word.
    Ls(ListArguments),
    /// Show what a device is, has and reports.
    Show(show::ShowArguments),
    /// Set labels (NAME=VALUE) and remove labels (NAME-).
    Label(change::LabelArguments),
    /// Give a device another name.
    Rename(change::RenameArguments),
    /// Let nothing change on devices.
    Hold(change::HoldArguments),
    /// Take holds back.
    Release(change::ReleaseArguments),
    /// Say when changes may begin on devices.
    Window(change::WindowArguments),
    /// Let changes go on although running apps say no.
    OverrideVeto(change::OverrideArguments),
    /// Let running apps say no again.
    RespectVeto(change::ReleaseArguments),
    /// Let pending devices into the fleet.
    Approve(AboutDevices),
    /// Do not let pending devices into the fleet.
    Reject(ReasonedArguments),
    /// Trust devices no more: their certificates are refused from now on.
    Revoke(ReasonedArguments),
    /// Take devices out of service.
    Retire(ReasonedArguments),
}

#[derive(Args)]
pub(super) struct ListArguments {
    /// Only devices with such labels.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,

    /// Only devices in this state.
    #[arg(long, value_name = "STATE")]
    state: Option<StateName>,

    /// Only devices of this hardware type.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// Only devices whose name or serial number contains this.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,

    /// Only devices that do not have yet what they are to have.
    #[arg(long)]
    out_of_date: bool,

    /// Show names alone, for other commands.
    #[arg(short, long)]
    quiet: bool,

    /// Show them again whenever something is different.
    #[arg(short, long, conflicts_with_all = ["json", "format"])]
    watch: bool,

    #[command(flatten)]
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateName {
    /// Somebody has to approve it.
    Pending,
    /// It is one of the fleet.
    Active,
    /// It is not trusted any more.
    Revoked,
    /// It was taken out of service.
    Retired,
}

impl From<StateName> for DeviceState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Pending => Self::Pending,
            StateName::Active => Self::Active,
            StateName::Revoked => Self::Revoked,
            StateName::Retired => Self::Retired,
        }
    }
}

/// Carries out a command.
pub(super) fn run(arguments: &DevicesArguments, session: &Session) -> Result<(), Failure> {
    let Some(command) = &arguments.command else {
        return list(&arguments.list, session);
    };
    match command {
        DevicesCommand::Ls(arguments) => list(arguments, session),
        DevicesCommand::Show(arguments) => show::show(arguments, session),
        DevicesCommand::Label(arguments) => change::label(arguments, session),
        DevicesCommand::Rename(arguments) => change::rename(arguments, session),
        DevicesCommand::Hold(arguments) => change::hold(arguments, session),
        DevicesCommand::Release(arguments) => change::release(arguments, session),
        DevicesCommand::Window(arguments) => change::window(arguments, session),
        DevicesCommand::OverrideVeto(arguments) => change::override_veto(arguments, session),
        DevicesCommand::RespectVeto(arguments) => change::respect_veto(arguments, session),
        DevicesCommand::Approve(arguments) => approve(arguments, session),
        DevicesCommand::Reject(arguments) => reject(arguments, session),
        DevicesCommand::Revoke(arguments) => trust::revoke(arguments, session),
        DevicesCommand::Retire(arguments) => trust::retire(arguments, session),
    }
}

fn list(arguments: &ListArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, DEVICE)?;
    let query = DeviceQuery {
        selector: arguments.selector.clone(),
        state: arguments.state.map(DeviceState::from),
        model: arguments.model.clone(),
        text: arguments.text.clone(),
        out_of_date: arguments.out_of_date,
    };
    if arguments.watch {
        watch(|| devices(session, &query), |found| rows(found), |_| false)?;
        return Ok(());
    }
    let found = devices(session, &query)?;
    if arguments.quiet && output.is_text() {
        let names: String = found
            .iter()
            .map(|device| format!("{}\n", printable(&device.name)))
            .collect();
        return write(&names);
    }
    output.list(&found, || rows(&found))
}

/// All devices that are asked for.
pub(super) fn devices(session: &Session, query: &DeviceQuery) -> Result<Vec<Device>, Failure> {
    session.all(async |paged| session.client.devices(query, &paged).await)
}

fn rows(devices: &[Device]) -> String {
    let head = ["NAME", "MODEL", "STATE", "VERSION", "SEEN", "LABELS"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(devices.iter().map(|device| {
        vec![
            printable(&device.name),
            printable(&device.model),
            printable(&state(device)),
            version(device),
            seen(device),
            printable(&labels(&device.labels)),
        ]
    }));
    format!(
        "{}{}\n",
        table(&rows),
        count(devices.len() as u64, "device")
    )
}

/// Whether it is one of the fleet; and if so, how it is.
fn state(device: &Device) -> String {
    let word = |field: &str| {
        let status = device.status.as_ref()?;
        status.get(field)?.as_str().map(str::to_owned)
    };
    let mut text = match (device.state, word("health")) {
        (DeviceState::Active, Some(health)) => health,
        (state, _) => state.name().to_owned(),
    };
    if device.state == DeviceState::Active
        && let Some(phase) = word("phase").filter(|phase| phase != "idle")
    {
        text.push_str(", ");
        text.push_str(&phase);
    }
    if device.hold.is_some() {
        text.push_str(", held");
    }
    text
}

/// The version that it has, and the one that it is to have if that is another.
fn version(device: &Device) -> String {
    let (has, wanted) = (device.committed_version, device.desired_version);
    if has == wanted {
        has.to_string()
    } else {
        format!("{has} -> {wanted}")
    }
}

fn seen(device: &Device) -> String {
    device.last_seen_at.map_or_else(|| "never".to_owned(), ago)
}
