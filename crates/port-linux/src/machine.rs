//! Machine of a Linux device.
