//! What operators and the hub say to each other.

#![forbid(unsafe_code)]
