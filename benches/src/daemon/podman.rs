//! Podman with crun, and crun alone, beside the daemon: as little as they can do with.
//!
//! No network, no log, no events, no control groups, a root file system that is one static native program. They run in
//! a child of this program with mounts of its own: some machines have both versions of control groups at once, which
//! crun refuses, so the newer one is out of sight there.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::clock::millis;
use crate::cpu::compiler;
use crate::options::Options;

use super::process;

/// The argument that makes this program such a child.
pub(crate) const CHILD: &str = "__rival";

/// Where the newer control groups are on machines that have both.
const HIDE: &str = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"";
/// Containers that are started at the same time.
const AT_ONCE: usize = 2;

/// Memory of containers, in kilobytes.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Of the processes that watch over them.
    pub(super) conmon_kb: f64,
    /// Of what runs in them.
    pub(super) guest_kb: f64,
}

impl Size {
    pub(super) fn total_kb(self) -> f64 {
        self.conmon_kb + self.guest_kb
    }

    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            conmon_kb: self.conmon_kb * factor,
            guest_kb: self.guest_kb * factor,
        }
    }
}

/// How long one cycle of each takes, in milliseconds.
pub(super) struct Cycles {
    pub(super) podman: Vec<f64>,
    pub(super) crun: Vec<f64>,
}

/// Podman with crun, as it is installed.
pub(super) struct Rival {
    folder: PathBuf,
}

impl Rival {
    /// It, or why it cannot be had.
    pub(super) fn find(options: &Options) -> Result<Result<Self, String>> {
        for program in ["podman", "crun", "conmon", "unshare"] {
            let mut command = Command::new(program);
            command
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            if command.status().is_err() {
                return Ok(Err(format!("{program} is not installed")));
            }
        }
        if !rustix::process::geteuid().is_root() {
            return Ok(Err("podman is measured as root".to_owned()));
        }
        // Short: a socket of conmon's is below it.
        let folder = options.scratch()?.join("rival");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("files"))?;
        let build = |name: &str, source: &str| -> Result<()> {
            let (file, program) = (folder.join(name), folder.join("files").join(name));
            let file = file.with_extension("c");
            fs::write(&file, source)?;
            compiler::run(
                Command::new(compiler::find()?)
                    .args(["-O2", "-static", "-o"])
                    .args([&program, &file]),
            )
        };
        build(
            "wait",
            "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n",
        )?;
        build("nothing", "int main(void) { return 0; }\n")?;
        Ok(Ok(Self { folder }))
    }

    /// The memory with each of these numbers of containers.
    pub(super) fn memory(&self, counts: &[usize]) -> Result<Vec<Size>> {
        let numbers = self.child("memory", counts)?;
        let (pairs, _) = numbers.as_chunks::<2>();
        Ok(pairs
            .iter()
            .map(|[conmon_kb, guest_kb]| Size {
                conmon_kb: *conmon_kb,
                guest_kb: *guest_kb,
            })
            .collect())
    }

    /// Runs a program that does nothing so many times with each.
    pub(super) fn cycles(&self, times: usize) -> Result<Cycles> {
        let mut podman = self.child("cycles", &[times])?;
        let crun = podman.split_off(podman.len().min(times));
        Ok(Cycles { podman, crun })
    }

    fn child(&self, what: &str, numbers: &[usize]) -> Result<Vec<f64>> {
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", HIDE, "sh"])
            .arg(std::env::current_exe()?)
            .args([CHILD.as_ref(), self.folder.as_os_str(), what.as_ref()])
            .args(numbers.iter().map(usize::to_string))
            .output()?;
        ensure!(
            output.status.success(),
            "podman could not be measured: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers = text.split_whitespace().map(str::parse::<f64>);
        Ok(numbers.collect::<Result<_, _>>()?)
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // What is left is removed before the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The child: prints numbers.
pub(crate) fn child(arguments: &[OsString]) -> Result<()> {
    let [folder, what, numbers @ ..] = arguments else {
        bail!("needs FOLDER memory|cycles NUMBER...")
    };
    let number =
        |text: &OsString| -> Result<usize> { Ok(text.to_str().context("not a number")?.parse()?) };
    let numbers: Vec<usize> = numbers.iter().map(number).collect::<Result<_>>()?;
    let here = Here(folder.into());
    match what.to_str() {
        Some("memory") => here.memory(&numbers),
        _ => here.cycles(numbers.first().copied().unwrap_or(1)),
    }
}

/// Where the child keeps everything.
struct Here(PathBuf);

impl Here {
    fn memory(&self, counts: &[usize]) -> Result<()> {
        let measured = self.grow(counts);
        // Whatever happened: nothing stays.
        let removed = run(self.podman(&["rm", "--all", "--force", "--time", "0"]));
        let sizes = measured?;
        removed?;
        for size in sizes {
            println!("{} {}", size.conmon_kb, size.guest_kb);
        }
        Ok(())
    }

    fn grow(&self, counts: &[usize]) -> Result<Vec<Size>> {
        let mut made = 0;
        let mut sizes = Vec::new();
        for count in counts {
            while made < *count {
                let batch = AT_ONCE.min(*count - made);
                let started: Vec<_> = (0..batch)
                    .map(|_| {
                        let mut command = self.run(&["--detach"], "/wait");
                        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
                    })
                    .collect();
                for process in started {
                    check(&process?.wait_with_output()?)?;
                }
                made += batch;
            }
            sizes.push(self.size(*count)?);
        }
        Ok(sizes)
    }

    fn size(&self, count: usize) -> Result<Size> {
        let (mut watching, mut running) = (Vec::new(), Vec::new());
        let folder = self.0.join("storage");
        let folder = folder.to_str().context("a path that is not UTF-8")?;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            if line
                .split('\0')
                .next()
                .is_some_and(|name| name.ends_with("conmon"))
                && line.contains(folder)
            {
                watching.push(process);
                running.extend(process::family(process)?.into_iter().skip(1));
            }
        }
        ensure!(
            watching.len() == count && running.len() == count,
            "{count} containers were started, and {} run under {} conmon",
            running.len(),
            watching.len()
        );
        Ok(Size {
            conmon_kb: process::size_kb(&watching)?,
            guest_kb: process::size_kb(&running)?,
        })
    }

    fn cycles(&self, times: usize) -> Result<()> {
        let bundle = self.bundle()?;
        let (mut podman, mut crun) = (Vec::new(), Vec::new());
        // One more that is not counted comes first; in turn, so that disturbances hit both alike.
        for round in 0..=times {
            let theirs = time(self.run(&["--rm"], "/nothing"))?;
            let mut command = Command::new("crun");
            command
                .arg("--root")
                .arg(self.0.join("crun"))
                .args(["--cgroup-manager", "disabled", "run", "--bundle"])
                .arg(&bundle)
                .arg(format!("nothing{round}"));
            let alone = time(command)?;
            if round > 0 {
                podman.push(theirs);
                crun.push(alone);
            }
        }
        for sample in podman.iter().chain(&crun) {
            println!("{sample}");
        }
        Ok(())
    }

    /// What crun runs by itself: what `crun spec` proposes, without a terminal, limits and control groups.
    fn bundle(&self) -> Result<PathBuf> {
        let bundle = self.0.join("bundle");
        fs::create_dir_all(&bundle)?;
        run({
            let mut command = Command::new("crun");
            command.arg("spec").current_dir(&bundle);
            command
        })?;
        let file = bundle.join("config.json");
        let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&file)?)?;
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["/nothing"]);
        config["process"]["rlimits"] = json!([]);
        config["root"] = json!({ "path": self.0.join("files"), "readonly": true });
        fs::write(&file, config.to_string())?;
        Ok(bundle)
    }

    /// `podman run` of a program in the file system.
    fn run(&self, options: &[&str], program: &str) -> Command {
        let mut command = self.podman(&["run"]);
        command
            .args(options)
            .args(["--network", "none", "--log-driver", "none"])
            // Without these it wants more than root may have on some machines.
            .args([
                "--ulimit",
                "nofile=1024:1024",
                "--ulimit",
                "nproc=1024:1024",
            ])
            .args(["--cgroups", "disabled", "--rootfs"])
            .arg(self.0.join("files"))
            .arg(program);
        command
    }

    fn podman(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("podman");
        for (option, folder) in [
            ("--root", "storage"),
            ("--runroot", "run"),
            ("--tmpdir", "tmp"),
        ] {
            command.arg(option).arg(self.0.join(folder));
        }
        command
            .args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"])
            .args(["--events-backend", "none", "--runtime", "crun"])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }
}

/// Runs a command to its end, which must be a success; how long it took, in milliseconds.
fn time(mut command: Command) -> Result<f64> {
    command.stdin(Stdio::null());
    let begun = Instant::now();
    let output = command.output()?;
    let millis = millis(begun.elapsed());
    check(&output)?;
    Ok(millis)
}

fn run(mut command: Command) -> Result<()> {
    check(&command.output()?)
}

fn check(output: &std::process::Output) -> Result<()> {
    ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_scale() {
        let size = Size {
            conmon_kb: 3.0,
            guest_kb: 1.0,
        };
        assert_eq!(size.times(2.0).total_kb(), 8.0);
    }
}
