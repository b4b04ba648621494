//! hub-store.
