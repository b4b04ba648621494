//! What a hub keeps and passes on: images, webhooks, backups. On a real store, with real clients.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod backup;
mod node;
mod registry;
mod webhooks;
