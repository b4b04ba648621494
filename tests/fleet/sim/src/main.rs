//! `thimble-tests-fleet-sim`: plays fleets, as many as are asked for, and shows the first in which a rule was broken.

mod play;

use std::process::ExitCode;

use anyhow::{Result, bail};
use thimble_tests_fleet_sim::{Life, Lived, Sabotage, Signatures, Traced, script};

use play::Play;

const HELP: &str = "thimble-tests-fleet-sim: fleets of real agents, sessions and plans, in which everything between them fails

USAGE
  thimble-tests-fleet-sim [--full] [--seeds N] [--first N] [--devices N] [--hours N] [--jobs N]
                          plays so many fleets, each by a seed of its own: 40 of 2000 devices, or all that is promised,
                          1000 of 10000, with --full; --first goes on where it was stopped
  thimble-tests-fleet-sim --seed N [--device N]
                          plays one again, and prints what happened: to everything, or to one device
  thimble-tests-fleet-sim --script FILE
                          plays what is written down, and prints what happened

OPTIONS
  --p256                  sign and check with P-256, as devices do; without it a cheap sum takes its place
  --sabotage WHAT         break a rule on purpose: fence, hasty, lost-save
";

fn main() -> ExitCode {
    match run(pico_args::Arguments::from_env()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: pico_args::Arguments) -> Result<ExitCode> {
    if arguments.contains(["-h", "--help"]) {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = arguments.opt_value_from_str::<_, String>("--script")? {
        for line in script::play(&std::fs::read_to_string(path)?)? {
            println!("{line}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let is_full = arguments.contains("--full");
    let (devices, fleets): (u32, u64) = if is_full {
        (10_000, 1_000)
    } else {
        (2_000, 40)
    };
    let mut life = Life {
        seed: 0,
        devices: arguments
            .opt_value_from_str("--devices")?
            .unwrap_or(devices),
        hours: arguments
            .opt_value_from_str("--hours")?
            .unwrap_or(if is_full { 8 } else { 12 }),
        signatures: if arguments.contains("--p256") {
            Signatures::P256
        } else {
            Signatures::Sum
        },
        sabotage: match arguments
            .opt_value_from_str::<_, String>("--sabotage")?
            .as_deref()
        {
            None => Sabotage::None,
            Some("fence") => Sabotage::Fence,
            Some("hasty") => Sabotage::Hasty,
            Some("lost-save") => Sabotage::LostSave,
            Some(other) => bail!("there is no sabotage `{other}`: fence, hasty, lost-save"),
        },
    };
    let one = arguments.opt_value_from_str::<_, u64>("--seed")?;
    let device = arguments.opt_value_from_str::<_, u32>("--device")?;
    let first: u64 = arguments.opt_value_from_str("--first")?.unwrap_or(1);
    // Who goes on in the middle of the promise plays the rest of it.
    let left = (fleets + 1).saturating_sub(first).max(1);
    let seeds = arguments
        .opt_value_from_str("--seeds")?
        .unwrap_or(if is_full { left } else { fleets });
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments
        .opt_value_from_str("--jobs")?
        .unwrap_or(processors);
    if let Some(extra) = arguments.finish().first() {
        bail!("unexpected argument `{}`: see --help", extra.display());
    }
    if life.devices == 0 || life.hours == 0 {
        bail!("a fleet needs at least 1 device and 1 hour");
    }
    let Some(seed) = one else {
        return Play::new(life, first, seeds).run(jobs);
    };
    life.seed = seed;
    let lived = life.live(device.map_or(Traced::All, Traced::Device))?;
    for line in &lived.trace {
        println!("{line}");
    }
    println!("{:?}", lived.counts);
    play::tell(&lived.troubles);
    Ok(judged(&lived))
}

fn judged(lived: &Lived) -> ExitCode {
    match &lived.violation {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            let who = violation
                .device
                .map_or_else(|| "the fleet".into(), |device| format!("device {device}"));
            eprintln!("error: {who}: {}", violation.what);
            ExitCode::FAILURE
        }
    }
}
