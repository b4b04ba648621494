//! `thimble update`.

use thimble_device_api::Update;

use crate::arguments::UpdateArguments;
use crate::failure::Failure;

use super::{life, spec};

/// Changes containers.
pub(super) fn update(arguments: &UpdateArguments) -> Result<(), Failure> {
    let changeable = &arguments.changeable;
    let update = Update {
        limits: spec::limits(&arguments.memory, &arguments.cpus, changeable)?,
        restart: spec::restart(changeable)?,
        bus: spec::bus(changeable)?,
        logs: spec::logs(changeable)?,
    };
    if update == Update::default() {
        return Err(Failure::device(
            "updating",
            "nothing is to be changed; give --memory, --cpus, --limit, --restart, or what else `thimble update --help` has",
        ));
    }
    life::order(
        &arguments.named.containers,
        &arguments.shape,
        |client, name| client.update(name, &update),
    )
}
