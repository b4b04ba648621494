//! Devices, and how they become some of a fleet.

use serde_json::Value;

use crate::record::record;
use crate::words::words;
use crate::{ClaimCodeId, DeviceId};

/// Where a device is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceState {
    /// It asked to become one of the fleet, and waits for somebody's approval.
    Pending,
    /// It is one of the fleet.
    Active,
    /// Its certificate is void.
    Revoked,
    /// It is no more; its name and serial are free.
    Retired,
}

words! {
    DeviceState {
        Pending = "pending",
        Active = "active",
        Revoked = "revoked",
        Retired = "retired",
    }
}

record! {
    /// A device.
    Device(DeviceId) is "device" in "devices", names [claim_code in ClaimCode] {
        /// What it is called; unique among the tenant's devices that are not retired.
        name: String,
        /// The hardware type.
        model: String,
        /// The manufacturer's number; unique with the model among the tenant's pending and active devices.
        serial: Option<String>,
        /// Where it is in its life.
        state: DeviceState,
        /// The SHA-256 of its public key in hexadecimal; unique in the hub among pending and active devices.
        fingerprint: String,
        /// Its public key: SubjectPublicKeyInfo, DER.
        public_key: Vec<u8>,
        /// The certification request that it last made.
        csr: Option<Vec<u8>>,
        /// The code that it came with.
        claim_code: Option<ClaimCodeId>,
        /// What it can do, as it said it.
        capabilities: Option<Vec<u8>>,
        /// Nothing is changed until the hold is taken back.
        is_held: bool,
        /// Nothing is changed before this time.
        hold_until_ms: Option<i64>,
        /// Why it is held.
        hold_reason: Option<String>,
        /// When it may be changed.
        windows: Value,
        /// Why the app's veto is overridden.
        override_reason: Option<String>,
        /// How often changes of it failed of late.
        failures: u32,
    }
}

record! {
    /// A certificate that a device was given.
    DeviceCert(CertId) is "certificate" in "device_certs", names [device in Device],
        fixed [device, serial, not_before_ms, not_after_ms, der]
    {
        /// Whose.
        device: DeviceId,
        /// Its serial number in hexadecimal; unique.
        serial: String,
        /// When it begins.
        not_before_ms: i64,
        /// When it ends.
        not_after_ms: i64,
        /// When it was revoked.
        revoked_ms: Option<i64>,
        /// Itself, DER.
        der: Vec<u8>,
    }
}

record! {
    /// A code that enrols devices.
    ClaimCode(ClaimCodeId) is "claim code" in "claim_codes", fixed [hash] {
        /// What it is for.
        name: String,
        /// The SHA-256 of the code; the code is not kept. Unique.
        hash: Vec<u8>,
        /// How many more devices it enrols.
        uses_left: u64,
        /// When it ends.
        expires_ms: i64,
        /// Labels that its devices get.
        labels: Value,
        /// When it was taken back.
        revoked_ms: Option<i64>,
    }
}

record! {
    /// A device that somebody named before it came.
    ExpectedDevice(ExpectedDeviceId) is "expected device" in "expected_devices", names [device in Device] {
        /// The hardware type, if it must be one.
        model: Option<String>,
        /// The manufacturer's number; unique in the tenant.
        serial: String,
        /// What it is to be called.
        name: Option<String>,
        /// Labels that it gets.
        labels: Value,
        /// The SHA-256 of the code that it must bring; none: its serial is enough.
        code_hash: Option<Vec<u8>>,
        /// Which device it became.
        device: Option<DeviceId>,
    }
}

record! {
    /// Log lines that somebody asked a device for.
    LogRequest(LogRequestId) is "log request" in "log_requests", names [device in Device],
        fixed [device, number, container, lines]
    {
        /// Which device.
        device: DeviceId,
        /// The number by which the device knows it; unique with the device.
        number: u64,
        /// The container.
        container: String,
        /// Lines at most.
        lines: u32,
        /// When it was answered.
        answered_ms: Option<i64>,
        /// What the device sent.
        answer: Option<Vec<u8>>,
    }
}
