//! Pool of a Linux device.
