//! What a device is and what it offers.

use alloc::string::String;
use alloc::vec::Vec;

/// What a device is and what it offers to containers. Sent at the enrolment and whenever it changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Who made it.
    pub vendor: String,
    /// Its model, which rollouts know as the hardware type.
    pub model: String,
    /// Its serial number, given by whoever made it.
    pub serial: String,
    /// The processor: `x86_64`, `aarch64`, `thumbv7em`, `riscv32imac`, ….
    pub architecture: String,
    /// The version of the runtime.
    pub runtime: String,
    /// The engine: `wasmtime`, `wasmi`, `inplace`.
    pub engine: String,
    /// Cores that run containers.
    pub cores: u32,
    /// Memory for containers, all of it.
    pub ram_bytes: u64,
    /// Storage for images and files, all of it.
    pub storage_bytes: u64,
    /// Containers at most.
    pub containers_max: u32,
    /// Grants that can be given here, `fs`, `net`, `gpio:led0`, …; scopes only where they are few.
    pub grants: Vec<String>,
    /// Labels that the device sets itself, `NAME=value`; the hub knows them as `device/NAME`.
    pub labels: Vec<String>,
}
