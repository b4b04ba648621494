//! The two steps: where the browser goes, and what comes back.

use std::sync::Arc;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, Client, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdTokenClaims, IdTokenFields, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _,
};
use serde::{Deserialize, Serialize};

use super::mapping::{self, Claims, Identified};
use super::{OpenId, OpenIdError, Provider, is_loopback};
use crate::chain;

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Answer = StandardTokenResponse<Fields, CoreTokenType>;
type Relying = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What is remembered between the two steps: kept under the hash of the state.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::identity) struct Begun {
    /// The provider.
    pub(in crate::identity) provider: String,
    redirect_url: String,
    nonce: String,
    verifier: String,
}

/// The first step's outcome.
pub(in crate::identity) struct Beginning {
    /// Where the browser goes.
    pub(in crate::identity) authorization_url: String,
    /// What comes back with it.
    pub(in crate::identity) state: String,
    /// What is remembered.
    pub(in crate::identity) begun: Begun,
}

impl OpenId {
    /// Where the browser goes.
    pub(in crate::identity) async fn begin(
        &self,
        name: &str,
        redirect_url: &str,
        now_ms: i64,
    ) -> Result<Beginning, OpenIdError> {
        let provider = self.provider(name)?;
        provider.check_redirect(redirect_url)?;
        let metadata = provider.metadata(name, now_ms).await?;
        let client = provider.relying(&metadata, redirect_url)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in &provider.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.url();
        Ok(Beginning {
            authorization_url: url.to_string(),
            state: state.secret().clone(),
            begun: Begun {
                provider: name.to_owned(),
                redirect_url: redirect_url.to_owned(),
                nonce: nonce.secret().clone(),
                verifier: verifier.secret().clone(),
            },
        })
    }

    /// Who it is that came back.
    pub(in crate::identity) async fn finish(
        &self,
        begun: Begun,
        code: AuthorizationCode,
        now_ms: i64,
    ) -> Result<Identified, OpenIdError> {
        let name = begun.provider.clone();
        let provider = self.provider(&name)?;
        let metadata = provider.metadata(&name, now_ms).await?;
        let identified = provider.exchange(&name, &metadata, begun, code).await;
        if matches!(identified, Err(OpenIdError::Refused { .. })) {
            provider.forget_metadata();
        }
        identified
    }
}

impl Provider {
    fn check_redirect(&self, url: &str) -> Result<(), OpenIdError> {
        let is_listed = self.settings.redirect_urls.iter().any(|known| known == url);
        let is_own = reqwest::Url::parse(url).is_ok_and(|parsed| {
            parsed.scheme() == "http" && parsed.host_str().is_some_and(is_loopback)
        });
        if is_listed || is_own {
            return Ok(());
        }
        Err(OpenIdError::Redirect {
            url: url.chars().take(256).collect(),
        })
    }

    fn relying(
        &self,
        metadata: &Arc<CoreProviderMetadata>,
        redirect_url: &str,
    ) -> Result<Relying, OpenIdError> {
        let redirect =
            RedirectUrl::new(redirect_url.to_owned()).map_err(|_| OpenIdError::Redirect {
                url: redirect_url.to_owned(),
            })?;
        Ok(Client::from_provider_metadata(
            CoreProviderMetadata::clone(metadata),
            self.client.clone(),
            self.secret.clone(),
        )
        .set_redirect_uri(redirect))
    }

    async fn exchange(
        &self,
        name: &str,
        metadata: &Arc<CoreProviderMetadata>,
        begun: Begun,
        code: AuthorizationCode,
    ) -> Result<Identified, OpenIdError> {
        let refused = |reason: String| OpenIdError::Refused {
            name: name.to_owned(),
            reason,
        };
        let client = self.relying(metadata, &begun.redirect_url)?;
        let http = |request| self.http.send(request);
        let answer = client
            .exchange_code(code)
            .map_err(|error| refused(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier))
            .request_async(&http)
            .await
            .map_err(|error| refused(chain(&error)))?;
        let token = answer
            .id_token()
            .ok_or_else(|| refused("there is no ID token".to_owned()))?;
        let verifier = client.id_token_verifier();
        let claims = token
            .claims(&verifier, &Nonce::new(begun.nonce))
            .map_err(|error| refused(chain(&error)))?;
        if let Some(expected) = claims.access_token_hash() {
            let actual = token
                .signing_alg()
                .ok()
                .zip(token.signing_key(&verifier).ok())
                .and_then(|(algorithm, key)| {
                    AccessTokenHash::from_token(answer.access_token(), algorithm, key).ok()
                });
            if actual.as_ref() != Some(expected) {
                return Err(refused(
                    "the access token is not the one that was signed".to_owned(),
                ));
            }
        }
        self.identified(name, claims)
    }

    fn identified(
        &self,
        name: &str,
        claims: &IdTokenClaims<Claims, CoreGenderClaim>,
    ) -> Result<Identified, OpenIdError> {
        let settings = &self.settings;
        let values = mapping::values(&claims.additional_claims().rest, &settings.claim);
        let roles = mapping::roles(&values, &settings.roles);
        if roles.is_empty() {
            return Err(OpenIdError::NoRole {
                name: name.to_owned(),
                claim: settings.claim.clone(),
                values,
            });
        }
        let email = claims
            .email()
            .filter(|_| claims.email_verified() == Some(true))
            .map(|email| email.as_str().to_owned());
        let subject = claims.subject().as_str().to_owned();
        let called = claims
            .preferred_username()
            .map(|user| user.as_str().to_owned())
            .or_else(|| email.clone())
            .unwrap_or_else(|| subject.clone());
        Ok(Identified {
            issuer: claims.issuer().as_str().to_owned(),
            subject,
            // Names of local users hold no colon: nobody at a provider can take one of theirs.
            name: format!("{name}:{called}"),
            email,
            roles,
            tenant: settings.tenant.clone(),
            provider: name.to_owned(),
        })
    }
}
