//! A process and those that it started: their memory and their processor time.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::memory::proportional_kb;

/// A process and all that descend from it.
pub(super) fn family(root: u32) -> Result<Vec<u32>> {
    let parents = parents()?;
    let mut family = vec![root];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        let children = parents.iter().filter(|(_, of)| *of == parent);
        family.extend(children.map(|(child, _)| *child));
        at += 1;
    }
    Ok(family)
}

/// Every process with its parent.
fn parents() -> Result<Vec<(u32, u32)>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot read /proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended meanwhile.
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
            continue;
        };
        // After the name, which may hold anything, come the state and the parent.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        parents.extend(parent.map(|parent| (process, parent)));
    }
    Ok(parents)
}

/// The proportional set size of processes together, in kilobytes.
pub(super) fn size_kb(processes: &[u32]) -> Result<f64> {
    processes
        .iter()
        .map(|process| proportional_kb(&process.to_string()))
        .sum()
}

/// The processor time of all threads of processes, as the scheduler counts it.
pub(super) fn processor_time(processes: &[u32]) -> Result<Duration> {
    let mut nanos = 0;
    for process in processes {
        let folder = format!("/proc/{process}/task");
        for thread in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
            let path = thread?.path().join("schedstat");
            // A thread may have ended meanwhile.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let spent: u64 = text
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .parse()
                .with_context(|| format!("{} has no number", path.display()))?;
            nanos += spent;
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// How often threads of processes were given a processor.
pub(super) fn switches(processes: &[u32]) -> u64 {
    let of_thread = |path: std::path::PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().nth(2)?.parse().ok()
    };
    let mut sum = 0;
    for process in processes {
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
            continue;
        };
        sum += threads
            .flatten()
            .filter_map(|thread| of_thread(thread.path()))
            .sum::<u64>();
    }
    sum
}
