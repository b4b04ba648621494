//! `thimble stats`.

use std::io::{self, IsTerminal as _};

use thimble_device_api::Stats;

use crate::arguments::StatsArguments;
use crate::failure::Failure;
use crate::images::table::table;
use crate::observer::{mebibytes, printable};
use crate::output::{Output, STATS, write};

use super::{client, ours};

/// Goes to the upper left corner.
const HOME: &str = "\x1b[H";
/// Erases the rest of the line, before each end of line.
const ERASE_LINE: &str = "\x1b[K";
/// Erases what is below.
const ERASE_BELOW: &str = "\x1b[J";
/// Erases everything.
const ERASE_ALL: &str = "\x1b[2J";

/// Shows what containers use, once or every second.
pub(super) fn stats(arguments: &StatsArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, STATS)?;
    let client = client()?;
    let names = &arguments.containers;
    if arguments.no_stream {
        let readings = client.stats(names).map_err(ours)?;
        return output.list(&readings, || rows(&readings));
    }
    let redraw = output.is_text() && io::stdout().is_terminal();
    if redraw {
        write(ERASE_ALL)?;
    }
    for readings in client.stats_stream(names).map_err(ours)? {
        let readings = readings.map_err(ours)?;
        if redraw {
            let text = rows(&readings).replace('\n', &format!("{ERASE_LINE}\n"));
            write(&format!("{HOME}{text}{ERASE_BELOW}"))?;
        } else if output.is_json() {
            output.item(&readings, String::new)?;
        } else {
            output.list(&readings, || rows(&readings))?;
        }
    }
    Ok(())
}

fn rows(readings: &[Stats]) -> String {
    let head = [
        "NAME",
        "STATE",
        "CPU %",
        "CPU TIME",
        "MEMORY / LIMIT",
        "STORAGE",
        "MESSAGES IN/DROPPED/REFUSED",
        "RESTARTS",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(readings.iter().map(|stats| {
        vec![
            printable(&stats.name),
            stats.state.map_or("-", |state| state.name()).to_owned(),
            stats.cpu_thousandths.map_or_else(
                || "-".into(),
                |share| format!("{}.{}", share / 10, share % 10),
            ),
            seconds(stats.cpu_ns),
            format!(
                "{} / {}",
                mebibytes(stats.memory_bytes),
                mebibytes(stats.memory_bytes_limit)
            ),
            mebibytes(stats.storage_bytes),
            format!(
                "{}/{}/{}",
                stats.bus_delivered, stats.bus_dropped, stats.bus_refused
            ),
            stats.restarts.to_string(),
        ]
    }));
    table(&rows)
}

fn seconds(nanos: u64) -> String {
    let millis = nanos / 1_000_000;
    format!("{}.{:03} s", millis / 1000, millis % 1000)
}
