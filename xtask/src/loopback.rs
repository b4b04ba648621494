//! This machine's network with itself.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// A port that nothing listens on now; taken by the server a moment later.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?.port())
}
