//! What the system tells of a process, and what it lets this one have.

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process, and those that it starts, have so many descriptors, or as many as the system allows: how many.
pub(super) fn raise_descriptors(count: usize) -> usize {
    let wanted = count as u64;
    let present = getrlimit(Resource::Nofile);
    let allowed = present.maximum.unwrap_or(wanted);
    for most in [wanted, wanted.min(allowed)] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(allowed.max(most)),
        };
        // Only a privileged process has more than it was given.
        if setrlimit(Resource::Nofile, limit).is_ok() {
            return usize::try_from(most).unwrap_or(usize::MAX);
        }
    }
    let current = present.current.unwrap_or(wanted);
    usize::try_from(current).unwrap_or(usize::MAX)
}

/// Memory that is there, in KiB.
///
/// # Errors
/// There is no such process.
pub(super) fn resident_kib(process: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let line = line.context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Seconds of processor time that it took so far.
///
/// # Errors
/// There is no such process.
pub(super) fn processor_s(process: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = text.rsplit_once(')').context("no stat")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().context("no ticks")?.parse()?) };
    // The kernel tells times in hundredths of a second, whatever its own rhythm (USER_HZ).
    Ok((ticks()? + ticks()?) / 100.0)
}
