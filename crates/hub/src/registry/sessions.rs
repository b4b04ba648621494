//! Clients that send a name and a password with every request sign in once in a while, not each time: comparing a
//! password takes long on purpose. Passwords are not kept, only a salted hash by which they are known again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::hub::Hub;
use crate::identity::{IdentityError, sign_in};

/// How long a client need not sign in again.
const KNOWN_MS: i64 = 300_000;
/// Clients that are known at a time, at most.
const CLIENTS_MAX: usize = 4096;

/// Clients that signed in.
pub(super) struct Sessions {
    salt: [u8; 16],
    known: Mutex<HashMap<Key, Slot>>,
}

type Key = [u8; 32];
/// Locked while somebody signs in, so that requests that come together sign in once.
type Slot = Arc<tokio::sync::Mutex<Option<Session>>>;

struct Session {
    token: String,
    until_ms: i64,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self {
            salt: *uuid::Uuid::new_v4().as_bytes(),
            known: Mutex::default(),
        }
    }

    /// A token of somebody who has this name and this password.
    pub(super) async fn token(
        &self,
        hub: &Hub,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
    ) -> Result<String, IdentityError> {
        let key = self.key(name, password);
        let slot = self.slot(key, hub.now_ms());
        let mut session = slot.lock().await;
        let now_ms = hub.now_ms();
        if let Some(session) = session.as_ref().filter(|session| session.until_ms > now_ms) {
            return Ok(session.token.clone());
        }
        match sign_in(hub, name, password, address).await {
            Ok(signed_in) => {
                let token = signed_in.secret;
                *session = Some(Session {
                    token: token.clone(),
                    until_ms: signed_in.expires_ms.min(now_ms.saturating_add(KNOWN_MS)),
                });
                Ok(token)
            }
            Err(error) => {
                self.known.lock().remove(&key);
                Err(error)
            }
        }
    }

    /// Lets somebody sign in again: the token does not hold any more.
    pub(super) fn forget(&self, name: &str, password: &str) {
        self.known.lock().remove(&self.key(name, password));
    }

    fn key(&self, name: &str, password: &str) -> Key {
        let mut hash = Sha256::new();
        hash.update(self.salt);
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(password.as_bytes());
        hash.finalize().into()
    }

    fn slot(&self, key: Key, now_ms: i64) -> Slot {
        let mut known = self.known.lock();
        if known.len() >= CLIENTS_MAX {
            known.retain(|_, slot| is_alive(slot, now_ms));
        }
        if known.len() >= CLIENTS_MAX {
            // They sign in once more.
            known.clear();
        }
        Arc::clone(known.entry(key).or_default())
    }
}

fn is_alive(slot: &Slot, now_ms: i64) -> bool {
    slot.try_lock().map_or(true, |session| {
        session
            .as_ref()
            .is_some_and(|session| session.until_ms > now_ms)
    })
}
