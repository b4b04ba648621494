//! Files of a Linux device.
