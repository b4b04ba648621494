//! A hub that is spoken to: which one, with which token, and how its answers are waited for.

use std::env;
use std::path::PathBuf;

use thimble_hub_api::client::{Paged, Settings, Trust};
use thimble_hub_api::page::PAGE_ITEMS_MAX;
use thimble_hub_api::{Client, ClientError, Page};
use tokio::runtime::Runtime;

use crate::failure::Failure;

use super::Connection;
use super::logins::{Logins, normal};

/// Items of a list that are fetched at most: more would not be read.
const ITEMS_MAX: usize = 1_000_000;

/// A hub that is spoken to.
pub(super) struct Session {
    /// Asks it.
    pub(super) client: Client,
    /// Its URL.
    pub(super) hub: String,
    runtime: Runtime,
}

impl Session {
    /// The hub that is meant, with the token that is kept for it.
    pub(super) fn open(connection: &Connection) -> Result<Self, Failure> {
        let logins = Logins::read()?;
        let hub = connection
            .hub
            .clone()
            .or_else(|| set("THIMBLE_HUB"))
            .map(|hub| normal(&hub))
            .or_else(|| logins.current.clone());
        let Some(hub) = hub else {
            return Err(Failure::device(
                "finding the hub",
                "nobody has signed in; begin with `thimble fleet login URL`",
            ));
        };
        let kept = logins.hubs.get(&hub);
        let token = set("THIMBLE_HUB_TOKEN").or_else(|| kept.map(|login| login.token.clone()));
        let Some(token) = token else {
            return Err(Failure::device(
                "finding the login",
                format_args!(
                    "nobody has signed in at {hub}; begin with `thimble fleet login {hub}`"
                ),
            ));
        };
        let ca = set("THIMBLE_HUB_CA")
            .map(PathBuf::from)
            .or_else(|| kept.and_then(|login| login.ca.clone()));
        let tenant = connection
            .tenant
            .clone()
            .or_else(|| set("THIMBLE_TENANT"))
            .or_else(|| kept.and_then(|login| login.tenant.clone()));
        Self::with(&Settings {
            url: hub,
            token: Some(token),
            tenant,
            trust: ca.map_or(Trust::Machine, Trust::File),
        })
    }

    /// A hub with settings that are known.
    pub(super) fn with(settings: &Settings) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::device("waiting for the hub", error))?;
        let client = Client::new(settings).map_err(|error| Failure::hub("", error))?;
        Ok(Self {
            client,
            hub: settings.url.clone(),
            runtime,
        })
    }

    /// Waits for an answer about something.
    pub(super) fn about<T>(
        &self,
        subject: &str,
        asked: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Failure> {
        self.runtime
            .block_on(asked)
            .map_err(|error| Failure::hub(subject, error))
    }

    /// Waits for an answer about nothing in particular.
    pub(super) fn ask<T>(
        &self,
        asked: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Failure> {
        self.about("", asked)
    }

    /// Waits for what may not be there.
    pub(super) fn find<T>(
        &self,
        subject: &str,
        asked: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<Option<T>, Failure> {
        match self.runtime.block_on(asked) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(Failure::hub(subject, error)),
        }
    }

    /// Waits for all pages of a list.
    pub(super) fn all<T>(
        &self,
        ask: impl AsyncFn(Paged) -> Result<Page<T>, ClientError>,
    ) -> Result<Vec<T>, Failure> {
        self.ask(async {
            let mut items = Vec::new();
            let mut after = None;
            loop {
                let page = ask(Paged {
                    after,
                    limit: Some(PAGE_ITEMS_MAX),
                })
                .await?;
                items.extend(page.items);
                after = page.next;
                if after.is_none() || items.len() >= ITEMS_MAX {
                    return Ok(items);
                }
            }
        })
    }
}

/// A variable of the environment, if it says something.
pub(super) fn set(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}
