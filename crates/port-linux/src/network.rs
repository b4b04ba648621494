//! Network of a Linux device.
