//! `thimble prune` and `thimble fsck`.

use serde_json::json;
use thimble_port_linux::images::store::PruneMode;

use crate::arguments::{FsckArguments, PruneArguments};
use crate::failure::Failure;
use crate::observer::mebibytes;

use super::opened;

/// Removes what nothing uses.
pub(super) fn prune(arguments: &PruneArguments) -> Result<(), Failure> {
    let store = opened::store()?;
    let mode = if arguments.dry_run {
        PruneMode::DryRun
    } else {
        PruneMode::Remove
    };
    let pruned = store
        .prune(mode)
        .map_err(|error| Failure::device("removing what nothing uses", error))?;
    if arguments.output.json {
        println!(
            "{}",
            json!({"dry_run": arguments.dry_run, "blobs": pruned.blobs, "partial_downloads": pruned.ingests,
                   "bytes": pruned.bytes})
        );
    } else {
        println!(
            "{} {} blobs and {} partial downloads, {}",
            if arguments.dry_run {
                "would remove"
            } else {
                "removed"
            },
            pruned.blobs,
            pruned.ingests,
            mebibytes(pruned.bytes)
        );
    }
    Ok(())
}

/// Checks every stored byte.
pub(super) fn check(arguments: &FsckArguments) -> Result<(), Failure> {
    let store = opened::store()?;
    let damages = store
        .check()
        .map_err(|error| Failure::device("checking the image store", error))?;
    let usage = store
        .usage()
        .map_err(|error| Failure::device("checking the image store", error))?;
    if arguments.output.json {
        let damages: Vec<_> = damages.iter().map(ToString::to_string).collect();
        println!(
            "{}",
            json!({"damages": damages, "blobs": usage.blobs, "bytes": usage.bytes,
                   "partial_bytes": usage.ingest_bytes, "quota_bytes": usage.quota_bytes,
                   "free_bytes": usage.free_bytes})
        );
    } else {
        for damage in &damages {
            println!("{damage}");
        }
        println!(
            "{} blobs, {}, {} of partial downloads; {} of the disk are free",
            usage.blobs,
            mebibytes(usage.bytes),
            mebibytes(usage.ingest_bytes),
            mebibytes(usage.free_bytes)
        );
    }
    if damages.is_empty() {
        Ok(())
    } else {
        Err(Failure::device(
            "checking the image store",
            format_args!(
                "{} damaged; `thimble pull` fetches what is damaged again",
                damages.len()
            ),
        ))
    }
}
