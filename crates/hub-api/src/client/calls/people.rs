//! Who asks, who changed what, whom the hub tells.

use reqwest::Method;

use crate::audit::{Entry, Verification};
use crate::identity::{
    IssuedToken, Login, NewTenant, NewToken, NewUser, OpenIdBegin, OpenIdFinish, OpenIdStart,
    Roles, Tenant, Token, User, UserChange, Whoami,
};
use crate::page::Page;
use crate::status::{Health, Summary};
use crate::webhook::{NewWebhook, Webhook, WebhookChange};

use super::super::{Call, Client, Said};
use super::Paged;

impl Client {
    /// Signs in with a password.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn login(&self, login: &Login) -> Said<IssuedToken> {
        self.json(Call::new(Method::POST, &["login"]).body(login)?)
            .await
    }

    /// Begins to sign in at an OpenID provider.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn openid_begin(&self, begin: &OpenIdBegin) -> Said<OpenIdStart> {
        self.json(Call::new(Method::POST, &["login", "openid"]).body(begin)?)
            .await
    }

    /// Finishes to sign in at an OpenID provider.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn openid_finish(&self, finish: &OpenIdFinish) -> Said<IssuedToken> {
        self.json(Call::new(Method::POST, &["login", "openid", "finish"]).body(finish)?)
            .await
    }

    /// Ends the token that this client uses.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn logout(&self) -> Said<()> {
        self.done(Call::new(Method::DELETE, &["session"])).await
    }

    /// Who the hub takes this client for.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn whoami(&self) -> Said<Whoami> {
        self.json(Call::get(&["whoami"])).await
    }

    /// The tenants that can be asked for.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn tenants(&self, paged: &Paged) -> Said<Page<Tenant>> {
        self.json(paged.on(Call::get(&["tenants"]))).await
    }

    /// Makes a tenant below the one that is asked for.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn create_tenant(&self, tenant: &NewTenant) -> Said<Tenant> {
        self.json(Call::new(Method::POST, &["tenants"]).body(tenant)?)
            .await
    }

    /// The users.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn users(&self, paged: &Paged) -> Said<Page<User>> {
        self.json(paged.on(Call::get(&["users"]))).await
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn create_user(&self, user: &NewUser) -> Said<User> {
        self.json(Call::new(Method::POST, &["users"]).body(user)?)
            .await
    }

    /// A user, by name or id.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn user(&self, user: &str) -> Said<User> {
        self.json(Call::get(&["users", user])).await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn change_user(&self, user: &str, change: &UserChange) -> Said<User> {
        self.json(Call::new(Method::PATCH, &["users", user]).body(change)?)
            .await
    }

    /// Removes a user with its tokens.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn remove_user(&self, user: &str) -> Said<()> {
        self.done(Call::new(Method::DELETE, &["users", user])).await
    }

    /// Says what a user may do.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn set_roles(&self, user: &str, roles: &Roles) -> Said<User> {
        self.json(Call::new(Method::PUT, &["users", user, "roles"]).body(roles)?)
            .await
    }

    /// The tokens of whoever asks; of all users, for an admin.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn tokens(&self, paged: &Paged) -> Said<Page<Token>> {
        self.json(paged.on(Call::get(&["tokens"]))).await
    }

    /// Makes a token for whoever asks.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn create_token(&self, token: &NewToken) -> Said<IssuedToken> {
        self.json(Call::new(Method::POST, &["tokens"]).body(token)?)
            .await
    }

    /// Ends a token.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn revoke_token(&self, token: &str) -> Said<()> {
        self.done(Call::new(Method::DELETE, &["tokens", token]))
            .await
    }

    /// What was changed.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn audit(&self, paged: &Paged) -> Said<Page<Entry>> {
        self.json(paged.on(Call::get(&["audit"]))).await
    }

    /// Checks that no entry was changed or removed.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn verify_audit(&self) -> Said<Verification> {
        self.json(Call::get(&["audit", "verify"])).await
    }

    /// All entries, as lines of JSON.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn export_audit(&self) -> Said<Vec<u8>> {
        Ok(self.bytes(Call::get(&["audit", "export"])).await?.value)
    }

    /// The webhooks.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn webhooks(&self, paged: &Paged) -> Said<Page<Webhook>> {
        self.json(paged.on(Call::get(&["webhooks"]))).await
    }

    /// Makes a webhook.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn create_webhook(&self, webhook: &NewWebhook) -> Said<Webhook> {
        self.json(Call::new(Method::POST, &["webhooks"]).body(webhook)?)
            .await
    }

    /// Switches a webhook on or off.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn change_webhook(&self, webhook: &str, change: &WebhookChange) -> Said<Webhook> {
        self.json(Call::new(Method::PATCH, &["webhooks", webhook]).body(change)?)
            .await
    }

    /// Removes a webhook.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn remove_webhook(&self, webhook: &str) -> Said<()> {
        self.done(Call::new(Method::DELETE, &["webhooks", webhook]))
            .await
    }

    /// The fleet in numbers.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn status(&self) -> Said<Summary> {
        self.json(Call::get(&["status"])).await
    }

    /// How the hub is.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn health(&self) -> Said<Health> {
        self.json(Call::get(&["health"])).await
    }
}
