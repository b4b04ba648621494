//! `thimble fleet login`, `logout` and `whoami`.

use std::path::PathBuf;

use clap::Args;
use thimble_hub_api::Client;
use thimble_hub_api::client::{Settings as HubSettings, Trust};
use thimble_hub_api::identity::{IssuedToken, Login as Credentials, Whoami};
use thimble_port_registry::Secret;

use crate::arguments::Shape;
use crate::device::Rows;
use crate::failure::Failure;
use crate::images::opened;
use crate::output::Output;
use crate::settings;

use super::fields::WHOAMI;
use super::logins::{Login, Logins, keep_authorities, normal, registry};
use super::session::Session;
use super::words::second;
use super::{Connection, openid, prompt};

#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct LoginArguments {
    /// Sign in with a password, which is asked for, or read from standard input if that is no terminal.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Read the password from a file instead.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,

    /// Sign in with a browser at an OpenID provider, as the hub's settings name it.
    #[arg(long, value_name = "PROVIDER", conflicts_with = "user")]
    oidc: Option<String>,

    /// Use a token that somebody made; `-` reads it from standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "oidc"])]
    token_file: Option<PathBuf>,

    /// A PEM file of the authorities that the hub's certificate comes from [default: the system's].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    #[command(flatten)]
    shape: Shape,

    /// The hub: https://HOST[:PORT].
    #[arg(value_name = "URL")]
    url: String,
}

const HELP: &str = "\
The login also serves `thimble push` and `thimble pull` for the hub's own registry: HOST[:PORT]/TENANT/NAME:TAG.

Examples:
  thimble fleet login https://hub.example.org --user ada
  thimble fleet login https://hub.example.org --oidc company
  thimble-hub init | thimble fleet login http://127.0.0.1:7443 --token-file -";

#[derive(Args)]
pub(super) struct WhoamiArguments {
    #[command(flatten)]
    shape: Shape,
}

/// Signs in, and keeps the login when it was tried.
pub(super) fn login(arguments: &LoginArguments, connection: &Connection) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, WHOAMI)?;
    let hub = normal(&arguments.url);
    let mut settings = HubSettings {
        url: hub.clone(),
        token: None,
        tenant: None,
        trust: arguments.ca.clone().map_or(Trust::Machine, Trust::File),
    };
    let token = match &arguments.token_file {
        Some(path) => prompt::secret("Token", Some(path))?,
        None => sign_in(arguments, &Session::with(&settings)?)?.token,
    };
    settings.token = Some(token.clone());
    settings.tenant.clone_from(&connection.tenant);
    let session = Session::with(&settings)?;
    let who = session.ask(session.client.whoami())?;
    let ca = match &arguments.ca {
        Some(path) => Some(keep_authorities(&hub, path)?),
        None => None,
    };
    let mut logins = Logins::read()?;
    logins.hubs.insert(
        hub.clone(),
        Login {
            token: token.clone(),
            user: who.user.clone(),
            tenant: connection.tenant.clone(),
            ca,
            expires_at: who.expires_at,
        },
    );
    logins.current = Some(hub.clone());
    logins.write()?;
    keep_for_registry(&hub, &who.user, &token);
    output.one(&who, || {
        format!("signed in at {hub} as {}\n{}", who.user, text(&who))
    })
}

/// Ends the token and forgets it.
pub(super) fn logout(connection: &Connection) -> Result<(), Failure> {
    let mut logins = Logins::read()?;
    let hub = connection.hub.as_deref().map(normal);
    let Some(hub) = hub.or_else(|| logins.current.clone()) else {
        println!("nobody is signed in");
        return Ok(());
    };
    let Some(login) = logins.hubs.remove(&hub) else {
        println!("nobody is signed in at {hub}");
        return Ok(());
    };
    // A hub that is gone, or a token that has ended, must not keep it here.
    let session = Session::with(&HubSettings {
        url: hub.clone(),
        token: Some(login.token),
        tenant: login.tenant,
        trust: login.ca.clone().map_or(Trust::Machine, Trust::File),
    });
    let ended = session.and_then(|session| session.ask(session.client.logout()));
    if logins.current.as_deref() == Some(hub.as_str()) {
        logins.current = logins.hubs.keys().next().cloned();
    }
    logins.write()?;
    if let Some(path) = login.ca {
        // It is of no use any more; if it stays, it does no harm.
        let _ = std::fs::remove_file(path);
    }
    if let Some(registry) = registry(&hub)
        && let Err(failure) = forget_for_registry(registry)
    {
        eprintln!("thimble: {failure}");
    }
    match ended {
        Ok(()) => println!("signed out of {hub}"),
        Err(failure) => println!(
            "the login at {hub} is forgotten here; whether the hub ended the token is not known: {failure}"
        ),
    }
    Ok(())
}

/// Shows who the hub takes us for.
pub(super) fn whoami(arguments: &WhoamiArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, WHOAMI)?;
    let who = session.ask(session.client.whoami())?;
    output.one(&who, || {
        let mut rows = Rows::default();
        rows.add("hub", &session.hub);
        rows.text() + &text(&who)
    })
}

fn text(who: &Whoami) -> String {
    let roles: Vec<&str> = who.roles.iter().map(|role| role.name()).collect();
    let mut rows = Rows::default();
    rows.add("user", &who.user);
    rows.add("tenant", &who.tenant);
    rows.add("roles", roles.join(", "));
    rows.add("until", second(who.expires_at));
    rows.text()
}

fn sign_in(arguments: &LoginArguments, session: &Session) -> Result<IssuedToken, Failure> {
    if let Some(provider) = &arguments.oidc {
        return openid::sign_in(session, provider);
    }
    let user = match &arguments.user {
        Some(user) => user.clone(),
        None if std::io::IsTerminal::is_terminal(&std::io::stdin()) => prompt::ask("User")?,
        None => {
            return Err(Failure::option(
                "login",
                &arguments.url,
                "there is no terminal to ask who you are; give --user, --oidc or --token-file",
            ));
        }
    };
    let password = prompt::secret("Password", arguments.password_file.as_deref())?;
    let credentials = Credentials { user, password };
    let client: &Client = &session.client;
    session.ask(client.login(&credentials))
}

/// The hub's registry takes the token as a password. Not being able to keep it there matters only to who pushes.
fn keep_for_registry(hub: &str, user: &str, token: &str) {
    let Some(registry) = registry(hub) else {
        return;
    };
    let kept = settings::read()
        .and_then(|settings| opened::registries(&settings, hub.starts_with("http://")))
        .and_then(|registries| {
            registries
                .login(registry, user, Secret::new(token.to_owned()))
                .map_err(|error| Failure::image_error(registry, &error))
        });
    if let Err(failure) = kept {
        eprintln!("thimble: the login is not kept for `thimble push`: {failure}");
    }
}

fn forget_for_registry(registry: &str) -> Result<(), Failure> {
    let settings = settings::read()?;
    opened::registries(&settings, false)?
        .logout(registry)
        .map(|_| ())
        .map_err(|error| Failure::image_error(registry, &error))
}
