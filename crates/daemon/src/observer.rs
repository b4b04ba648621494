//! Hears what happens to containers while they run, on the threads that run them: nothing here waits.

use std::sync::Arc;

use thimble_device_api::EventKind;
use thimble_runtime::config::ContainerId;
use thimble_runtime::kernel::Usage;
use thimble_runtime::port::Observer;
use thimble_runtime::record::{ExitRecord, Trace};

use crate::container::Entry;
use crate::control::Control;
use crate::device::{Wires, now};
use crate::logs::Source;

/// Tells the daemon.
pub(crate) struct Teller(pub(crate) Arc<Wires>);

const LEVELS: [&str; 5] = ["error", "warning", "info", "debug", "trace"];

impl Teller {
    fn entry(&self, container: ContainerId) -> Option<Arc<Entry>> {
        self.0.runs.read().get(&container).cloned()
    }

    fn refused(&self, entry: &Entry, grant: &str) {
        if !entry.inner().refuse(grant) {
            return;
        }
        entry.log.line(
            Source::Stderr,
            &format!("thimble: refused {grant}; grant it with --allow {grant}"),
        );
        self.tell(EventKind::Refused, entry, ("grant", grant.to_owned()));
    }

    fn tell(&self, kind: EventKind, entry: &Entry, attribute: (&'static str, String)) {
        self.0.events.tell(kind, entry.subject(), [attribute]);
    }
}

impl Observer for Teller {
    fn trace(&self, container: ContainerId, trace: Trace<'_>) {
        let Some(entry) = self.entry(container) else {
            return;
        };
        match trace {
            Trace::Refused { grant } => self.refused(&entry, grant),
            Trace::Log { level, message } => {
                let level = LEVELS.get(usize::from(level)).copied().unwrap_or("trace");
                entry
                    .log
                    .line(Source::Stderr, &format!("{level}: {message}"));
            }
            Trace::Health { status, message } => {
                let news = {
                    let mut inner = entry.inner();
                    inner.set_health_message(message);
                    inner.health.reported(status, now());
                    // Told once until it is looked at. A heartbeat is no news.
                    inner.look_at_health(now()) && !std::mem::replace(&mut inner.look_asked, true)
                };
                if news {
                    drop(self.0.control.send(Control::Look(entry.id)));
                }
            }
            Trace::UpdateAnswered {
                question,
                is_allowed,
                reason,
            } => self
                .0
                .questions
                .answered(container, question, is_allowed, reason),
            Trace::MemoryRefused {
                wanted_bytes,
                limit_bytes,
            } => {
                entry.log.line(
                    Source::Stderr,
                    &format!("thimble: refused {wanted_bytes} bytes of memory, the limit is {limit_bytes}; raise it with --memory"),
                );
                self.tell(EventKind::Limit, &entry, ("limit", "memory".to_owned()));
            }
            Trace::LimitReached { limit } => {
                self.tell(EventKind::Limit, &entry, ("limit", limit.to_owned()));
            }
            _ => {}
        }
    }

    fn ended(&self, container: ContainerId, record: &ExitRecord, usage: Usage) {
        drop(self.0.control.send(Control::Ended {
            runtime: container,
            record: Box::new(record.clone()),
            usage,
        }));
    }
}
