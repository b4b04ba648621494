//! What the devices' listener needs of the store and the blobs, and nothing else.
//!
//! Whoever implements it decides nothing about TLS or HTTP; whoever uses it knows no SQL. The listener caps how much of it
//! is asked at once ([`super::gate`]).

use core::fmt;
use core::future::Future;
use core::ops::Range;
use core::pin::Pin;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use thimble_image::Digest;
use thimble_protocol::{Capabilities, DeviceId, Report, ReportReply, StateVersion, UnixSeconds};

use super::versions::KnownDevice;
use crate::authority::devices::AuthorityError;
use crate::authority::{DeviceIdentity, DeviceKey, IssuedCertificate, TenantId, TenantKeys};

/// An answer that takes a while.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, FleetError>> + Send + 'a>>;

/// Bytes as they come.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, io::Error>> + Send>>;

/// Why the fleet cannot be asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum FleetError {
    /// The store or the blobs cannot be reached, or failed: the device comes again later.
    Unavailable(Box<dyn core::error::Error + Send + Sync>),
    /// The device is not there, or not any more.
    NoSuchDevice,
    /// No certificate can be issued.
    Authority(AuthorityError),
    /// What is kept of the device cannot be read.
    Damaged {
        /// What.
        what: &'static str,
    },
}

impl fmt::Display for FleetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(_) => formatter.write_str("the store cannot be asked"),
            Self::Authority(_) => formatter.write_str("no certificate can be issued"),
            Self::NoSuchDevice => formatter.write_str("no such device"),
            Self::Damaged { what } => write!(formatter, "what is kept as {what} cannot be read"),
        }
    }
}

impl core::error::Error for FleetError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Unavailable(source) => Some(&**source),
            Self::Authority(source) => Some(source),
            _ => None,
        }
    }
}

/// A state as it is kept: not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// Its version.
    pub version: StateVersion,
    /// The encoded [`thimble_protocol::DesiredState`].
    pub payload: Vec<u8>,
}

/// A device that wants to be one of the fleet, or wants a new certificate.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// Its key, which it proved to have.
    pub key: DeviceKey,
    /// The certification request, DER.
    pub csr: Vec<u8>,
    /// The code that it was given.
    pub claim_code: Option<String>,
    /// What it is.
    pub capabilities: Capabilities,
    /// Who it is already, by the certificate that it came with.
    pub present: Option<DeviceIdentity>,
    /// When.
    pub now: UnixSeconds,
    /// A certificate of which less than this is left is replaced, also if it was asked for with the same request.
    pub renew_left_s: u64,
}

/// Issues a certificate for the device of an enrolment, once it is known who that is.
pub type Issue<'a> =
    &'a (dyn Fn(&DeviceIdentity) -> Result<IssuedCertificate, AuthorityError> + Sync);

/// What becomes of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolDecision {
    /// The device is one of the fleet, and has this certificate: a new one, or the one that it got for the same request.
    Issued {
        /// The device.
        device: KnownDevice,
        /// The certificate, DER.
        der: Vec<u8>,
    },
    /// Somebody has to approve it first.
    Pending,
    /// It does not become one of the fleet.
    Refused(EnrolRefused),
}

/// Why a device does not become one of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnrolRefused {
    /// There is no such code, or it is used up or over.
    Code,
    /// Another device has this serial number, with another key.
    SerialTaken {
        /// The serial number.
        serial: String,
        /// The device that has it.
        device: DeviceId,
    },
    /// Somebody rejected it, or revoked or retired it.
    Rejected,
    /// Its request names no tenant: no code, and more than one tenant takes devices without one, or none does.
    NoTenant,
}

/// What came of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// What the device is answered; whether its certificate is to be renewed the listener says.
    pub reply: ReportReply,
    /// Whether it was older than one that came before, and nothing was taken of it.
    pub is_old: bool,
}

/// The store and the blobs, as the devices' listener sees them.
pub trait Fleet: Send + Sync {
    /// Tells of every device, when a node starts.
    fn visit_devices<'a>(
        &'a self,
        visit: &'a mut (dyn FnMut(KnownDevice) + Send),
    ) -> Answer<'a, ()>;

    /// A device that this node has not heard of.
    fn device(&self, device: DeviceId) -> Answer<'_, Option<KnownDevice>>;

    /// The state that a device is to have.
    fn state(&self, identity: DeviceIdentity) -> Answer<'_, Option<StoredState>>;

    /// Gives a device's state a version beyond one that the device has though this hub never gave it (a hub restored from a
    /// backup).
    fn advance(
        &self,
        identity: DeviceIdentity,
        beyond: StateVersion,
        now: UnixSeconds,
    ) -> Answer<'_, KnownDevice>;

    /// Takes a report.
    fn report<'a>(
        &'a self,
        identity: DeviceIdentity,
        report: &'a Report,
        now: UnixSeconds,
    ) -> Answer<'a, Reported>;

    /// Keeps when devices were last heard of.
    fn seen<'a>(&'a self, devices: &'a [(DeviceIdentity, UnixSeconds)]) -> Answer<'a, ()>;

    /// Decides about an enrolment, and keeps what comes of it, the certificate too, in one piece.
    fn enrol<'a>(&'a self, enrolment: &'a Enrolment, issue: Issue<'a>)
    -> Answer<'a, EnrolDecision>;

    /// Serial numbers of certificates that were revoked though their device was not.
    fn revoked_serials(&self) -> Answer<'_, Vec<(DeviceId, Vec<u8>)>>;

    /// The keys of a tenant.
    fn keys(&self, tenant: TenantId, now: UnixSeconds) -> Answer<'_, Arc<TenantKeys>>;

    /// These bytes of a blob of a tenant, with its whole size; nothing if there is none. An end beyond its end is its end; of a
    /// beginning beyond its end nothing comes.
    fn blob(
        &self,
        tenant: TenantId,
        digest: Digest,
        range: Range<u64>,
    ) -> Answer<'_, Option<(u64, ByteStream)>>;
}
