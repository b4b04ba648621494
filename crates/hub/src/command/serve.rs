//! `thimble-hub serve`.

use anyhow::{Context as _, Result};
use thimble_hub::{Hub, Settings, node::Node};
use tokio::signal::unix::{SignalKind, signal};

/// Serves until a signal says to stop.
pub(super) fn run(settings: Settings) -> Result<()> {
    super::trace();
    settings.check()?;
    super::runtime()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let hub = Hub::builder(settings).build().await?;
    let node = Node::start(hub).await?;
    tracing::info!(operators = %node.operators(), devices = %node.devices(), "the hub serves");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("the hub stops");
    node.stop().await;
    Ok(())
}
