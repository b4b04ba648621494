//! The message bus: topics, subscriptions, retained messages and one bounded queue per container.

/// Gives host calls the bus that all containers share; a port wraps it in whatever lock it needs.
pub trait BusAccess: Sync {
    /// Uses the bus; short, and never from inside itself.
    fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus));
}

/// The bus.
#[derive(Debug, Default)]
pub struct Bus {}

impl Bus {
    /// Removes a container, its subscriptions and its queue.
    pub fn detach(&mut self, container: crate::config::ContainerId) {
        let _ = container;
    }
}
