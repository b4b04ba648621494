//! What a device's certificate calls it: `spiffe://TRUST-DOMAIN/thimble/TENANT/DEVICE`.

use core::fmt;

use thimble_protocol::DeviceId;

/// A tenant, as certificates and the store know it: a UUID (RFC 9562).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub [u8; 16]);

impl fmt::Display for TenantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(formatter)
    }
}

/// The name of everything that one hub vouches for (SPIFFE, trust domain): `a-z`, `0-9`, `-`, `.`, `_`, at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomain(String);

/// A name that cannot be a trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoTrustDomain {
    /// The name.
    pub name: String,
}

impl fmt::Display for NoTrustDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` cannot be a trust domain: 1 to 128 of a-z, 0-9, `-`, `.`, `_`",
            self.name
        )
    }
}

impl core::error::Error for NoTrustDomain {}

impl TrustDomain {
    /// Takes a name.
    ///
    /// # Errors
    /// It has other characters than a trust domain may have.
    pub fn new(name: &str) -> Result<Self, NoTrustDomain> {
        let is_fine = (1..=128).contains(&name.len())
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_'));
        if is_fine {
            Ok(Self(name.to_owned()))
        } else {
            Err(NoTrustDomain {
                name: name.chars().take(200).collect(),
            })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which device of which tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceIdentity {
    /// The tenant.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
}

impl DeviceIdentity {
    /// The URI that certificates carry.
    #[must_use]
    pub fn uri(&self, trust: &TrustDomain) -> String {
        format!(
            "spiffe://{}/thimble/{}/{}",
            trust.0, self.tenant, self.device
        )
    }

    /// Reads the URI; nothing if it is another one or of another trust domain. Only the form that [`Self::uri`] writes is
    /// taken, so that one device has one name.
    #[must_use]
    pub fn from_uri(uri: &str, trust: &TrustDomain) -> Option<Self> {
        let path = uri.strip_prefix("spiffe://")?.strip_prefix(&trust.0)?;
        let (tenant, device) = path.strip_prefix("/thimble/")?.split_once('/')?;
        let identity = Self {
            tenant: TenantId(parse_uuid(tenant)?),
            device: DeviceId(parse_uuid(device)?),
        };
        (identity.uri(trust) == uri).then_some(identity)
    }
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    uuid::Uuid::try_parse(text).ok().map(uuid::Uuid::into_bytes)
}
