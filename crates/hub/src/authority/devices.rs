//! The authority that devices' certificates come from: a root, which can be kept offline, and intermediates that issue.
//!
//! The present intermediate issues; older ones are still believed until they end, so that devices that were away while it
//! was replaced still come in. The hub's own certificate comes from the root directly: devices need to know the root only,
//! and one certificate is all that the hub sends them.

use core::fmt;
use core::time::Duration;

use base64ct::{Base64, Encoding as _};
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType,
    SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::pki_types::CertificateDer;
use thimble_protocol::UnixSeconds;

use super::identity::{DeviceIdentity, TrustDomain};
use super::master::MasterError;
use super::request::DeviceKey;
use super::root::Holder;

/// By how much a certificate begins before it is issued, so that nodes and devices with slightly late clocks take it.
pub const BACKDATED_S: u64 = 300;
const DAY_S: u64 = 86_400;
/// Devices' certificates, unless the settings say otherwise.
pub const DEVICE_S: u64 = 90 * DAY_S;

/// What a certificate is valid for, from and until.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Its first second.
    pub begin: UnixSeconds,
    /// Its last second.
    pub end: UnixSeconds,
}

impl Lifetime {
    /// From now, a little backdated, for so many seconds.
    #[must_use]
    pub fn from_now(now: UnixSeconds, seconds: u64) -> Self {
        Self {
            begin: UnixSeconds(now.0.saturating_sub(BACKDATED_S)),
            end: UnixSeconds(now.0.saturating_add(seconds)),
        }
    }
}

/// A certificate that the hub issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Its serial number.
    pub serial: [u8; 16],
    /// When it is valid.
    pub lifetime: Lifetime,
}

/// Why the authority cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthorityError {
    /// A certificate or key could not be made or read.
    Certificate(rcgen::Error),
    /// A private key could not be opened.
    Sealed(MasterError),
    /// There is no intermediate that could issue at this time: make one with the root's key.
    NoIssuer {
        /// When.
        now: UnixSeconds,
    },
    /// A private key is not the one of its certificate.
    OtherKey,
    /// The system gives no random numbers.
    NoRandomness,
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(_) => formatter.write_str("a certificate or its key is not usable"),
            Self::Sealed(_) => formatter.write_str("an authority's private key cannot be opened"),
            Self::NoIssuer { now } => write!(
                formatter,
                "no intermediate authority is valid at {}: rotate it with the root's key",
                now.0
            ),
            Self::OtherKey => formatter.write_str("the private key is not the certificate's"),
            Self::NoRandomness => formatter.write_str("the system gives no random numbers"),
        }
    }
}

impl core::error::Error for AuthorityError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Certificate(source) => Some(source),
            Self::Sealed(source) => Some(source),
            _ => None,
        }
    }
}

impl From<rcgen::Error> for AuthorityError {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error)
    }
}

impl From<MasterError> for AuthorityError {
    fn from(error: MasterError) -> Self {
        Self::Sealed(error)
    }
}

/// Issues devices' certificates.
#[derive(Debug)]
pub struct DeviceAuthority {
    trust: TrustDomain,
    root: CertificateDer<'static>,
    /// The one that issues first.
    intermediates: Vec<Holder>,
}

impl DeviceAuthority {
    /// The authority of a root's certificate and the intermediates that are still believed; the first that is valid issues.
    #[must_use]
    pub fn new(
        trust: TrustDomain,
        root: CertificateDer<'static>,
        intermediates: Vec<Holder>,
    ) -> Self {
        Self {
            trust,
            root,
            intermediates,
        }
    }

    /// The trust domain.
    #[must_use]
    pub fn trust(&self) -> &TrustDomain {
        &self.trust
    }

    /// The root's certificate: what devices know the hub by.
    #[must_use]
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// The root's certificate as text (RFC 7468): what devices are given as `ca`.
    #[must_use]
    pub fn root_pem(&self) -> String {
        let text = Base64::encode_string(&self.root);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            // Base64 is ASCII: every place is between two characters.
            let (line, others) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = others;
        }
        pem + "-----END CERTIFICATE-----\n"
    }

    /// The certificates that devices' certificates are checked with.
    pub fn anchors(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.intermediates.iter().map(|holder| &holder.certificate)
    }

    /// The certificate of the intermediate that issued this one, DER; nothing if it is none of these.
    #[must_use]
    pub fn issuer_of(&self, certificate: &[u8]) -> Option<Vec<u8>> {
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let issuer = certificate.issuer().as_raw();
        let mut anchors = self.anchors();
        let issued_by = anchors.find(|anchor| {
            x509_parser::parse_x509_certificate(anchor)
                .is_ok_and(|(_, anchor)| anchor.subject().as_raw() == issuer)
        })?;
        Some(issued_by.to_vec())
    }

    /// Issues a certificate for a device's key.
    ///
    /// # Errors
    /// No intermediate is valid now, or the system gives no random numbers.
    pub fn issue(
        &self,
        key: &DeviceKey,
        identity: &DeviceIdentity,
        lifetime: Lifetime,
        now: UnixSeconds,
    ) -> Result<IssuedCertificate, AuthorityError> {
        let issuer = self
            .intermediates
            .iter()
            .find(|holder| holder.lifetime.begin <= now && now < holder.lifetime.end)
            .ok_or(AuthorityError::NoIssuer { now })?;
        let end = lifetime.end.min(issuer.lifetime.end);
        let serial = random_serial()?;
        let mut params = CertificateParams::default();
        set_lifetime(&mut params, Lifetime { end, ..lifetime });
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(identity.uri(&self.trust).try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(key, &issuer.issuer)?;
        Ok(IssuedCertificate {
            der: certificate.der().to_vec(),
            serial,
            lifetime: Lifetime { end, ..lifetime },
        })
    }
}

pub(super) fn set_lifetime(params: &mut CertificateParams, lifetime: Lifetime) {
    // Year 9999 is the last that X.509 can write.
    const LAST_S: u64 = 253_402_300_799;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(lifetime.begin.0.min(LAST_S));
    params.not_after = epoch + Duration::from_secs(lifetime.end.0.min(LAST_S));
}

/// When a certificate is valid.
pub(super) fn lifetime_of(certificate: &CertificateDer<'_>) -> Result<Lifetime, AuthorityError> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
    let validity = certificate.validity();
    let seconds = |time: i64| UnixSeconds(u64::try_from(time).unwrap_or(0));
    Ok(Lifetime {
        begin: seconds(validity.not_before.timestamp()),
        end: seconds(validity.not_after.timestamp()),
    })
}

/// A positive number of 127 random bits (RFC 5280, 4.1.2.2).
pub(super) fn random_serial() -> Result<[u8; 16], AuthorityError> {
    let mut serial = [0; 16];
    SystemRandom::new()
        .fill(&mut serial)
        .map_err(|_| AuthorityError::NoRandomness)?;
    if let Some(first) = serial.first_mut() {
        // Not negative, and not shorter than it looks.
        *first = *first & 0x7f | 0x40;
    }
    Ok(serial)
}
