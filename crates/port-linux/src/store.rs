//! Store of a Linux device.
