//! Who asks: credentials, and the tokens that are had for them (distribution's token specification; RFC 7617).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};
use serde::Deserialize;

use super::challenge::{self, Challenge};
use super::http::{Head, Method, Outgoing, Request};
use super::url::{Escaped, Target, Url};

/// Characters of a token at most.
const TOKEN_CHARACTERS_MAX: usize = 32 << 10;
/// Scopes that one token is asked for.
const SCOPES_MAX: usize = 16;
/// Who we say we are where a token server asks.
const CLIENT: &str = "thimble";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that must not be shown.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, to be sent or stored.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What proves who asks.
#[derive(Clone)]
pub enum Credentials {
    /// A name and a password.
    Password {
        /// The name.
        username: String,
        /// The password, or a token made for this purpose.
        password: Secret,
    },
    /// What a token server gave at an earlier sign-in.
    IdentityToken(Secret),
}

/// What to do after a challenge.
pub(super) enum Answer {
    /// Send this with every request.
    Authorization(Secret),
    /// Ask a token server.
    Token(TokenCall),
}

/// A way to ask a token server.
pub(super) struct TokenCall {
    realm: Url,
    service: Option<String>,
    scopes: Vec<String>,
}

/// Why a challenge cannot be answered.
pub(super) enum Unanswered {
    /// There are no credentials.
    Nobody,
    /// What is asked for is against the rules.
    Misbehaves(String),
}

/// Decides what to answer to a 401.
pub(super) fn answer(
    head: &Head,
    credentials: Option<&Credentials>,
    scopes: &[String],
    target: &Target,
) -> Result<Answer, Unanswered> {
    let challenges: Vec<Challenge> = head
        .values("www-authenticate")
        .flat_map(challenge::parse)
        .collect();
    let find = |scheme: &str| challenges.iter().find(|entry| entry.scheme == scheme);
    if let Some(bearer) = find("bearer") {
        return token_call(bearer, scopes, target).map(Answer::Token);
    }
    if find("basic").is_some() {
        return match credentials {
            Some(Credentials::Password { username, password }) => {
                Ok(Answer::Authorization(basic(username, password)))
            }
            _ => Err(Unanswered::Nobody),
        };
    }
    if challenges.is_empty() {
        // Some say no without saying how to sign in.
        return Err(Unanswered::Nobody);
    }
    let schemes: Vec<&str> = challenges
        .iter()
        .map(|challenge| challenge.scheme.as_str())
        .take(4)
        .collect();
    Err(Unanswered::Misbehaves(format!(
        "it wants a sign-in by {}, and only basic and bearer are known",
        super::said::printable(&schemes.join(", "))
    )))
}

fn token_call(
    bearer: &Challenge,
    scopes: &[String],
    target: &Target,
) -> Result<TokenCall, Unanswered> {
    let misbehaves = |how: &str| Unanswered::Misbehaves(how.into());
    let realm = bearer
        .parameter("realm")
        .ok_or_else(|| misbehaves("it does not say where its token server is"))?;
    let realm = Url::parse(realm)
        .map_err(|error| Unanswered::Misbehaves(format!("its token server has no URL: {error}")))?;
    if target.https && !realm.is_https() {
        return Err(misbehaves(
            "its token server is not https, so anybody could read the password",
        ));
    }
    let asked = bearer.parameter("scope").unwrap_or_default();
    let mut wanted: Vec<String> = scopes.to_vec();
    for scope in asked.split_ascii_whitespace() {
        let is_known = wanted.iter().any(|known| covers(known, scope));
        if !is_known && wanted.len() < SCOPES_MAX {
            wanted.push(scope.into());
        }
    }
    Ok(TokenCall {
        realm,
        service: bearer.parameter("service").map(ToString::to_string),
        scopes: wanted,
    })
}

/// Whether a scope has everything of another: `repository:a:pull,push` has `repository:a:pull`.
fn covers(wide: &str, narrow: &str) -> bool {
    match (wide.rsplit_once(':'), narrow.rsplit_once(':')) {
        (Some((wide, has)), Some((narrow, wants))) => {
            wide == narrow
                && wants
                    .split(',')
                    .all(|want| has.split(',').any(|has| has == want))
        }
        _ => wide == narrow,
    }
}

impl TokenCall {
    pub(super) const fn url(&self) -> &Url {
        &self.realm
    }

    /// The request that asks for a token.
    pub(super) fn request(&self, credentials: Option<&Credentials>) -> Request {
        match credentials {
            Some(Credentials::IdentityToken(token)) => self.refresh(token),
            Some(Credentials::Password { username, password }) => {
                self.get(Some(basic(username, password)), Some(username))
            }
            None => self.get(None, None),
        }
    }

    fn get(&self, authorization: Option<Secret>, account: Option<&str>) -> Request {
        let mut url = self.realm.clone();
        for (name, value) in [("service", self.service.as_deref()), ("account", account)] {
            if let Some(value) = value {
                url = url.with_parameter(name, value);
            }
        }
        for scope in &self.scopes {
            url = url.with_parameter("scope", scope);
        }
        Request {
            method: Method::Get,
            url: url.as_str().into(),
            headers: alloc::vec![("accept", "application/json".into())],
            authorization,
            body: Outgoing::Nothing,
        }
    }

    fn refresh(&self, token: &Secret) -> Request {
        let form = format!(
            "grant_type=refresh_token&client_id={CLIENT}&service={}&scope={}&refresh_token={}",
            Escaped(self.service.as_deref().unwrap_or_default()),
            Escaped(&self.scopes.join(" ")),
            Escaped(token.expose())
        );
        Request {
            method: Method::Post,
            url: self.realm.as_str().into(),
            headers: alloc::vec![
                ("accept", "application/json".into()),
                ("content-type", "application/x-www-form-urlencoded".into()),
            ],
            authorization: None,
            body: Outgoing::Bytes(form.into_bytes()),
        }
    }
}

/// Reads a token server's answer: the value of `Authorization`.
pub(super) fn token(body: &[u8]) -> Result<Secret, String> {
    #[derive(Deserialize)]
    struct Granted {
        #[serde(default)]
        token: Option<String>,
        #[serde(default)]
        access_token: Option<String>,
    }
    if body.trim_ascii_start().starts_with(b"<") {
        return Err("its token server answers with a web page".into());
    }
    // What the parser says could repeat a piece of the token.
    let granted: Granted = serde_json::from_slice(body)
        .map_err(|_| "its token server's answer is not the JSON it should be".to_string())?;
    let token = [granted.token, granted.access_token]
        .into_iter()
        .flatten()
        .find(|token| !token.is_empty())
        .ok_or("its token server answers without a token")?;
    let is_legal =
        token.len() <= TOKEN_CHARACTERS_MAX && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_legal {
        return Err("its token server gives a token that cannot be sent".into());
    }
    Ok(Secret::new(format!("Bearer {token}")))
}

fn basic(username: &str, password: &Secret) -> Secret {
    let pair = format!("{username}:{}", password.expose());
    Secret::new(format!("Basic {}", Base64::encode_string(pair.as_bytes())))
}
