//! Streams of a Linux device.
