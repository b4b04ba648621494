//! Sends figures to a collector that speaks OTLP, over HTTP with protobuf.
//!
//! A task of the control thread: no thread, no connection and no figures are kept between two exports. What a
//! collector missed it does not get later; counters go on counting, so nothing but detail is lost.

mod client;
mod instruments;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, RetryPolicy, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::Figures;
use client::Client;
use instruments::Instruments;

pub use settings::{
    HEADERS_MAX, Headers, INTERVAL_SECONDS_MAX, INTERVAL_SECONDS_MIN, OtlpSettings,
    OtlpSettingsError,
};

/// What an export may take, from the name of the host to the end of the answer.
const EXPORT_MAX: Duration = Duration::from_secs(10);

/// How an exporter does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtlpStatus {
    /// Exports that the collector took.
    pub exports: u64,
    /// Exports that failed.
    pub failures: u64,
    /// Why the last one failed; none if it did not.
    pub last_error: Option<String>,
}

/// An exporter that runs until it is dropped.
#[derive(Debug)]
pub struct Otlp {
    status: Arc<Mutex<OtlpStatus>>,
    task: AbortHandle,
}

impl Otlp {
    /// How it does.
    #[must_use]
    pub fn status(&self) -> OtlpStatus {
        self.status.lock().clone()
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts an exporter: the first export is made at once. `resource` says which device it is, by the names of
/// OpenTelemetry's conventions (`host.name`, `service.version`); `service.name` is `thimble` unless it is there.
///
/// # Errors
/// [`OtlpSettingsError`] when the settings do not fit.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(
    settings: &OtlpSettings,
    figures: Arc<dyn Figures>,
    resource: &[(String, String)],
) -> Result<Otlp, OtlpSettingsError> {
    settings.check()?;
    let interval = Duration::from_secs(u64::from(settings.interval));
    spawn_every(interval, settings, figures, resource)
}

/// Starts an exporter with an interval of its own.
pub(super) fn spawn_every(
    interval: Duration,
    settings: &OtlpSettings,
    figures: Arc<dyn Figures>,
    resource: &[(String, String)],
) -> Result<Otlp, OtlpSettingsError> {
    let client = Client::new(settings.ca.clone());
    let exporter = exporter(settings, client.clone())
        .map_err(|error| OtlpSettingsError::Library(error.to_string()))?;
    let named = resource
        .iter()
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let resource = Resource::builder_empty()
        .with_service_name("thimble")
        .with_attributes(named)
        .build();
    let instruments = Instruments::new(figures, resource);
    let status = Arc::new(Mutex::new(OtlpStatus::default()));
    let run = run(exporter, client, instruments, interval, Arc::clone(&status));
    let task = tokio::spawn(run).abort_handle();
    Ok(Otlp { status, task })
}

fn exporter(settings: &OtlpSettings, client: Client) -> Result<MetricExporter, ExporterBuildError> {
    MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(settings.metrics_url())
        .with_timeout(EXPORT_MAX)
        .with_headers(settings.headers.0.clone().into_iter().collect())
        .with_http_client(client)
        // The next interval comes soon enough; the library would wait with the thread.
        .with_retry_policy(RetryPolicy::disabled())
        .build()
}

async fn run(
    exporter: MetricExporter,
    client: Client,
    instruments: Instruments,
    interval: Duration,
    status: Arc<Mutex<OtlpStatus>>,
) {
    loop {
        let result = export(&exporter, &instruments).await;
        note(
            &status,
            result.map_err(|error| client.reason().unwrap_or(error)),
        );
        sleep(interval).await;
    }
}

async fn export(exporter: &MetricExporter, instruments: &Instruments) -> Result<(), String> {
    let mut metrics = ResourceMetrics::default();
    instruments
        .observe(|reader| reader.collect(&mut metrics))
        .map_err(|error| error.to_string())?;
    exporter
        .export(&metrics)
        .await
        .map_err(|error| error.to_string())
}

fn note(status: &Mutex<OtlpStatus>, result: Result<(), String>) {
    let mut status = status.lock();
    match result {
        Ok(()) => {
            status.exports = status.exports.saturating_add(1);
            status.last_error = None;
        }
        Err(error) => {
            status.failures = status.failures.saturating_add(1);
            if status.last_error.as_ref() != Some(&error) {
                tracing::warn!("the collector did not take the figures: {error}");
            }
            status.last_error = Some(error);
        }
    }
}
