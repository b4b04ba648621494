//! Whether a certificate is that of a device of this hub, and of which.
//!
//! Two kinds of authority are believed: the hub's own, for every tenant, and external ones, each for the devices of one
//! tenant only. A certificate that passed here names exactly one device, by its URI or by its registered fingerprint; what
//! it names is a function of the certificate alone, so it can be asked again at any time.

use core::fmt;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use ring::digest::{SHA256, digest};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    RootCertStore, SignatureScheme,
};
use x509_parser::extensions::GeneralName;

use super::devices::DeviceAuthority;
use super::identity::{DeviceIdentity, TenantId, TrustDomain};

/// By how much the clocks of nodes may be apart before a certificate counts as not yet or no longer valid.
pub const SKEW_S: u64 = 300;
/// Certificates between a device's and an authority at most.
const INTERMEDIATES_MAX: usize = 2;
/// Bytes of a device's certificate at most.
const CERTIFICATE_BYTES_MAX: usize = 4096;

/// How a device stands with the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is one of the fleet.
    Active,
    /// It, or this certificate of it, was revoked, or it was retired.
    Revoked,
    /// This node does not know it, yet or any more.
    Unknown,
}

/// Whoever knows how devices stand; asked at every handshake, so it answers from memory.
pub trait Standings: Send + Sync {
    /// How the device stands that has a certificate with this serial number.
    fn standing(&self, identity: &DeviceIdentity, serial: &[u8]) -> Standing;
}

/// An authority that is not the hub's, whose devices one tenant takes.
#[derive(Clone, Debug)]
pub struct ExternalAuthority {
    /// The tenant.
    pub tenant: TenantId,
    /// Certificates to believe, DER.
    pub anchors: Vec<CertificateDer<'static>>,
    /// SHA-256 of certificates without a URI of ours, and the device that each was registered for.
    pub fingerprints: HashMap<[u8; 32], DeviceIdentity>,
}

/// Why authorities cannot be believed.
#[derive(Debug)]
#[non_exhaustive]
pub enum AnchorError {
    /// A certificate of an authority is none.
    Certificate {
        /// The tenant whose authority it is; the hub's own without one.
        tenant: Option<TenantId>,
        /// Why.
        source: Error,
    },
    /// An authority has no certificate.
    Empty {
        /// The tenant whose authority it is; the hub's own without one.
        tenant: Option<TenantId>,
    },
}

impl fmt::Display for AnchorError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Certificate { tenant, .. } | Self::Empty { tenant }) = self;
        let problem = match self {
            Self::Certificate { .. } => "has a certificate that cannot be used",
            Self::Empty { .. } => "has no certificate",
        };
        match tenant {
            Some(tenant) => write!(
                formatter,
                "the external authority of tenant {tenant} {problem}"
            ),
            None => write!(formatter, "the hub's own authority {problem}"),
        }
    }
}

impl core::error::Error for AnchorError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Certificate { source, .. } => Some(source),
            Self::Empty { .. } => None,
        }
    }
}

/// What a certificate says, read once per connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Whose it is.
    pub identity: DeviceIdentity,
    /// Its serial number, without leading zeros.
    pub serial: Vec<u8>,
    /// Its last second.
    pub not_after: u64,
    /// The SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

struct Group {
    /// The only tenant whose devices it may vouch for; the hub's own vouches for all.
    tenant: Option<TenantId>,
    verifier: Arc<dyn ClientCertVerifier>,
}

struct Believed {
    groups: Vec<Group>,
    fingerprints: HashMap<[u8; 32], DeviceIdentity>,
}

/// Checks devices' certificates: authority, time, purpose, and how the device stands.
pub struct DeviceVerifier {
    trust: TrustDomain,
    provider: Arc<CryptoProvider>,
    believed: RwLock<Arc<Believed>>,
    external: RwLock<Vec<ExternalAuthority>>,
    standings: Arc<dyn Standings>,
}

impl fmt::Debug for DeviceVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DeviceVerifier({})", self.trust.as_str())
    }
}

impl DeviceVerifier {
    /// A verifier that believes the hub's own authority and external ones.
    ///
    /// # Errors
    /// An authority has no certificate, or one that is none.
    pub fn new(
        own: &DeviceAuthority,
        external: &[ExternalAuthority],
        standings: Arc<dyn Standings>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, AnchorError> {
        Ok(Self {
            trust: own.trust().clone(),
            believed: RwLock::new(Arc::new(believed(own, external, &provider)?)),
            external: RwLock::new(external.to_vec()),
            provider,
            standings,
        })
    }

    /// Believes these authorities from now on: after a rotation, or when the settings changed.
    ///
    /// # Errors
    /// As [`Self::new`]; then those before stay.
    pub fn replace(
        &self,
        own: &DeviceAuthority,
        external: &[ExternalAuthority],
    ) -> Result<(), AnchorError> {
        let believed = believed(own, external, &self.provider)?;
        *self.external.write() = external.to_vec();
        *self.believed.write() = Arc::new(believed);
        Ok(())
    }

    /// Believes the hub's own authority as it is now, after a rotation; external ones stay.
    ///
    /// # Errors
    /// As [`Self::new`]; then those before stay.
    pub fn replace_own(&self, own: &DeviceAuthority) -> Result<(), AnchorError> {
        let believed = believed(own, &self.external.read(), &self.provider)?;
        *self.believed.write() = Arc::new(believed);
        Ok(())
    }

    /// Whose certificate this is, of one that passed the handshake.
    #[must_use]
    pub fn presented(&self, certificate: &CertificateDer<'_>) -> Option<Presented> {
        read(certificate, &self.trust, &self.believed.read().fingerprints)
    }
}

fn believed(
    own: &DeviceAuthority,
    external: &[ExternalAuthority],
    provider: &Arc<CryptoProvider>,
) -> Result<Believed, AnchorError> {
    let own_anchors: Vec<_> = own.anchors().cloned().collect();
    let mut groups = vec![group(None, &own_anchors, provider)?];
    let mut fingerprints = HashMap::new();
    for authority in external {
        groups.push(group(Some(authority.tenant), &authority.anchors, provider)?);
        // A tenant registers devices of its own only.
        let own_devices = authority.fingerprints.iter();
        fingerprints.extend(
            own_devices
                .filter(|(_, identity)| identity.tenant == authority.tenant)
                .map(|(fingerprint, identity)| (*fingerprint, *identity)),
        );
    }
    Ok(Believed {
        groups,
        fingerprints,
    })
}

fn group(
    tenant: Option<TenantId>,
    anchors: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Group, AnchorError> {
    let mut roots = RootCertStore::empty();
    for anchor in anchors {
        roots
            .add(anchor.clone())
            .map_err(|source| AnchorError::Certificate { tenant, source })?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .clear_root_hint_subjects()
            .allow_unauthenticated()
            .build()
            .map_err(|_| AnchorError::Empty { tenant })?;
    Ok(Group { tenant, verifier })
}

fn read(
    certificate: &CertificateDer<'_>,
    trust: &TrustDomain,
    fingerprints: &HashMap<[u8; 32], DeviceIdentity>,
) -> Option<Presented> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
    let names = parsed.subject_alternative_name().ok()?;
    let mut uris = names
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
    // Two names would be two devices.
    let identity = match (uris.next(), uris.next()) {
        (Some(uri), None) => DeviceIdentity::from_uri(uri, trust),
        _ => None,
    };
    let identity = match identity {
        Some(identity) => identity,
        None => *fingerprints.get(&fingerprint)?,
    };
    let serial = parsed.raw_serial();
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    Some(Presented {
        identity,
        serial: serial.get(zeros..).unwrap_or_default().to_vec(),
        not_after: u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0),
        fingerprint,
    })
}

/// Checks with one group, with an allowance for clocks that are a little apart.
fn check(
    verifier: &dyn ClientCertVerifier,
    certificate: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<ClientCertVerified, Error> {
    let seconds = now.as_secs();
    let at = |seconds| UnixTime::since_unix_epoch(core::time::Duration::from_secs(seconds));
    let first = verifier.verify_client_cert(certificate, intermediates, now);
    let again = match &first {
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => at(seconds.saturating_sub(SKEW_S)),
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => at(seconds.saturating_add(SKEW_S)),
        _ => return first,
    };
    verifier.verify_client_cert(certificate, intermediates, again)
}

impl ClientCertVerifier for DeviceVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    /// The first enrolment comes without one; everything else asks for it after the handshake.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a device has one certificate, and every byte of the handshake counts.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let is_too_big = end_entity.len() > CERTIFICATE_BYTES_MAX
            || intermediates
                .iter()
                .any(|der| der.len() > CERTIFICATE_BYTES_MAX);
        if intermediates.len() > INTERMEDIATES_MAX || is_too_big {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        }
        let believed = Arc::clone(&self.believed.read());
        // Without a name of ours nothing it is signed with helps it.
        let presented = read(end_entity, &self.trust, &believed.fingerprints).ok_or(
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
        )?;
        let mut refused = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for group in &believed.groups {
            let tenant = presented.identity.tenant;
            if group.tenant.is_some_and(|only| only != tenant) {
                continue;
            }
            match check(&*group.verifier, end_entity, intermediates, now) {
                Ok(verified) => {
                    return match self
                        .standings
                        .standing(&presented.identity, &presented.serial)
                    {
                        Standing::Revoked => {
                            Err(Error::InvalidCertificate(CertificateError::Revoked))
                        }
                        Standing::Active | Standing::Unknown => Ok(verified),
                    };
                }
                // The most telling refusal is told: that the authority is not known is what all others say.
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOfferedOrEnabled,
        ))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
