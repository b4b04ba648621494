//! A fleet under test.
//!
//! [`node`] is the devices' side of a hub with a real store and real blobs, [`client`] a device as the hub sees it. [`load`]
//! measures what a node takes. [`rig`] is a whole fleet of real programs.

pub mod client;
pub mod load;
pub mod node;
pub mod rig;
