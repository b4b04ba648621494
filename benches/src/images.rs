//! Images over loopback, through a real registry: pushing and pulling beside `skopeo copy`, and the memory of a pull.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use thimble_image::{Descriptor, Index, Manifest, media_type};
use thimble_testkit::registry::{Kind, Registry};

use crate::clock::millis;
use crate::memory::peak_kb;
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::summarize;

/// How often a process's peak is looked at.
const PEAK_INTERVAL: Duration = Duration::from_micros(500);

/// Pushes and pulls.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let thimble = match options.thimble() {
        Ok(thimble) => thimble,
        Err(why) => return Ok(vec![Outcome::skipped("images", why)]),
    };
    let scratch = options.scratch()?.join("images");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    if !is_installed("docker-registry") {
        return Ok(vec![Outcome::skipped(
            "images",
            "docker-registry is not installed; run `cargo xtask setup`",
        )]);
    }
    let bench = Bench {
        thimble,
        registry: Registry::start(Kind::Open),
        scratch,
        has_skopeo: is_installed("skopeo"),
    };
    // What a process that opens the store and does nothing else has at most.
    let baseline_kb = bench.peak("idle", &["images"])?;
    let mut outcomes = Vec::new();
    for (label, bytes, rounds) in [
        ("1 MB", 1_000_000, options.times(15, 1)),
        (
            "100 MB",
            if options.smoke {
                2_000_000
            } else {
                100_000_000
            },
            options.times(5, 1),
        ),
    ] {
        outcomes.extend(bench.size(label, bytes, rounds, baseline_kb)?);
    }
    fs::remove_dir_all(&bench.scratch)?;
    Ok(outcomes)
}

/// Whether there is such a program.
fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    silent(command.arg("--version")).status().is_ok()
}

struct Bench {
    thimble: PathBuf,
    registry: Registry,
    scratch: PathBuf,
    has_skopeo: bool,
}

impl Bench {
    /// Both tools move an image of this size both ways, in turn.
    fn size(
        &self,
        label: &str,
        bytes: usize,
        rounds: usize,
        baseline_kb: f64,
    ) -> Result<Vec<Outcome>> {
        let [mut push, mut pull, mut their_push, mut their_pull] = [const { Vec::new() }; 4];
        let mut peak_kb = f64::MIN;
        for round in 0..rounds {
            // Other content every time, or there would be nothing to move.
            let layout = self.layout(&format!("{bytes}-{round}"), bytes, round)?;
            let layout = layout.to_str().context("a path that is not UTF-8")?;
            let name = self.registry.name(&format!("ours{bytes}:{round}"));
            time(&mut self.thimble("maker", &["load", "-i", layout, "-t", &name]))?;
            push.push(time(&mut self.thimble("maker", &["push", &name]))?);
            pull.push(time(&mut self.thimble("device", &["pull", &name]))?);
            if round == 0 {
                // By itself: whoever looks on is in the way.
                peak_kb = self.peak("watched", &["pull", &name])?;
            }
            if self.has_skopeo {
                let there = format!(
                    "docker://{}",
                    self.registry.name(&format!("theirs{bytes}:{round}"))
                );
                let here = format!("oci:{}:image", self.scratch.join("theirs").display());
                their_push.push(self.skopeo(&format!("oci:{layout}:image"), &there)?);
                their_pull.push(self.skopeo(&there, &here)?);
            }
            for folder in ["maker", "device", "watched", "theirs", "layout"] {
                let folder = self.scratch.join(folder);
                if folder.exists() {
                    fs::remove_dir_all(folder)?;
                }
            }
        }
        let mut outcomes = Vec::new();
        for (what, ours, theirs, budget) in [
            ("push", push, their_push, "image_push_vs_skopeo_max"),
            ("pull", pull, their_pull, "image_pull_vs_skopeo_max"),
        ] {
            let ours = summarize(ours).median;
            outcomes.push(
                Outcome::new(format!("{what} of {label}"), ours, "ms")
                    .note(format!("{rounds} times")),
            );
            if self.has_skopeo {
                let theirs = summarize(theirs).median;
                outcomes.push(Outcome::new(
                    format!("{what} of {label}, skopeo copy"),
                    theirs,
                    "ms",
                ));
                outcomes.push(
                    Outcome::new(
                        format!("{what} of {label}, against skopeo"),
                        ours / theirs,
                        "x",
                    )
                    .budget(budget),
                );
            }
        }
        outcomes.push(
            Outcome::new(
                format!("pull of {label}: peak memory beyond the baseline"),
                (peak_kb - baseline_kb) / 1024.0,
                "MB",
            )
            .budget("image_pull_peak_mb_max")
            .note(format!("peak {:.1} MB", peak_kb / 1024.0)),
        );
        Ok(outcomes)
    }

    /// Our command, with a store of its own.
    fn thimble(&self, device: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.thimble);
        command
            .args(arguments)
            .env("THIMBLE_ROOT", self.scratch.join(device));
        command
    }

    /// The most memory that our command has, in kilobytes. What it has after the last look is missed; resource usage
    /// after its end would tell the most that this process had before it became another program.
    fn peak(&self, device: &str, arguments: &[&str]) -> Result<f64> {
        let mut command = self.thimble(device, arguments);
        let mut child = silent(&mut command).spawn()?;
        let mut peak = 0.0_f64;
        let status = loop {
            // It may have ended meanwhile.
            peak = peak.max(peak_kb(child.id()).unwrap_or_default());
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(PEAK_INTERVAL);
        };
        ensure!(status.success(), "{command:?} ended with {status}");
        Ok(peak)
    }

    fn skopeo(&self, from: &str, to: &str) -> Result<f64> {
        let mut command = Command::new("skopeo");
        command.args([
            "--insecure-policy",
            "copy",
            "--quiet",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            from,
            to,
        ]);
        time(&mut command)
    }

    /// A layout with an image of this many bytes that no other has.
    fn layout(&self, seed: &str, bytes: usize, round: usize) -> Result<PathBuf> {
        let folder = self.scratch.join("layout");
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs)?;
        let write = |media_type: &str, content: &[u8]| -> Result<Descriptor> {
            let descriptor = Descriptor::of(media_type, content);
            fs::write(blobs.join(descriptor.digest.hex()), content)?;
            Ok(descriptor)
        };
        let config = write(media_type::WASM_CONFIG, b"{}")?;
        let layer = write(media_type::WASM, &noise(seed, bytes + round))?;
        let manifest = Manifest::new(config, vec![layer]);
        let mut entry = write(media_type::MANIFEST, &manifest.to_json())?;
        entry
            .annotations
            .insert(thimble_image::descriptor::REF_NAME.into(), "image".into());
        fs::write(folder.join("index.json"), Index::new(vec![entry]).to_json())?;
        fs::write(
            folder.join("oci-layout"),
            json!({"imageLayoutVersion": "1.0.0"}).to_string(),
        )?;
        Ok(folder)
    }
}

/// Bytes that do not compress.
fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut state = seed.bytes().fold(1_u64, |state, byte| {
        state.wrapping_mul(131) ^ u64::from(byte)
    });
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Runs a command to its end, which must be a success; how long it took, in milliseconds.
fn time(command: &mut Command) -> Result<f64> {
    let begun = Instant::now();
    let status = silent(command)
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    let millis = millis(begun.elapsed());
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(millis)
}

fn silent(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}
