//! Sign-in at OpenID providers: authorization code with PKCE (RFC 7636), for browsers and for programs that listen on this
//! machine (RFC 8252).
//!
//! What has to be remembered between the beginning and the end is in the store, so that any node can finish.

mod exchange;
mod http;
mod mapping;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use openidconnect::core::CoreProviderMetadata;
use openidconnect::{ClientId, ClientSecret, IssuerUrl};
use parking_lot::Mutex;

use crate::chain;
use crate::settings::OpenIdSettings;

use http::Http;

pub(super) use exchange::Begun;
pub(super) use mapping::Identified;

/// Milliseconds after which a provider is asked again how it works.
const FRESH_MS: i64 = 3_600_000;

/// Why signing in at a provider did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenIdError {
    /// There is no such provider.
    NoSuchProvider {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A provider's settings cannot be used.
    Settings {
        /// Which provider.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The provider may not send browsers there.
    Redirect {
        /// Where.
        url: String,
    },
    /// Nothing was begun with this state, or too long ago, or it was finished already.
    NotBegun,
    /// The provider could not be reached or did not answer as it should.
    Provider {
        /// Which.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// The provider's word is not valid.
    Refused {
        /// Which provider.
        name: String,
        /// Why.
        reason: String,
    },
    /// The user has no role here.
    NoRole {
        /// Which provider.
        name: String,
        /// The claim that was looked at.
        claim: String,
        /// What it said.
        values: Vec<String>,
    },
    /// The settings name a tenant that is not there.
    NoSuchTenant {
        /// Which provider.
        name: String,
        /// The tenant.
        tenant: String,
    },
    /// Another user has the name that the provider gives.
    NameTaken {
        /// The name.
        user: String,
    },
}

impl fmt::Display for OpenIdError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchProvider { name, known } if known.is_empty() => write!(
                formatter,
                "there is no provider `{name}`: identity.openid of the hub's settings names none"
            ),
            Self::NoSuchProvider { name, known } => write!(
                formatter,
                "there is no provider `{name}`; there is {}",
                known.join(", ")
            ),
            Self::Settings { name, reason } => {
                write!(formatter, "the settings of the provider {name}: {reason}")
            }
            Self::Redirect { url } => write!(
                formatter,
                "the browser cannot be sent back to {url}: use http://127.0.0.1:PORT/…, or an address that the \
                 provider's `redirect_urls` in the hub's settings list"
            ),
            Self::NotBegun => formatter.write_str(
                "this sign-in was not begun here, has ended, or is finished already: begin again",
            ),
            Self::Provider { name, reason } => {
                write!(
                    formatter,
                    "the provider {name} did not answer as it should: {reason}"
                )
            }
            Self::Refused { name, reason } => write!(
                formatter,
                "what the provider {name} says is not valid: {reason}; sign in again, and compare the clocks"
            ),
            Self::NoRole {
                name,
                claim,
                values,
            } => write!(
                formatter,
                "the provider {name} says `{claim}` = [{}], which gives no role here: an administrator can add one \
                 of them to `roles` of the provider in the hub's settings",
                values.join(", ")
            ),
            Self::NoSuchTenant { name, tenant } => write!(
                formatter,
                "the settings of the provider {name} name the tenant {tenant}, which is not there, or twice"
            ),
            Self::NameTaken { user } => write!(
                formatter,
                "another user is called {user}: an admin has to rename or remove that one"
            ),
        }
    }
}

impl std::error::Error for OpenIdError {}

/// The providers.
pub struct OpenId {
    providers: BTreeMap<String, Provider>,
}

impl fmt::Debug for OpenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_set()
            .entries(self.providers.keys())
            .finish()
    }
}

/// A provider, and what it last said of itself.
struct Provider {
    settings: OpenIdSettings,
    issuer: IssuerUrl,
    client: ClientId,
    secret: Option<ClientSecret>,
    http: Http,
    metadata: Mutex<Option<(i64, Arc<CoreProviderMetadata>)>>,
}

impl OpenId {
    /// Reads what the settings name; asks nobody yet.
    ///
    /// # Errors
    /// [`OpenIdError::Settings`].
    pub fn new(settings: &BTreeMap<String, OpenIdSettings>) -> Result<Self, OpenIdError> {
        let providers = settings
            .iter()
            .map(|(name, settings)| Ok((name.clone(), Provider::new(name, settings)?)))
            .collect::<Result<_, OpenIdError>>()?;
        Ok(Self { providers })
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    fn provider(&self, name: &str) -> Result<&Provider, OpenIdError> {
        self.providers
            .get(name)
            .ok_or_else(|| OpenIdError::NoSuchProvider {
                name: name.to_owned(),
                known: self.providers.keys().cloned().collect(),
            })
    }
}

impl Provider {
    fn new(name: &str, settings: &OpenIdSettings) -> Result<Self, OpenIdError> {
        let wrong = |reason: String| OpenIdError::Settings {
            name: name.to_owned(),
            reason,
        };
        let issuer = IssuerUrl::new(settings.issuer.clone())
            .map_err(|error| wrong(format!("`issuer` is not a URL: {error}")))?;
        let is_protected = issuer.url().scheme() == "https" || is_own_machine(&issuer);
        if !is_protected {
            return Err(wrong(format!(
                "`issuer` must begin with https://: {}",
                settings.issuer
            )));
        }
        let secret = match &settings.client_secret {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
                Some(ClientSecret::new(text.trim_end().to_owned()))
            }
        };
        Ok(Self {
            issuer,
            client: ClientId::new(settings.client_id.clone()),
            secret,
            http: Http::new(settings.authorities.as_deref()).map_err(wrong)?,
            settings: settings.clone(),
            metadata: Mutex::new(None),
        })
    }

    /// How the provider works, asked again every hour.
    async fn metadata(
        &self,
        name: &str,
        now_ms: i64,
    ) -> Result<Arc<CoreProviderMetadata>, OpenIdError> {
        let kept = self.metadata.lock().clone();
        if let Some((asked_ms, metadata)) = kept
            && now_ms.saturating_sub(asked_ms) < FRESH_MS
        {
            return Ok(metadata);
        }
        let http = |request| self.http.send(request);
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &http)
            .await
            .map_err(|error| OpenIdError::Provider {
                name: name.to_owned(),
                reason: chain(&error),
            })?;
        let metadata = Arc::new(metadata);
        *self.metadata.lock() = Some((now_ms, Arc::clone(&metadata)));
        Ok(metadata)
    }

    /// Asks again the next time: keys may have been replaced.
    fn forget_metadata(&self) {
        *self.metadata.lock() = None;
    }
}

fn is_own_machine(issuer: &IssuerUrl) -> bool {
    match issuer.url().host() {
        Some(host) => is_loopback(&host.to_string()),
        None => false,
    }
}

fn is_loopback(host: &str) -> bool {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}
