//! What the program can be told.

mod authority;
mod bundle;
mod collect;
mod copies;
mod init;
mod reseal;
mod serve;
mod token;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use pico_args::Arguments;
use thimble_hub::{Settings, api};

/// Who the audit trail says that it was: whoever may run the program with the hub's settings.
const ACTOR: &str = "hub:administrator";
/// The first admin, unless another name is said.
const ADMIN: &str = "admin";

const HELP: &str = "\
thimble-hub: keeps a fleet of devices in the state that its operators declared.

usage: thimble-hub COMMAND [--config FILE]

commands:
  init       begins a hub: makes its master key, its first tenant and its first admin, and prints the admin's token once
               --tenant NAME    the first tenant's name (default: main)
               --user NAME      the admin's name (default: admin)
               --password-file FILE   a file with the admin's password; without one there is only the token
  token      prints a new token of a user, for when nobody has one any more; it lasts as long as signing in does
               --user NAME      whose (default: admin)
  serve      serves operators and devices until it is told to stop (SIGTERM, SIGINT)
  authority  prints the root (PEM) that devices believe the hub by: what they are given as `ca`
               --rotate                 makes another authority below it first, which issues from now on
  backup DIR    copies the database (SQLite), the blobs and the master key into a new folder, while the hub works
               --without-database   for PostgreSQL: run pg_dump first, then this
               --without-key        the master key is kept elsewhere; without it a backup is of no use
  restore DIR   puts a backup where the settings say that the hub is; nothing may be there
  bundle FILE   writes a device's state and everything that it needs into a new file, for where there is no network
               --device NAME|ID
  reseal     seals everything that is secret with the present master key, after it was replaced; while no node runs
               --old-key FILE           the key before it; if there is no present one, it is made
  collect    deletes images and other blobs that nothing needs any more, as the hub does by itself every day
               --dry-run                only tells what would be deleted
  export FILE   copies a tenant, without those below it, into a new tar file, while the hub works
               --tenant NAME|ID
               --passphrase-file FILE   seals its secrets with this passphrase; without one they are left out
  import FILE   takes in a tenant that another hub exported, as a whole or not at all
               --parent NAME|ID         below which tenant; below none if nothing is said
               --passphrase-file FILE   the passphrase of the export
  openapi    prints the description of the operators' interface

options:
  --config FILE   the settings (TOML); without one everything has its default, and the hub keeps what it keeps in
                  /var/lib/thimble-hub, or in thimble-hub below $XDG_STATE_HOME or ~/.local/state
  --help          prints this
  --version       prints the version
";

/// Does what the command line says.
pub(crate) fn run() -> Result<()> {
    let mut arguments = Arguments::from_env();
    if arguments.contains(["-h", "--help"]) {
        print!("{HELP}");
        return Ok(());
    }
    if arguments.contains(["-V", "--version"]) {
        println!("thimble-hub {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    let command = arguments.subcommand().context("the command is not text")?;
    match command.as_deref() {
        Some("openapi") => {
            finish(arguments)?;
            println!("{}", api::openapi().to_pretty_json()?);
            Ok(())
        }
        Some("init") => {
            let settings = settings(&mut arguments)?;
            let tenant = arguments.opt_value_from_str("--tenant")?;
            let user = arguments.opt_value_from_str("--user")?;
            let password = path(&mut arguments, "--password-file")?;
            finish(arguments)?;
            init::run(settings, tenant, user, password)
        }
        Some("token") => {
            let settings = settings(&mut arguments)?;
            let user = arguments.opt_value_from_str("--user")?;
            finish(arguments)?;
            token::run(settings, user)
        }
        Some("serve") => {
            let settings = settings(&mut arguments)?;
            finish(arguments)?;
            serve::run(settings)
        }
        Some("reseal") => {
            let settings = settings(&mut arguments)?;
            let old = path(&mut arguments, "--old-key")?;
            finish(arguments)?;
            let old = old.context("say which key it was before: --old-key FILE")?;
            reseal::run(settings, &old)
        }
        Some("collect") => {
            let settings = settings(&mut arguments)?;
            let is_dry = arguments.contains("--dry-run");
            finish(arguments)?;
            collect::run(settings, is_dry)
        }
        Some("authority") => {
            let settings = settings(&mut arguments)?;
            let rotates = arguments.contains("--rotate");
            finish(arguments)?;
            authority::run(settings, rotates)
        }
        Some("bundle") => {
            let settings = settings(&mut arguments)?;
            let device: Option<String> = arguments.opt_value_from_str("--device")?;
            let place = place(&mut arguments, "bundle")?;
            finish(arguments)?;
            let device = device.context("say which: --device NAME")?;
            bundle::run(settings, &device, &place)
        }
        Some(name @ ("backup" | "restore" | "export" | "import")) => {
            let settings = settings(&mut arguments)?;
            let said = copies::Said {
                without_database: arguments.contains("--without-database"),
                without_key: arguments.contains("--without-key"),
                tenant: arguments.opt_value_from_str("--tenant")?,
                parent: arguments.opt_value_from_str("--parent")?,
                passphrase: path(&mut arguments, "--passphrase-file")?,
                place: place(&mut arguments, name)?,
            };
            finish(arguments)?;
            copies::run(name, settings, said)
        }
        Some(other) => bail!("there is no command `{other}`; --help lists those that there are"),
        None => bail!("say what to do: --help lists the commands"),
    }
}

fn settings(arguments: &mut Arguments) -> Result<Settings> {
    match path(arguments, "--config")? {
        Some(path) => Ok(Settings::load(&path)?),
        None => Ok(Settings::default()),
    }
}

fn path(arguments: &mut Arguments, option: &'static str) -> Result<Option<PathBuf>> {
    let parse = |text: &std::ffi::OsStr| Ok::<_, std::convert::Infallible>(PathBuf::from(text));
    Ok(arguments.opt_value_from_os_str(option, parse)?)
}

/// The folder or file that a command is about.
fn place(arguments: &mut Arguments, command: &str) -> Result<PathBuf> {
    let parse = |text: &std::ffi::OsStr| Ok::<_, std::convert::Infallible>(PathBuf::from(text));
    let place = arguments.opt_free_from_os_str(parse)?;
    place.with_context(|| format!("say where: thimble-hub {command} PLACE"))
}

/// Finds out that nothing was said that nobody understood.
fn finish(arguments: Arguments) -> Result<()> {
    let rest: Vec<OsString> = arguments.finish();
    match rest.first() {
        None => Ok(()),
        Some(word) => bail!(
            "`{}` is not understood here; --help lists what is",
            word.display()
        ),
    }
}

/// The runtime that everything asynchronous runs on.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")
}

/// What is told while the program runs, on standard error.
fn trace() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
