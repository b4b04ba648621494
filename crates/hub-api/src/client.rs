//! A client of the hub: HTTPS with rustls, a token, and errors that say what to do.
//!
//! What the hub sends is bounded before it is kept. Nothing is sent again by itself: whether a change may be repeated is for
//! the caller to know.

mod calls;
mod error;
#[cfg(test)]
mod tests;
mod trust;

use std::fmt;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
};
use reqwest::{Method, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::{MEDIA_TYPE, Problem};

pub use calls::{DeviceQuery, Paged};
pub use error::ClientError;
pub use trust::Trust;

/// Bytes of an answer that is kept whole at most.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Time to reach the hub.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Time for a whole exchange.
const TIME: Duration = Duration::from_secs(120);
/// The header that names the tenant.
pub const TENANT_HEADER: &str = "thimble-tenant";
/// The header that says why.
pub const REASON_HEADER: &str = "thimble-reason";

/// Where the hub is and as whom it is asked.
#[derive(Clone)]
pub struct Settings {
    /// `https://HOST[:PORT]`, or `http://` of this machine.
    pub url: String,
    /// The token; without one only signing in is possible.
    pub token: Option<String>,
    /// Another tenant than the user's own: its name or id.
    pub tenant: Option<String>,
    /// Whose certificates are believed.
    pub trust: Trust,
}

/// Asks the hub, and waits for what it says.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    headers: HeaderMap,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// What the hub said, or why it did not.
pub type Said<T> = Result<T, ClientError>;

/// Something that can be changed if nobody else did meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagged<T> {
    /// What it is.
    pub value: T,
    /// Which state of it this is, for `If-Match`.
    pub etag: Option<String>,
}

/// A request that is put together.
struct Call<'a> {
    method: Method,
    path: &'a [&'a str],
    query: Vec<(&'static str, String)>,
    body: Option<(&'static str, Vec<u8>)>,
    etag: Option<&'a str>,
    reason: Option<&'a str>,
}

impl Client {
    /// A client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Settings`] says what is wrong with them.
    pub fn new(settings: &Settings) -> Said<Self> {
        let base = base(&settings.url)?;
        let mut headers = HeaderMap::new();
        if let Some(token) = &settings.token {
            let mut value = header("the token", &format!("Bearer {token}"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(tenant) = &settings.tenant {
            headers.insert(
                HeaderName::from_static(TENANT_HEADER),
                header("the tenant", tenant)?,
            );
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(trust::configuration(&settings.trust)?)
            // A token must not follow a redirection to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .timeout(TIME)
            .user_agent(concat!("thimble/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError::Settings(error::chain(&error)))?;
        Ok(Self {
            http,
            base,
            headers,
        })
    }

    async fn json<T: DeserializeOwned>(&self, call: Call<'_>) -> Said<T> {
        let bytes = self.bytes(call).await?.value;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer(error.to_string()))
    }

    async fn tagged<T: DeserializeOwned>(&self, call: Call<'_>) -> Said<Tagged<T>> {
        let Tagged { value, etag } = self.bytes(call).await?;
        let value = serde_json::from_slice(&value)
            .map_err(|error| ClientError::Answer(error.to_string()))?;
        Ok(Tagged { value, etag })
    }

    async fn done(&self, call: Call<'_>) -> Said<()> {
        self.bytes(call).await.map(|_| ())
    }

    async fn bytes(&self, call: Call<'_>) -> Said<Tagged<Vec<u8>>> {
        let answer = self.send(call).await?;
        let etag = answer
            .headers()
            .get(ETAG)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok(Tagged {
            value: whole(answer).await?,
            etag,
        })
    }

    /// Sends, and makes a problem of whatever is not a success.
    async fn send(&self, call: Call<'_>) -> Said<Response> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .push(crate::API_VERSION)
                .extend(call.path);
        }
        let mut request = self
            .http
            .request(call.method, url)
            .headers(self.headers.clone());
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(etag) = call.etag {
            request = request.header(IF_MATCH, header("the tag", etag)?);
        }
        if let Some(reason) = call.reason {
            // A header holds no other characters: the hub takes them as RFC 3986 writes them.
            request = request.header(REASON_HEADER, header("the reason", &escaped(reason))?);
        }
        if let Some((media_type, body)) = call.body {
            request = request.header(CONTENT_TYPE, media_type).body(body);
        }
        let answer = request
            .send()
            .await
            .map_err(|error| ClientError::Unreachable {
                hub: self.base.to_string(),
                reason: error::chain(&error),
            })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(refusal(answer).await)
    }
}

impl<'a> Call<'a> {
    fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            etag: None,
            reason: None,
        }
    }

    fn get(path: &'a [&'a str]) -> Self {
        Self::new(Method::GET, path)
    }

    fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.query.push((name, value.to_string()));
        }
        self
    }

    fn body(mut self, value: &impl Serialize) -> Said<Self> {
        let bytes =
            serde_json::to_vec(value).map_err(|error| ClientError::Settings(error.to_string()))?;
        self.body = Some(("application/json", bytes));
        Ok(self)
    }

    fn because(mut self, reason: &'a str) -> Self {
        self.reason = Some(reason);
        self
    }

    fn if_match(mut self, etag: Option<&'a str>) -> Self {
        self.etag = etag;
        self
    }
}

fn base(url: &str) -> Said<Url> {
    let parsed = Url::parse(url)
        .map_err(|error| ClientError::Settings(format!("`{url}` is not a URL: {error}")))?;
    let is_own = match parsed.host_str() {
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost"
                || host
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        None => false,
    };
    match parsed.scheme() {
        "https" => Ok(parsed),
        "http" if is_own => Ok(parsed),
        "http" => Err(ClientError::Settings(format!(
            "`{url}` would send the token unprotected; use https://"
        ))),
        _ => Err(ClientError::Settings(format!(
            "`{url}` does not begin with https://"
        ))),
    }
}

fn header(what: &'static str, value: &str) -> Said<HeaderValue> {
    HeaderValue::from_str(value)
        .map_err(|_| ClientError::Settings(format!("{what} holds characters that a header cannot")))
}

/// Percent-encodes whatever is not printable ASCII, and `%`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' => escaped.push_str("%25"),
            b' '..=b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

async fn whole(mut answer: Response) -> Said<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer
        .chunk()
        .await
        .map_err(|error| ClientError::Answer(error::chain(&error)))?
    {
        if bytes.len().saturating_add(piece.len()) > ANSWER_BYTES_MAX {
            return Err(ClientError::Answer(format!(
                "it has more than {ANSWER_BYTES_MAX} bytes"
            )));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

async fn refusal(answer: Response) -> ClientError {
    let status = answer.status().as_u16();
    let is_problem = answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(MEDIA_TYPE.as_bytes()));
    let Ok(bytes) = whole(answer).await else {
        return ClientError::NotAHub { status };
    };
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) if is_problem => ClientError::Refused(Box::new(problem)),
        _ => ClientError::NotAHub { status },
    }
}
