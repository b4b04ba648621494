//! A fleet under test.
//!
//! [`node`] is the devices' side of a hub with a real store and real blobs, [`client`] a device as the hub sees it. [`load`]
//! measures what a node takes.

pub mod client;
pub mod load;
pub mod node;
