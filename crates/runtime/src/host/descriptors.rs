//! A container's descriptors.

use crate::config::ContainerConfig;

use super::Resources;

/// The table of open descriptors.
pub(super) struct Descriptors {}

impl Descriptors {
    pub(super) fn new(_resources: Resources, _config: &ContainerConfig) -> Self {
        Self {}
    }
}
