//! `thimble-tests-fleet load …`: what a node takes, measured.

use anyhow::{Result, bail};
use thimble_tests_fleet::load;

const HELP: &str = "thimble-tests-fleet: a fleet under test

USAGE
  thimble-tests-fleet load [FIGURE…] [--json] [--smoke] [--connections N] [--devices N] [--seconds N]
  thimble-tests-fleet node FOLDER     a node that `load` measures; ends when its input does

FIGURES (all of them without one)
  polls       polls per second and core that are answered with 304, over kept connections
  idle        memory of a connection whose poll waits
  enrolments  enrolments per second
  map         memory and start with many registered devices
  plan        time of a rollout's plan for many devices

--smoke makes everything tiny and asks for no budget: only to see that it runs.

Node and generator are two processes on the same machine, and share its processors.
";

fn main() -> Result<()> {
    let mut arguments = pico_args::Arguments::from_env();
    if arguments.contains(["-h", "--help"]) {
        print!("{HELP}");
        return Ok(());
    }
    match arguments.subcommand()?.as_deref() {
        Some("load") => load::run(arguments),
        Some("node") => load::node(arguments),
        Some("idle-part") => load::idle_part(arguments),
        Some(other) => bail!("there is no `{other}`: see --help"),
        None => {
            print!("{HELP}");
            Ok(())
        }
    }
}
