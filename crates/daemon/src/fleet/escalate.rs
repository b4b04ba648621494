//! The last rung: the device is restarted, if its owner said how.

use std::process::Stdio;

use super::settings::FleetSettings;

/// Runs the owner's program.
pub(super) fn restart_device(settings: &FleetSettings) {
    let Some((program, arguments)) = settings.restart_device.split_first() else {
        tracing::warn!(
            "fleet: the device should be restarted, and its owner has not said how (`restart_device`)"
        );
        return;
    };
    let started = std::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn();
    match started {
        Ok(mut child) => {
            // Nobody waits for it but this: it is to end all of us.
            drop(tokio::task::spawn_blocking(move || child.wait()));
        }
        Err(error) => tracing::error!("fleet: {program} cannot be run: {error}"),
    }
}
