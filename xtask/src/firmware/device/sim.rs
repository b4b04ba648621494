//! `cargo xtask sim mcu`: power cuts and hours of a board's time, on the firmware that devices run.

use anyhow::{Result, bail};
use pico_args::Arguments;

use super::Device;
use super::guest::OPERATOR;
use crate::guests::{self, WithoutGo};
use crate::process;
use crate::workspace::Workspace;

/// Cuts and hours, where nobody says otherwise.
const CUTS: u32 = 1000;
const HOURS: u32 = 72;

/// What is to be simulated.
struct Wish {
    devices: Vec<&'static Device>,
    cuts: Option<u32>,
    hours: Option<u32>,
    seed: Option<u64>,
}

/// Builds firmware and guests, cuts power, and lets time pass.
pub(crate) fn run(workspace: &Workspace, mut arguments: Arguments) -> Result<()> {
    let wish = parse(&mut arguments)?;
    if let Some(extra) = arguments.finish().first() {
        bail!(
            "unexpected argument `{}`; see `cargo xtask help`",
            extra.display()
        );
    }
    guests::build(workspace, &[], WithoutGo::Skip)?;
    for device in wish.devices {
        device.build(workspace)?;
        if let Some(cuts) = wish.cuts {
            let count = ["--count".to_owned(), cuts.to_string()];
            simulate(workspace, device, "cuts", &count, wish.seed)?;
        }
        if let Some(hours) = wish.hours {
            let hours = ["--hours".to_owned(), hours.to_string()];
            simulate(workspace, device, "hours", &hours, wish.seed)?;
        }
    }
    Ok(())
}

/// Both, unless one of them is asked for; on the first board, unless others are.
fn parse(arguments: &mut Arguments) -> Result<Wish> {
    let is_chosen = |device: &&Device| device.emulator.is_some();
    let asked = Device::chosen(arguments)?;
    let all = asked.len();
    let mut devices: Vec<&'static Device> = asked.into_iter().filter(is_chosen).collect();
    if all == super::DEVICES.len() {
        devices.truncate(1);
    }
    if devices.is_empty() {
        bail!("nobody plays that board; it needs the real one");
    }
    let cuts = arguments.opt_value_from_str("--cuts")?;
    let hours = arguments.opt_value_from_str("--hours")?;
    let (cuts, hours) = match (cuts, hours) {
        (None, None) => (Some(CUTS), Some(HOURS)),
        asked => asked,
    };
    Ok(Wish {
        devices,
        cuts,
        hours,
        seed: arguments.opt_value_from_str("--seed")?,
    })
}

fn simulate(
    workspace: &Workspace,
    device: &Device,
    what: &str,
    options: &[String],
    seed: Option<u64>,
) -> Result<()> {
    let mut command = workspace.cargo("run");
    command
        .args(["--quiet", "--package", OPERATOR, "--", what])
        .args(["--board", device.name])
        .args(options);
    if let Some(seed) = seed {
        command.args(["--seed", &seed.to_string()]);
    }
    if what == "cuts" {
        command.arg("--evidence").arg(workspace.target.join("cuts"));
    }
    process::run(&mut command)
}
