//! URLs of registries, and where they lead (RFC 3986).

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use fluent_uri::{Uri, UriRef};

/// Characters of a URL at most.
const URL_CHARACTERS_MAX: usize = 16 << 10;

/// An absolute URL, `http` or `https`, with a host and without user name and fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(Uri<String>);

/// Whom a URL speaks to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Whether by TLS.
    pub https: bool,
    /// The host, in lower case.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text does not lead anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// It is no URL.
    Malformed,
    /// It has more characters than any URL of use.
    TooLong,
    /// It is of another kind than `http` and `https`.
    Scheme,
    /// It has a user name or password.
    Userinfo,
}

/// A registry and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name, `HOST[:PORT]`, as people write it.
    pub registry: String,
    /// The host and port to speak to, where that is not its name.
    pub address: String,
    /// Whether by TLS.
    pub https: bool,
}

impl Target {
    /// The registry at the address that its name says.
    #[must_use]
    pub fn new(registry: &str, https: bool) -> Self {
        // Docker's own registry answers elsewhere than its name says.
        let address = match registry {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        Self {
            registry: registry.into(),
            address: address.into(),
            https,
        }
    }

    /// Its URL with this path.
    ///
    /// # Errors
    /// [`UrlError`] if the address is none.
    pub fn url(&self, path: &str) -> Result<Url, UrlError> {
        let scheme = if self.https { "https" } else { "http" };
        Url::parse(&format!("{scheme}://{}{path}", self.address))
    }
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// [`UrlError`] says why it is none that can be followed.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_CHARACTERS_MAX {
            return Err(UrlError::TooLong);
        }
        let uri = Uri::parse(text.to_string()).map_err(|_| UrlError::Malformed)?;
        Self::checked(&uri)
    }

    /// Where `location`, absolute or relative, leads from here.
    ///
    /// # Errors
    /// [`UrlError`] says why it leads nowhere.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        if location.len() > URL_CHARACTERS_MAX {
            return Err(UrlError::TooLong);
        }
        let reference = UriRef::parse(location).map_err(|_| UrlError::Malformed)?;
        let base = self.0.strip_fragment();
        let uri = reference
            .resolve_against(&base)
            .map_err(|_| UrlError::Malformed)?;
        Self::checked(&uri)
    }

    /// The same with one more query parameter.
    #[must_use]
    pub fn with_parameter(&self, name: &str, value: &str) -> Self {
        let separator = if self.0.has_query() { '&' } else { '?' };
        let text = format!(
            "{}{separator}{}={}",
            self.as_str(),
            Escaped(name),
            Escaped(value)
        );
        // What is added consists of characters that a query may have.
        Uri::parse(text).map_or_else(|_| self.clone(), Self)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme().as_str().eq_ignore_ascii_case("https")
    }

    /// Whom it speaks to.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let https = self.is_https();
        let default_port = if https { 443 } else { 80 };
        let authority = self.0.authority();
        Origin {
            https,
            host: authority
                .map(|authority| authority.host().to_ascii_lowercase())
                .unwrap_or_default(),
            port: authority
                .and_then(|authority| authority.port_to_u16().ok().flatten())
                .unwrap_or(default_port),
        }
    }

    fn checked(uri: &Uri<String>) -> Result<Self, UrlError> {
        let scheme = uri.scheme().as_str();
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(UrlError::Scheme);
        }
        let authority = uri.authority().ok_or(UrlError::Malformed)?;
        if authority.has_userinfo() {
            return Err(UrlError::Userinfo);
        }
        if authority.host().is_empty() || authority.port_to_u16().is_err() {
            return Err(UrlError::Malformed);
        }
        Ok(Self(uri.strip_fragment().to_owned()))
    }
}

/// A text with everything escaped but letters, digits and `-._~`.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                write!(formatter, "{}", char::from(byte))
            } else {
                write!(formatter, "%{byte:02X}")
            }
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(formatter, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Queries of storage services are as good as passwords.
        write!(formatter, "{}{}", self.origin(), self.0.path().as_str())
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "it is no URL",
            Self::TooLong => "it is longer than 16 KiB",
            Self::Scheme => "it is neither http nor https",
            Self::Userinfo => "it has a user name in it",
        })
    }
}

impl core::error::Error for UrlError {}
