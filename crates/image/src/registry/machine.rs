//! Carries out an operation: signs in, follows redirects, tries again. What to ask and what to make of it is the
//! operation's.
//!
//! Invariants: `Authorization` goes to the registry's own origin only, and not even there once a redirect has led away;
//! no request repeats without limit unless the operation gets further in between.

mod answered;

use alloc::string::String;
use alloc::vec::Vec;

use super::auth::{Credentials, Secret, TokenCall};
use super::fault::{Fault, RegistryError, TransportError};
use super::http::{Head, Method, Request};
use super::operation::{Call, Event, Operation, Taking, Want};
use super::pull::Found;
use super::url::{Target, Url};
use super::{ERROR_BYTES_MAX, TOKEN_BYTES_MAX};

/// How patient a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attempts in a row that do not get further.
    pub attempts_max: u32,
    /// The longest wait after the first vain attempt; it doubles with each.
    pub backoff_ms: u64,
    /// The longest wait that comes of doubling.
    pub backoff_ms_max: u64,
    /// The longest wait that a registry may ask for.
    pub retry_after_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            backoff_ms: 500,
            backoff_ms_max: 30_000,
            retry_after_ms_max: 60_000,
        }
    }
}

/// What the port does next.
pub enum Action {
    /// Send this, and tell what comes of it.
    Request(Request),
    /// Wait, then ask again.
    Wait {
        /// How long, in milliseconds.
        ms: u64,
        /// What went wrong.
        reason: String,
    },
    /// Let the caller look before layers are fetched. Asking again means that they agree.
    Check(Found),
    /// It is done.
    Done,
}

/// Whether more of a body is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    More,
    /// Leave the rest, drop the connection, and say that the answer ended.
    Enough,
}

/// An operation on its way.
pub struct Machine<O> {
    operation: O,
    target: Target,
    credentials: Option<Credentials>,
    scopes: Vec<String>,
    limits: Limits,
    random: u64,
    authorization: Option<Secret>,
    /// Whether the authorization has not been tried yet.
    is_fresh: bool,
    token_call: Option<TokenCall>,
    redirect: Option<Url>,
    redirects: u32,
    has_strayed: bool,
    failures: u32,
    wait: Option<(u64, String)>,
    exchange: Option<Exchange>,
}

/// A request that was sent, and as much of the answer as came.
struct Exchange {
    is_token: bool,
    method: Method,
    url: Url,
    what: String,
    head: Option<Head>,
    taking: Taking,
    body: Vec<u8>,
}

/// What the machine makes of a status before the operation sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Success,
    Redirect,
    SignIn,
    Trouble,
    Other,
}

const fn class(status: u16) -> Class {
    match status {
        200..=299 => Class::Success,
        301 | 302 | 303 | 307 | 308 => Class::Redirect,
        401 => Class::SignIn,
        // 501 and 505 do not pass.
        408 | 425 | 429 | 500 | 502..=504 | 506..=599 => Class::Trouble,
        _ => Class::Other,
    }
}

impl<O: Operation> Machine<O> {
    /// A machine that speaks to this registry. `seed` spreads the waits of devices that fail together.
    pub fn new(
        operation: O,
        target: Target,
        credentials: Option<Credentials>,
        scopes: Vec<String>,
        limits: Limits,
        seed: u64,
    ) -> Self {
        Self {
            operation,
            target,
            credentials,
            scopes,
            limits,
            random: seed,
            authorization: None,
            is_fresh: false,
            token_call: None,
            redirect: None,
            redirects: 0,
            has_strayed: false,
            failures: 0,
            wait: None,
            exchange: None,
        }
    }

    /// The operation, for what it found.
    pub const fn operation(&self) -> &O {
        &self.operation
    }

    /// What happened since this was asked last.
    pub fn events(&mut self) -> Vec<Event> {
        self.operation.events()
    }

    /// What to do next.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub fn advance(&mut self) -> Result<Action, Fault<O::StoreError>> {
        if let Some((ms, reason)) = self.wait.take() {
            return Ok(Action::Wait { ms, reason });
        }
        if let Some(call) = &self.token_call {
            let request = call.request(self.credentials.as_ref());
            self.exchange = Some(Exchange {
                is_token: true,
                method: request.method,
                url: call.url().clone(),
                what: "a token".into(),
                head: None,
                taking: Taking::Leave,
                body: Vec::new(),
            });
            return Ok(Action::Request(request));
        }
        match self.operation.want()? {
            Want::Call(call) => Ok(Action::Request(self.send(call))),
            Want::Check(found) => Ok(Action::Check(found)),
            Want::Done => Ok(Action::Done),
        }
    }

    /// The head of the answer has come.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub fn head(&mut self, head: Head) -> Result<Flow, Fault<O::StoreError>> {
        let Some(exchange) = &mut self.exchange else {
            return Ok(Flow::Enough);
        };
        let bytes_max = ERROR_BYTES_MAX;
        exchange.taking = match class(head.status) {
            Class::Success if exchange.is_token => Taking::Collect {
                bytes_max: TOKEN_BYTES_MAX,
            },
            Class::Success => match self.operation.begin(&head) {
                Ok(taking) => taking,
                Err(fault) => return self.recover(fault),
            },
            Class::Redirect => Taking::Leave,
            Class::SignIn | Class::Trouble | Class::Other => Taking::Collect { bytes_max },
        };
        let announced = head.content_length();
        let what = exchange.what.clone();
        let is_bodiless = exchange.method == Method::Head || matches!(head.status, 204 | 304);
        let (taking, is_success) = (exchange.taking, head.is_success());
        exchange.head = Some(head);
        match (taking, announced) {
            (_, Some(None)) => self.recover(Fault::Registry(RegistryError::Misbehaves {
                what,
                how: "it announces a length that is no number".into(),
            })),
            (Taking::Collect { bytes_max }, Some(Some(length)))
                if is_success && !is_bodiless && length > bytes_max =>
            {
                self.recover(Fault::Registry(RegistryError::TooLarge { what, bytes_max }))
            }
            (Taking::Leave, _) => Ok(Flow::Enough),
            _ => Ok(Flow::More),
        }
    }

    /// A piece of the body has come.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub fn body(&mut self, bytes: &[u8]) -> Result<Flow, Fault<O::StoreError>> {
        let Some(exchange) = &mut self.exchange else {
            return Ok(Flow::Enough);
        };
        let bytes_max = match exchange.taking {
            Taking::Leave => return Ok(Flow::Enough),
            Taking::Stream => {
                return match self.operation.piece(bytes) {
                    Ok(()) => Ok(Flow::More),
                    Err(fault) => self.recover(fault),
                };
            }
            Taking::Collect { bytes_max } => usize::try_from(bytes_max).unwrap_or(usize::MAX),
        };
        let room = bytes_max.saturating_sub(exchange.body.len());
        if bytes.len() <= room {
            exchange.body.extend_from_slice(bytes);
            return Ok(Flow::More);
        }
        if exchange.head.as_ref().is_some_and(Head::is_success) {
            let what = exchange.what.clone();
            let bytes_max = bytes_max as u64;
            return self.recover(Fault::Registry(RegistryError::TooLarge { what, bytes_max }));
        }
        // Of an error, the beginning is enough.
        exchange
            .body
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(Flow::Enough)
    }

    /// The answer has ended as it should.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub fn end(&mut self) -> Result<(), Fault<O::StoreError>> {
        let Some(exchange) = self.exchange.take() else {
            return Ok(());
        };
        let Some(head) = exchange.head.clone() else {
            return Ok(());
        };
        let outcome = if exchange.is_token {
            self.token(&exchange, &head).map_err(Fault::Registry)
        } else {
            self.conclude(&exchange, &head)
        };
        outcome.or_else(|fault| self.recover(fault).map(drop))
    }

    /// The request or its answer did not get through.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub fn failed(&mut self, error: TransportError) -> Result<(), Fault<O::StoreError>> {
        if self.exchange.take().is_none() {
            return Ok(());
        }
        let may_pass = error.kind.may_pass();
        let attempts = self.failures + 1;
        let error = RegistryError::Transport { attempts, error };
        let outcome = if may_pass {
            self.again(error, None).map_err(Fault::Registry)
        } else {
            Err(Fault::Registry(error))
        };
        outcome.or_else(|fault| self.recover(fault).map(drop))
    }

    fn send(&mut self, call: Call) -> Request {
        let url = self.redirect.clone().unwrap_or(call.url);
        let is_home = !self.has_strayed && self.is_home(&url);
        self.exchange = Some(Exchange {
            is_token: false,
            method: call.method,
            url: url.clone(),
            what: call.what,
            head: None,
            taking: Taking::Leave,
            body: Vec::new(),
        });
        Request {
            method: call.method,
            url: url.as_str().into(),
            headers: call.headers,
            authorization: self.authorization.clone().filter(|_| is_home),
            body: call.body,
        }
    }

    fn is_home(&self, url: &Url) -> bool {
        self.target
            .url("/")
            .is_ok_and(|home| home.origin() == url.origin())
    }

    fn recover(&mut self, fault: Fault<O::StoreError>) -> Result<Flow, Fault<O::StoreError>> {
        self.exchange = None;
        match fault {
            Fault::Registry(error) if self.operation.recover(&error) => {
                self.home();
                self.wait = None;
                self.token_call = None;
                self.failures = 0;
                Ok(Flow::Enough)
            }
            fault => Err(fault),
        }
    }
}
