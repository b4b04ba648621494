//! `thimble fleet enrol`: how devices come to the fleet.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use thimble_hub_api::CSV_BYTES_MAX;
use thimble_hub_api::client::DeviceQuery;
use thimble_hub_api::device::{Device, DeviceState};
use thimble_hub_api::enrolment::{ClaimCode, IssuedClaimCode, NewClaimCode};

use crate::arguments::Shape;
use crate::device::table;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::devices::{AboutDevices, ReasonedArguments, approve, devices, reject};
use super::fields::{CODE, DEVICE, IMPORTED, ISSUED_CODE, REMOVED};
use super::logins::registry;
use super::session::Session;
use super::words::{ago, count, labels, pairs, second, time};

/// Where a hub listens to devices unless its settings say otherwise.
const DEVICES_PORT: u16 = 7444;

/// What can be done about devices that come.
#[derive(Subcommand)]
#[command(defer = true)]
pub(super) enum EnrolCommand {
    /// Make a code with which devices enrol by themselves, and show what to write into their settings.
    Code(CodeArguments),
    /// List claim codes.
    Codes(CodesArguments),
    /// End a claim code; devices that came with it stay.
    Rm(RemoveArguments),
    /// Name devices before they come: a CSV with the columns serial and, as wanted, model, name, labels and code.
    Csv(CsvArguments),
    /// List devices that wait for approval, with the fingerprints that are to be compared.
    Pending(PendingArguments),
    /// Let pending devices into the fleet.
    Approve(AboutDevices),
    /// Do not let pending devices into the fleet.
    Reject(ReasonedArguments),
}

#[derive(Args)]
pub(super) struct CodeArguments {
    /// How many devices it enrols.
    #[arg(long, value_name = "COUNT", default_value = "1")]
    uses: u32,

    /// How long it can be used: 2h, 7d.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    lifetime: String,

    /// A label that those devices get.
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,

    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "enrolment")]
    name: String,

    /// Where devices reach the hub [default: the hub's host, port 7444].
    #[arg(long, value_name = "URL")]
    device_url: Option<String>,

    /// Show the code alone, for other programs.
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub(super) struct CodesArguments {
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub(super) struct RemoveArguments {
    #[command(flatten)]
    shape: Shape,

    /// The code's id.
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Args)]
#[command(after_help = CSV_HELP)]
pub(super) struct CsvArguments {
    #[command(flatten)]
    shape: Shape,

    /// The file; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const CSV_HELP: &str = "\
All lines are taken, or none. Example:
  serial,name,labels
  SN-0001,pump-1,line=1;site=graz
  SN-0002,pump-2,line=1;site=graz";

#[derive(Args)]
pub(super) struct PendingArguments {
    #[command(flatten)]
    shape: Shape,
}

/// Carries out a command.
pub(super) fn run(command: &EnrolCommand, session: &Session) -> Result<(), Failure> {
    match command {
        EnrolCommand::Code(arguments) => code(arguments, session),
        EnrolCommand::Codes(arguments) => codes(arguments, session),
        EnrolCommand::Rm(arguments) => remove(arguments, session),
        EnrolCommand::Csv(arguments) => csv(arguments, session),
        EnrolCommand::Pending(arguments) => pending(arguments, session),
        EnrolCommand::Approve(arguments) => approve(arguments, session),
        EnrolCommand::Reject(arguments) => reject(arguments, session),
    }
}

fn code(arguments: &CodeArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, ISSUED_CODE)?;
    let new = NewClaimCode {
        name: arguments.name.clone(),
        uses: arguments.uses,
        lifetime_s: time("--lifetime", &arguments.lifetime)?.as_secs(),
        labels: pairs("--label", &arguments.label)?,
    };
    let issued = session.ask(session.client.create_claim_code(&new))?;
    if arguments.quiet && output.is_text() {
        return crate::output::write(&format!("{}\n", printable(&issued.code)));
    }
    output.one(&issued, || code_text(arguments, &issued, session))
}

/// What whoever installs a device needs, to be pasted.
fn code_text(arguments: &CodeArguments, issued: &IssuedClaimCode, session: &Session) -> String {
    let url = match &arguments.device_url {
        Some(url) => url.clone(),
        None => device_url(&session.hub),
    };
    let code = printable(&issued.code);
    format!(
        "{code}\n\n\
         It enrols {} until {} and is not shown again. On the device, in thimble.toml:\n\n\
         [fleet]\n\
         hub = \"{url}\"\n\
         claim_code = \"{code}\"\n\
         # ca = \"/etc/thimble/hub.pem\"   # what `thimble-hub authority` prints, unless the hub has a public certificate\n\n\
         or, while its daemon runs:\n\n\
         thimble agent enrol {url} --claim-code {code}\n",
        count(u64::from(arguments.uses), "device"),
        second(issued.expires_at),
    )
}

/// Where devices reach a hub that says nothing else.
fn device_url(hub: &str) -> String {
    let host = registry(hub).unwrap_or(hub);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => host,
    };
    format!("https://{host}:{DEVICES_PORT}")
}

fn codes(arguments: &CodesArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, CODE)?;
    let codes = session.all(async |paged| session.client.claim_codes(&paged).await)?;
    output.list(&codes, || code_rows(&codes))
}

fn code_rows(codes: &[ClaimCode]) -> String {
    let head = ["ID", "FOR", "LEFT", "UNTIL", "LABELS"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(codes.iter().map(|code| {
        vec![
            code.id.clone(),
            printable(&code.name),
            code.uses_left.to_string(),
            second(code.expires_at),
            printable(&labels(&code.labels)),
        ]
    }));
    table(&rows)
}

fn remove(arguments: &RemoveArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REMOVED)?;
    let id = &arguments.id;
    session.about(id, session.client.remove_claim_code(id))?;
    output.one(&serde_json::json!({ "name": id }), || {
        format!("{}: ended\n", printable(id))
    })
}

fn csv(arguments: &CsvArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, IMPORTED)?;
    let path = &arguments.file;
    let wrong = |reason: String| Failure::Settings {
        path: path.clone(),
        reason,
    };
    let unreadable = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
    let max = CSV_BYTES_MAX as u64;
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(max + 1)
            .read_to_string(&mut text)
    } else {
        let file = File::open(path).map_err(unreadable)?;
        file.take(max + 1).read_to_string(&mut text)
    }
    .map_err(unreadable)?;
    if text.len() as u64 > max {
        return Err(wrong(format!(
            "it has more than {} MiB; send it in parts",
            max >> 20
        )));
    }
    let subject = path.display().to_string();
    let imported = session.about(&subject, session.client.expect_devices(&text))?;
    output.one(&imported, || {
        format!(
            "{} expected\n",
            count(u64::from(imported.expected), "device")
        )
    })
}

fn pending(arguments: &PendingArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, DEVICE)?;
    let query = DeviceQuery {
        state: Some(DeviceState::Pending),
        ..DeviceQuery::default()
    };
    let found = devices(session, &query)?;
    output.list(&found, || pending_rows(&found))
}

fn pending_rows(devices: &[Device]) -> String {
    if devices.is_empty() {
        return "no device waits\n".to_owned();
    }
    let head = ["NAME", "FINGERPRINT", "MODEL", "SERIAL", "CAME"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(devices.iter().map(|device| {
        vec![
            printable(&device.name),
            printable(device.fingerprint.as_deref().unwrap_or_default()),
            printable(&device.model),
            printable(&device.serial),
            ago(device.created_at),
        ]
    }));
    format!(
        "{}Compare the fingerprint with what `thimble agent status` shows at the device, then: thimble fleet enrol approve NAME\n",
        table(&rows)
    )
}

#[cfg(test)]
mod tests {
    //! Where devices reach a hub.

    use super::device_url;

    #[test]
    fn devices_reach_the_hub_at_their_own_port() {
        for (hub, expected) in [
            ("https://hub.example.org", "https://hub.example.org:7444"),
            (
                "https://hub.example.org:443",
                "https://hub.example.org:7444",
            ),
            ("http://127.0.0.1:7443", "https://127.0.0.1:7444"),
            ("https://[::1]:7443", "https://[::1]:7444"),
            ("https://[::1]", "https://[::1]:7444"),
        ] {
            assert_eq!(device_url(hub), expected);
        }
    }
}
