//! Tells how a transfer goes: bars on a terminal, lines elsewhere, nothing with `--json`. On standard error, so
//! that standard output holds the result alone.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use thimble_image::{Descriptor, Digest, media_type};
use thimble_port_registry::{BlobProgress, Watch};

use crate::observer::{mebibytes, printable};

/// Where progress is told.
pub(crate) enum Progress {
    /// A bar for each blob.
    Bars {
        all: MultiProgress,
        by_digest: BTreeMap<Digest, ProgressBar>,
    },
    /// A line for each thing that is over.
    Lines { verb: &'static str },
    /// Nowhere.
    Silent,
}

impl Progress {
    /// Progress of a transfer; `verb` is what is told of a blob that has been moved.
    pub(crate) fn new(verb: &'static str, json: bool) -> Self {
        if json {
            Self::Silent
        } else if std::io::stderr().is_terminal() {
            Self::Bars {
                all: MultiProgress::new(),
                by_digest: BTreeMap::new(),
            }
        } else {
            Self::Lines { verb }
        }
    }

    fn say(&self, line: &str) {
        match self {
            // If the terminal is gone, nobody reads it.
            Self::Bars { all, .. } => drop(all.println(line)),
            Self::Lines { .. } => eprintln!("{line}"),
            Self::Silent => {}
        }
    }
}

impl Watch for Progress {
    fn blob(&mut self, blob: &Descriptor, state: BlobProgress) {
        match self {
            Self::Bars { all, by_digest } => {
                let bar = by_digest
                    .entry(blob.digest)
                    .or_insert_with(|| all.add(bar(blob)));
                match state {
                    BlobProgress::Begun { offset } => bar.set_position(offset),
                    BlobProgress::Moved { bytes } => bar.set_position(bytes),
                    BlobProgress::Present => bar.finish_with_message("already there"),
                    BlobProgress::Mounted => bar.finish_with_message("mounted"),
                    BlobProgress::Done => {
                        bar.set_position(blob.size);
                        bar.finish_with_message("done");
                    }
                }
            }
            Self::Lines { verb } => {
                let what = line(blob);
                match state {
                    BlobProgress::Begun { offset } if offset > 0 => {
                        eprintln!("{what}: going on after {}", mebibytes(offset));
                    }
                    BlobProgress::Present => eprintln!("{what}: already there"),
                    BlobProgress::Mounted => eprintln!("{what}: mounted"),
                    BlobProgress::Done => eprintln!("{what}: {verb}"),
                    BlobProgress::Begun { .. } | BlobProgress::Moved { .. } => {}
                }
            }
            Self::Silent => {}
        }
    }

    fn retry(&mut self, reason: &str, wait: Duration) {
        self.say(&format!(
            "trying again in {:.1} s: {}",
            wait.as_secs_f64(),
            printable(reason)
        ));
    }

    fn note(&mut self, text: &str) {
        self.say(&printable(text));
    }
}

fn bar(blob: &Descriptor) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {msg}",
    );
    let bar = ProgressBar::new(blob.size).with_prefix(format!(
        "{:<9} {}",
        kind(blob),
        short(&blob.digest)
    ));
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

fn line(blob: &Descriptor) -> String {
    format!(
        "{} {} ({})",
        kind(blob),
        short(&blob.digest),
        mebibytes(blob.size)
    )
}

/// What a blob is to people.
fn kind(blob: &Descriptor) -> &'static str {
    let media_type = blob.media_type.as_str();
    if media_type::is_manifest(media_type) {
        "manifest"
    } else if media_type::is_index(media_type) {
        "index"
    } else if media_type::is_module(media_type) {
        "module"
    } else if media_type == media_type::COSE {
        "signature"
    } else if media_type.ends_with("config.v0+json") || media_type.ends_with("config.v1+json") {
        "config"
    } else {
        "blob"
    }
}

/// A digest as people recognise it.
pub(crate) fn short(digest: &Digest) -> String {
    digest.hex().chars().take(12).collect()
}
