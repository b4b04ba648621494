//! The two connections to the hub: one for polls, which wait there, and one for everything else.

use std::sync::Arc;

use rustls::ClientConfig;

use crate::fleet::link::Link;

/// The connections, and where they lead.
pub(super) struct Links {
    /// The hub, and its recovery URLs.
    bases: Vec<String>,
    /// The connection of polls, unless one waits.
    poll: Option<Link>,
    /// The connection of everything else, unless it is used.
    errand: Option<Link>,
}

impl Links {
    /// To this hub. Nothing is connected yet.
    pub(super) fn new(hub: String, config: Arc<ClientConfig>) -> Self {
        Self {
            bases: vec![hub],
            poll: Some(Link::new(Arc::clone(&config))),
            errand: Some(Link::new(config)),
        }
    }

    /// Where else the hub may be found; how many that are.
    pub(super) fn set_recoveries(&mut self, urls: Vec<String>) -> u8 {
        self.bases.truncate(1);
        self.bases.extend(urls);
        u8::try_from(self.bases.len().saturating_sub(1)).unwrap_or(u8::MAX)
    }

    /// The URL of an endpoint of the session.
    pub(super) fn base(&self, endpoint: u8) -> String {
        self.bases
            .get(usize::from(endpoint))
            .or(self.bases.first())
            .cloned()
            .unwrap_or_default()
    }

    /// The connection for a poll or for something else, unless it is under way.
    pub(super) fn take(&mut self, is_poll: bool) -> Option<Link> {
        self.slot(is_poll).take()
    }

    /// One that is not needed any more.
    pub(super) fn give_back(&mut self, is_poll: bool, link: Link) {
        *self.slot(is_poll) = Some(link);
    }

    /// Those that are not under way.
    pub(super) fn idle(&mut self) -> impl Iterator<Item = &mut Link> {
        [&mut self.poll, &mut self.errand].into_iter().flatten()
    }

    fn slot(&mut self, is_poll: bool) -> &mut Option<Link> {
        if is_poll {
            &mut self.poll
        } else {
            &mut self.errand
        }
    }
}
