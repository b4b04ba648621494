//! Follows what containers write, and waits for their end.

use std::ops::ControlFlow;
use std::time::Duration;

use thimble_serial::{ContainerStatus, Declaration, LogEntry, Reply, Request, RunState};

use crate::client::Client;
use crate::error::SerialError;

/// The time between two looks at something that did not change.
const LOOK_TIME: Duration = Duration::from_millis(200);

/// Sees what a container writes, and says what is to become of it.
pub trait Watcher {
    /// The container wrote this; so many bytes before it are lost. A break leaves it alone.
    fn wrote(&mut self, entries: &[LogEntry], lost_bytes: u64) -> ControlFlow<()>;

    /// What is wanted now: asked again and again, and each wish is carried out.
    fn wish(&mut self) -> Option<Wish>;
}

/// What is wanted of a container that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To leave it alone and look no more.
    Leave,
    /// That it stops.
    Stop,
    /// That it is killed.
    Kill,
}

impl Client {
    /// Declares a container; its name, and the grants that its image asks for and that it was not given.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn create(
        &mut self,
        declaration: Declaration,
        replace: bool,
    ) -> Result<(String, Vec<String>), SerialError> {
        match self.request(&Request::Create {
            declaration,
            replace,
        })? {
            Reply::Created { name, refused } => Ok((name, refused)),
            _ => Err(SerialError::OtherReply),
        }
    }

    /// Declares a container, follows what it writes to its end, and tells how it is then; nothing if it was left alone.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn run(
        &mut self,
        declaration: Declaration,
        watcher: &mut dyn Watcher,
    ) -> Result<Option<ContainerStatus>, SerialError> {
        let (name, _) = self.create(declaration, false)?;
        self.follow_to_end(&name, watcher)
    }

    /// Follows what a container writes to its end, and tells how it is then; nothing if it was left alone.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn follow_to_end(
        &mut self,
        name: &str,
        watcher: &mut dyn Watcher,
    ) -> Result<Option<ContainerStatus>, SerialError> {
        if self.log(name, true, watcher)? {
            return self.wait_ended(name, watcher);
        }
        Ok(None)
    }

    /// Shows what a container wrote, and with `follow` what it writes until its run is over. Whether the watcher stayed to
    /// the end.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn log(
        &mut self,
        name: &str,
        follow: bool,
        watcher: &mut dyn Watcher,
    ) -> Result<bool, SerialError> {
        let mut from = 0;
        loop {
            let name = name.to_owned();
            let Reply::Log {
                entries,
                next,
                lost_bytes,
                is_over,
            } = self.request(&Request::Log {
                name: name.clone(),
                from,
            })?
            else {
                return Err(SerialError::OtherReply);
            };
            // Who is overtaken by a container that writes without end would never be done.
            let is_overtaken = !follow && from > 0 && lost_bytes > 0;
            if is_overtaken {
                return Ok(true);
            }
            if watcher.wrote(&entries, lost_bytes).is_break() {
                return Ok(false);
            }
            if is_over {
                return Ok(true);
            }
            let is_all = entries.is_empty() || next == from;
            from = next;
            if !is_all {
                continue;
            }
            if !follow {
                return Ok(true);
            }
            if !self.carry_out(&name, watcher)? {
                return Ok(false);
            }
            self.idle(LOOK_TIME)?;
        }
    }

    /// Waits until a container's run is over and it will not be started again, and tells how it is then; nothing if it was
    /// left alone.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn wait_ended(
        &mut self,
        name: &str,
        watcher: &mut dyn Watcher,
    ) -> Result<Option<ContainerStatus>, SerialError> {
        loop {
            let container = self.inspect(name)?;
            if matches!(container.state, RunState::Exited | RunState::Failed) {
                return Ok(Some(container));
            }
            if !self.carry_out(name, watcher)? {
                return Ok(None);
            }
            self.idle(LOOK_TIME)?;
        }
    }

    /// Carries out a wish; whether to go on.
    fn carry_out(&mut self, name: &str, watcher: &mut dyn Watcher) -> Result<bool, SerialError> {
        let name = name.to_owned();
        let done = match watcher.wish() {
            None => return Ok(true),
            Some(Wish::Leave) => return Ok(false),
            Some(Wish::Stop) => self.done(&Request::Stop {
                name,
                grace_ms: None,
            }),
            Some(Wish::Kill) => self.done(&Request::Kill { name }),
        };
        match done {
            // It may have ended meanwhile.
            Err(SerialError::Refused(_)) | Ok(()) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
