//! Authorities with their private keys: the root, which can be kept offline, and intermediates.

use core::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use thimble_protocol::UnixSeconds;

use super::devices::{AuthorityError, Lifetime, lifetime_of, random_serial, set_lifetime};
use super::identity::TrustDomain;
use super::master::MasterKey;

const DAY_S: u64 = 86_400;
/// A root lives as long as the devices.
const ROOT_S: u64 = 30 * 365 * DAY_S;
/// An intermediate issues for a part of this and is believed for all of it.
const INTERMEDIATE_S: u64 = 3 * 365 * DAY_S;
/// The hub's own certificate.
const SERVER_S: u64 = 397 * DAY_S;

/// A certificate and its private key: of a root or of an intermediate.
pub struct Holder {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) lifetime: Lifetime,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Holder")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The root, with its private key: needed to make intermediates and the hub's own certificate, and nothing else.
#[derive(Debug)]
pub struct Root(Holder);

/// What a holder is kept as: its certificate, and its private key sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The private key (PKCS #8), sealed with the master key.
    pub sealed_key: Vec<u8>,
}

impl Holder {
    fn new(certificate: Vec<u8>, key: KeyPair) -> Result<Self, AuthorityError> {
        let certificate = CertificateDer::from(certificate);
        let lifetime = lifetime_of(&certificate)?;
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&certificate, key)?,
            lifetime,
            certificate,
        })
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// When it is valid.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// Whether the private key is the certificate's.
    #[must_use]
    pub fn has_its_key(&self) -> bool {
        x509_parser::parse_x509_certificate(&self.certificate).is_ok_and(|(_, certificate)| {
            let key = &certificate.public_key().subject_public_key;
            key.data.as_ref() == self.issuer.key().public_key_raw()
        })
    }

    /// What it is kept as; `context` names the row.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn keep(&self, master: &MasterKey, context: &str) -> Result<Kept, AuthorityError> {
        Ok(Kept {
            certificate: self.certificate.to_vec(),
            sealed_key: master.seal(context, self.issuer.key().serialized_der())?,
        })
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// It was sealed with another key or is damaged.
    pub fn open(master: &MasterKey, context: &str, kept: &Kept) -> Result<Self, AuthorityError> {
        let key = master.open(context, &kept.sealed_key)?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(key),
            &PKCS_ECDSA_P256_SHA256,
        )?;
        Self::new(kept.certificate.clone(), key)
    }
}

impl Root {
    /// Makes a root.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn create(trust: &TrustDomain, now: UnixSeconds) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let serial = random_serial()?;
        let mut params = authority(trust, "root", serial, Lifetime::from_now(now, ROOT_S));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        let der = params.self_signed(&key)?.der().to_vec();
        Ok(Self(Holder::new(der, key)?))
    }

    /// A root whose certificate and key were kept.
    #[must_use]
    pub fn of(holder: Holder) -> Self {
        Self(holder)
    }

    /// Its certificate and key.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.0
    }

    /// Makes an intermediate that issues devices' certificates.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn make_intermediate(
        &self,
        trust: &TrustDomain,
        now: UnixSeconds,
    ) -> Result<Holder, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let serial = random_serial()?;
        let lifetime = Lifetime::from_now(now, INTERMEDIATE_S);
        let mut params = authority(trust, "devices", serial, lifetime);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.use_authority_key_identifier_extension = true;
        let der = params.signed_by(&key, &self.0.issuer)?.der().to_vec();
        Holder::new(der, key)
    }

    /// Makes a certificate for the hub itself, with its key (PKCS #8): for the names and addresses that devices call it by.
    ///
    /// # Errors
    /// A name is none, or the system gives no random numbers.
    pub fn make_server_certificate(
        &self,
        names: &[String],
        now: UnixSeconds,
    ) -> Result<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>), AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names)?;
        set_lifetime(&mut params, Lifetime::from_now(now, SERVER_S));
        params.serial_number = Some(SerialNumber::from_slice(&random_serial()?));
        params.distinguished_name = DistinguishedName::new();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.0.issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((certificate.der().clone(), key))
    }
}

/// What roots and intermediates have in common.
fn authority(
    trust: &TrustDomain,
    what: &str,
    serial: [u8; 16],
    lifetime: Lifetime,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    set_lifetime(&mut params, lifetime);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    // With a part of the serial number, so that two intermediates never have one name.
    let [a, b, c, d, ..] = serial;
    let number = u32::from_be_bytes([a, b, c, d]);
    let name = format!("{} {what} {number:08x}", trust.as_str());
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
