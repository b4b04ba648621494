//! Board of a Linux device.
