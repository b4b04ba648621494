//! A client over the daemon's socket.

/// Not written yet.
#[derive(Debug)]
pub struct Client;
/// Not written yet.
#[derive(Debug)]
pub struct ClientError;
