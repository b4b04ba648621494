//! What a machine does with a complete answer, before and after the operation sees it.

use alloc::format;

use super::{Class, Exchange, Machine, class};
use crate::registry::auth::{self, Answer, Unanswered};
use crate::registry::fault::{Fault, RedirectRefusal, RegistryError};
use crate::registry::http::{Head, Method};
use crate::registry::operation::{Operation, Verdict};
use crate::registry::{REDIRECTS_MAX, check, said};

impl<O: Operation> Machine<O> {
    pub(super) fn conclude(
        &mut self,
        exchange: &Exchange,
        head: &Head,
    ) -> Result<(), Fault<O::StoreError>> {
        match class(head.status) {
            Class::Redirect => Ok(self.follow(exchange, head)?),
            Class::SignIn => Ok(self.sign_in(exchange, head)?),
            Class::Trouble => {
                self.is_fresh = false;
                let error = trouble(head, &exchange.body);
                Ok(self.again(error, retry_after_ms(head))?)
            }
            Class::Success | Class::Other => {
                self.is_fresh = false;
                match self.operation.answer(head, &exchange.body)? {
                    Verdict::Next => {
                        self.home();
                        if self.operation.progressed() {
                            self.failures = 0;
                        }
                        Ok(())
                    }
                    Verdict::Again(error) => Ok(self.again(error, None)?),
                }
            }
        }
    }

    pub(super) fn home(&mut self) {
        self.redirect = None;
        self.redirects = 0;
        self.has_strayed = false;
    }

    fn follow(&mut self, exchange: &Exchange, head: &Head) -> Result<(), RegistryError> {
        let refuse = |reason| RegistryError::Redirect {
            what: exchange.what.clone(),
            reason,
        };
        self.redirects += 1;
        if self.redirects > REDIRECTS_MAX {
            return Err(refuse(RedirectRefusal::TooMany));
        }
        let url = check::location(&exchange.url, head).map_err(refuse)?;
        let is_elsewhere = url.origin() != exchange.url.origin();
        let is_reading = matches!(exchange.method, Method::Get | Method::Head);
        if !is_reading && (is_elsewhere || !matches!(head.status, 307 | 308)) {
            return Err(refuse(RedirectRefusal::NotForOthers));
        }
        self.has_strayed |= is_elsewhere;
        self.redirect = Some(url);
        Ok(())
    }

    fn sign_in(&mut self, exchange: &Exchange, head: &Head) -> Result<(), RegistryError> {
        let said = said::parse(&exchange.body).text;
        if self.has_strayed || !self.is_home(&exchange.url) {
            return Err(RegistryError::Refused {
                what: exchange.what.clone(),
                status: head.status,
                said,
            });
        }
        let unauthorized = |said| RegistryError::Unauthorized {
            registry: self.target.registry.clone(),
            said,
        };
        if self.is_fresh {
            return Err(unauthorized(said));
        }
        let credentials = self.credentials.as_ref();
        match auth::answer(head, credentials, &self.scopes, &self.target) {
            Ok(Answer::Authorization(authorization)) => {
                self.authorization = Some(authorization);
                self.is_fresh = true;
            }
            Ok(Answer::Token(call)) => self.token_call = Some(call),
            Err(Unanswered::Nobody) => return Err(unauthorized(said)),
            Err(Unanswered::Misbehaves(how)) => {
                return Err(RegistryError::Misbehaves {
                    what: exchange.what.clone(),
                    how,
                });
            }
        }
        self.operation.interrupted();
        self.home();
        Ok(())
    }

    /// Takes what a token server answers.
    pub(super) fn token(&mut self, exchange: &Exchange, head: &Head) -> Result<(), RegistryError> {
        let misbehaves = |how| RegistryError::Misbehaves {
            what: exchange.what.clone(),
            how,
        };
        match class(head.status) {
            Class::Success => {
                self.authorization = Some(auth::token(&exchange.body).map_err(misbehaves)?);
                self.token_call = None;
                self.is_fresh = true;
                Ok(())
            }
            Class::Trouble => {
                let error = trouble(head, &exchange.body);
                self.again(error, retry_after_ms(head))
            }
            // Following would carry the password to wherever it says.
            Class::Redirect => Err(misbehaves("its token server sends elsewhere".into())),
            _ if matches!(head.status, 400 | 401 | 403) => Err(RegistryError::Unauthorized {
                registry: self.target.registry.clone(),
                said: said::parse(&exchange.body).text,
            }),
            _ => Err(misbehaves(format!(
                "its token server answers with status {}",
                head.status
            ))),
        }
    }

    /// Arranges another attempt, unless there were enough.
    pub(super) fn again(
        &mut self,
        error: RegistryError,
        retry_after_ms: Option<u64>,
    ) -> Result<(), RegistryError> {
        self.home();
        self.operation.interrupted();
        if self.operation.progressed() {
            self.failures = 0;
        }
        self.failures += 1;
        let error = with_attempts(error, self.failures);
        if self.failures >= self.limits.attempts_max {
            return Err(error);
        }
        let ms = match retry_after_ms {
            Some(ms) => ms.min(self.limits.retry_after_ms_max),
            None => self.jitter(),
        };
        self.wait = Some((ms, format!("{error}")));
        Ok(())
    }

    /// A random part of a wait that doubles with every failure.
    fn jitter(&mut self) -> u64 {
        let doublings = (self.failures - 1).min(32);
        let longest = (self.limits.backoff_ms << doublings).min(self.limits.backoff_ms_max);
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % (longest + 1)
    }
}

fn with_attempts(mut error: RegistryError, count: u32) -> RegistryError {
    match &mut error {
        RegistryError::Transport { attempts, .. }
        | RegistryError::Unavailable { attempts, .. }
        | RegistryError::TooManyRequests { attempts, .. } => *attempts = count,
        _ => {}
    }
    error
}

fn trouble(head: &Head, body: &[u8]) -> RegistryError {
    let said = said::parse(body).text;
    match head.status {
        429 => RegistryError::TooManyRequests { attempts: 1, said },
        status => RegistryError::Unavailable {
            status,
            attempts: 1,
            said,
        },
    }
}

/// The wait that the registry asks for. A date is not understood: that takes a clock.
fn retry_after_ms(head: &Head) -> Option<u64> {
    let seconds: u64 = head.header("retry-after")?.parse().ok()?;
    Some(seconds.saturating_mul(1000))
}
