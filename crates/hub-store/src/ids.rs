//! Ids of rows: UUIDs of version 7 (RFC 9562), so that they sort by the time at which they were made.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdError;

impl fmt::Display for IdError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an id: 36 characters like 01890a5d-ac96-774b-bcce-b302099a8057")
    }
}

impl std::error::Error for IdError {}

/// What every id can do.
pub trait Id: Copy + Ord + fmt::Display + FromStr<Err = IdError> + Send + Sync + 'static {
    /// Makes one that nobody has: of the clock and random bits.
    fn fresh() -> Self;
    /// The id of these bytes.
    fn from_bytes(bytes: [u8; 16]) -> Self;
    /// Its bytes.
    fn bytes(self) -> [u8; 16];
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl Id for $name {
            fn fresh() -> Self {
                Self(Uuid::now_v7())
            }

            fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            fn bytes(self) -> [u8; 16] {
                *self.0.as_bytes()
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Takes the form with hyphens only: one text for each id.
            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.len() != 36 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err(IdError);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }

        impl crate::sql::Column for $name {
            fn arg(&self) -> crate::sql::Arg {
                crate::sql::Arg::Text(Some(self.to_string()))
            }

            fn read(row: &crate::sql::Row, index: usize) -> Result<Self, crate::Error> {
                row.text(index)?.parse().map_err(|error| row.corrupt(index, &error))
            }

            fn read_option(row: &crate::sql::Row, index: usize) -> Result<Option<Self>, crate::Error> {
                row.text_option(index)?
                    .map(|text| text.parse().map_err(|error| row.corrupt(index, &error)))
                    .transpose()
            }

            fn none() -> crate::sql::Arg {
                crate::sql::Arg::Text(None)
            }
        }
    )*};
}

ids! {
    /// A tenant.
    TenantId
    /// A user.
    UserId
    /// A role of a user in a tenant.
    BindingId
    /// A token.
    TokenId
    /// A device.
    DeviceId
    /// A certificate of a device.
    CertId
    /// A claim code.
    ClaimCodeId
    /// A device that somebody named beforehand.
    ExpectedDeviceId
    /// An app.
    AppId
    /// A version of an app.
    AppVersionId
    /// A deployment.
    DeploymentId
    /// A revision of a deployment.
    DeploymentRevisionId
    /// A rollout.
    RolloutId
    /// An approval.
    ApprovalId
    /// A secret.
    SecretId
    /// A value of a secret.
    SecretRevisionId
    /// A request for log lines.
    LogRequestId
    /// A webhook.
    WebhookId
    /// What a webhook is to be told.
    DeliveryId
    /// A key of the hub.
    KeyId
    /// Something that happened.
    EventId
}

impl TenantId {
    /// The hub itself: the tenant above all others, which is always there. The hub's own keys belong to it.
    pub const HUB: Self = Self(Uuid::nil());
}
