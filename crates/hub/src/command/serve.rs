//! `thimble-hub serve`.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use thimble_hub::{Hub, Settings, api};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Serves until a signal says to stop.
pub(super) fn run(settings: Settings) -> Result<()> {
    super::trace();
    settings.check()?;
    super::runtime()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<()> {
    let acceptor = api::acceptor(&settings.operators)?;
    let hub = Hub::builder(settings).build().await?;
    let address = hub.settings.operators.listen;
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("operators cannot be listened to at {address}: is another program there?")
    })?;
    let (stop, stopped) = watch::channel(false);
    let operators = {
        let (hub, stopped) = (Arc::clone(&hub), stopped.clone());
        tokio::spawn(async move {
            let router = api::router(Arc::clone(&hub));
            api::serve(
                listener,
                acceptor,
                router,
                &hub.settings.operators,
                told(stopped),
            )
            .await;
        })
    };
    tracing::info!(operators = %address, "the hub serves");
    signalled().await?;
    tracing::info!("the hub stops");
    stop.send_replace(true);
    drop(operators.await);
    hub.store.close().await;
    Ok(())
}

/// Ends when it is time to stop.
async fn told(mut stopped: watch::Receiver<bool>) {
    // Whoever would say so is gone: that is the end too.
    drop(stopped.wait_for(|is_stopped| *is_stopped).await);
}

async fn signalled() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
