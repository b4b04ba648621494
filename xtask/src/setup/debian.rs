//! Installing Debian's packages, where that can be done without a password.

#[cfg(test)]
mod tests;

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::tools::go_is_new_enough;
use crate::process;

/// How long to wait for a password-less sudo to answer.
const SUDO_WAIT: Duration = Duration::from_secs(5);

/// `apt-get`, and whether it needs sudo.
pub(crate) struct Apt {
    sudo: bool,
}

impl Apt {
    /// Finds apt-get and the right to use it, or says why not.
    pub(crate) fn find() -> Result<Self, String> {
        if process::find("apt-get").is_none() {
            return Err("there is no apt-get here".to_owned());
        }
        let user = process::capture(Command::new("id").arg("-u")).unwrap_or_default();
        if user.trim() == "0" {
            return Ok(Self { sudo: false });
        }
        if process::succeeds_within(Command::new("sudo").args(["-n", "true"]), SUDO_WAIT) {
            return Ok(Self { sudo: true });
        }
        Err("apt-get needs root, and sudo asks for a password".to_owned())
    }

    /// Brings the lists up to date once, then installs what is to be had; gives what is not.
    pub(crate) fn install<'p>(&self, packages: &[&'p str]) -> Result<Vec<&'p str>> {
        process::capture(self.apt_get().arg("update"))?;
        let (wanted, refused): (Vec<&str>, Vec<&str>) = packages
            .iter()
            .partition(|package| is_worth_installing(package));
        if !wanted.is_empty() {
            println!("installing {}", wanted.join(" "));
            let mut command = self.apt_get();
            command
                .args(["install", "-y", "--no-install-recommends"])
                .args(wanted);
            process::capture(&mut command)?;
        }
        Ok(refused)
    }

    fn apt_get(&self) -> Command {
        let mut command = Command::new(if self.sudo { "sudo" } else { "env" });
        if self.sudo {
            command.args(["-n", "env"]);
        }
        // Another apt-get may be at work; a package may want to ask something.
        command.args([
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-q",
            "-o",
            "DPkg::Lock::Timeout=300",
        ]);
        command
    }
}

/// Whether the system has the package at all, and new enough: Debian 12's Go cannot build for WASI.
fn is_worth_installing(package: &str) -> bool {
    let policy = process::capture(Command::new("apt-cache").args(["policy", package]));
    match policy.as_deref().map(candidate) {
        Ok(Some(version)) => package != "golang-go" || go_is_new_enough(version),
        Ok(None) | Err(_) => false,
    }
}

/// The major and minor number of the version that would be installed.
fn candidate(policy: &str) -> Option<(u32, u32)> {
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate:"))?
        .trim();
    let upstream = version
        .split_once(':')
        .map_or(version, |(_, upstream)| upstream);
    let mut numbers = upstream.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
