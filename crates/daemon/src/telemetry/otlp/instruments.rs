//! Figures as OpenTelemetry's instruments, by the names of its conventions where they have one
//! (semantic conventions 1.37, `container.*` and `process.*`), by our own otherwise.
//!
//! The instruments observe one snapshot, which lives no longer than the collection.

use std::fmt;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Instrument, ManualReader, SdkMeterProvider, Stream};
use opentelemetry_sdk::metrics::{data::ResourceMetrics, reader::MetricReader};
use parking_lot::Mutex;

use crate::telemetry::{ContainerFigures, DeviceFigures, Figures};

/// Containers that are told apart; the library sums up what is beyond. It reserves room for all of them.
const CONTAINERS_MAX: usize = 2048;
/// The same for bridges.
const BRIDGES_MAX: usize = 32;

/// The instruments and what they observe.
pub(super) struct Instruments {
    figures: Arc<dyn Figures>,
    snapshot: Snapshot,
    reader: Reader,
    /// Lends the reader its instruments as long as it lives.
    _provider: SdkMeterProvider,
}

type Snapshot = Arc<Mutex<Arc<DeviceFigures>>>;

/// The library owns the reader that it is given; this is the other end.
#[derive(Clone, Debug)]
struct Reader(Arc<ManualReader>);

impl fmt::Debug for Instruments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Instruments")
    }
}

/// A number and how it behaves.
#[derive(Clone, Copy)]
enum Kind<T> {
    /// It only grows.
    Count(fn(&T) -> u64),
    /// It only grows, in seconds.
    Seconds(fn(&T) -> f64),
    /// It is what it is now.
    Gauge(fn(&T) -> Option<i64>),
}

struct Row<T: 'static> {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    kind: Kind<T>,
}

const fn row<T>(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    kind: Kind<T>,
) -> Row<T> {
    Row {
        name,
        unit,
        description,
        kind,
    }
}

/// A number as OTLP's points have it.
#[expect(clippy::unnecessary_wraps, reason = "a gauge may have no value")]
fn signed(number: u64) -> Option<i64> {
    Some(i64::try_from(number).unwrap_or(i64::MAX))
}

const CONTAINER: &[Row<ContainerFigures>] = &[
    row(
        "container.cpu.time",
        "s",
        "Processor time it has used.",
        Kind::Seconds(|of| of.cpu_seconds),
    ),
    row(
        "container.memory.usage",
        "By",
        "Linear memory it has.",
        Kind::Gauge(|of| signed(of.memory_bytes)),
    ),
    row(
        "container.filesystem.usage",
        "By",
        "Bytes in its volumes and its store.",
        Kind::Gauge(|of| signed(of.storage_bytes)),
    ),
    row(
        "container.restarts",
        "{restart}",
        "How often it was restarted.",
        Kind::Count(|of| of.restarts),
    ),
    row(
        "thimble.container.memory.peak",
        "By",
        "The most linear memory it has had.",
        Kind::Gauge(|of| signed(of.memory_bytes_max)),
    ),
    row(
        "thimble.container.memory.limit",
        "By",
        "The most linear memory it may have.",
        Kind::Gauge(|of| signed(of.memory_limit_bytes)),
    ),
    row(
        "thimble.container.slices",
        "{slice}",
        "Slices of processor time it has run.",
        Kind::Count(|of| of.slices),
    ),
    row(
        "thimble.container.bus.delivered",
        "{message}",
        "Messages that entered its queue.",
        Kind::Count(|of| of.bus_delivered),
    ),
    row(
        "thimble.container.bus.dropped",
        "{message}",
        "Messages in its queue that gave way to newer ones.",
        Kind::Count(|of| of.bus_dropped),
    ),
    row(
        "thimble.container.bus.refused",
        "{message}",
        "Messages that its queue refused.",
        Kind::Count(|of| of.bus_refused),
    ),
    row(
        "thimble.container.bus.waiting",
        "{message}",
        "Messages that wait for it.",
        Kind::Gauge(|of| signed(of.bus_waiting)),
    ),
    row(
        "thimble.container.log.written",
        "By",
        "Output it has written.",
        Kind::Count(|of| of.log_bytes),
    ),
    row(
        "thimble.container.log.dropped",
        "1",
        "Output that was dropped.",
        Kind::Count(|of| of.log_dropped),
    ),
    row(
        "thimble.container.exit_code",
        "1",
        "How it last ended.",
        Kind::Gauge(|of| of.last_exit_code.map(i64::from)),
    ),
];

const DEVICE: &[Row<DeviceFigures>] = &[
    row(
        "process.uptime",
        "s",
        "How long the daemon has run.",
        Kind::Seconds(|of| of.uptime_seconds),
    ),
    row(
        "process.cpu.time",
        "s",
        "Processor time of the daemon.",
        Kind::Seconds(|of| of.process_cpu_seconds),
    ),
    row(
        "process.memory.usage",
        "By",
        "Resident memory of the daemon.",
        Kind::Gauge(|of| signed(of.process_resident_bytes)),
    ),
    row(
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
        "Open descriptors of the daemon.",
        Kind::Gauge(|of| signed(of.open_fds)),
    ),
    row(
        "thimble.bus.retained.messages",
        "{message}",
        "Messages the bus retains.",
        Kind::Gauge(|of| signed(of.bus_retained_messages)),
    ),
    row(
        "thimble.bus.retained.size",
        "By",
        "Bytes of the messages the bus retains.",
        Kind::Gauge(|of| signed(of.bus_retained_bytes)),
    ),
];

const BRIDGE: &[Row<(String, crate::bridge::BridgeStatus)>] = &[
    row(
        "thimble.bridge.connected",
        "1",
        "1 if it is connected to its broker.",
        Kind::Gauge(|(_, of)| Some(i64::from(of.connected))),
    ),
    row(
        "thimble.bridge.sent",
        "{message}",
        "Messages that the broker has.",
        Kind::Count(|(_, of)| of.sent),
    ),
    row(
        "thimble.bridge.received",
        "{message}",
        "Messages from the broker.",
        Kind::Count(|(_, of)| of.received),
    ),
    row(
        "thimble.bridge.dropped",
        "{message}",
        "Messages for the broker that gave way to newer ones.",
        Kind::Count(|(_, of)| of.dropped),
    ),
    row(
        "thimble.bridge.refused",
        "{message}",
        "Messages that cannot pass.",
        Kind::Count(|(_, of)| of.refused),
    ),
];

impl Instruments {
    /// Makes them.
    pub(super) fn new(figures: Arc<dyn Figures>, resource: Resource) -> Self {
        let reader = Reader(Arc::new(ManualReader::default()));
        let provider = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(reader.clone())
            .with_view(|instrument: &Instrument| {
                let of_container = CONTAINER.iter().any(|row| row.name == instrument.name());
                let limit = if of_container {
                    CONTAINERS_MAX
                } else {
                    BRIDGES_MAX
                };
                let stream = Stream::builder().with_cardinality_limit(limit);
                stream.build().ok()
            })
            .build();
        let snapshot = Snapshot::default();
        let meter = provider.meter("thimble");
        for row in CONTAINER {
            build(
                &meter,
                row,
                &snapshot,
                |figures| &figures.containers,
                container,
            );
        }
        for row in BRIDGE {
            build(
                &meter,
                row,
                &snapshot,
                |figures| &figures.bridges,
                |(name, _)| vec![KeyValue::new("thimble.bridge.name", name.clone())],
            );
        }
        for row in DEVICE {
            build(&meter, row, &snapshot, std::slice::from_ref, |_| Vec::new());
        }
        Self {
            figures,
            snapshot,
            reader,
            _provider: provider,
        }
    }

    /// Lets the reader collect the figures of now.
    pub(super) fn observe<T>(&self, collect: impl FnOnce(&dyn MetricReader) -> T) -> T {
        *self.snapshot.lock() = Arc::new(self.figures.figures());
        let collected = collect(&self.reader);
        *self.snapshot.lock() = Arc::default();
        collected
    }
}

fn container(of: &ContainerFigures) -> Vec<KeyValue> {
    // In order: the library would otherwise keep them in theirs as well.
    let mut attributes = vec![
        KeyValue::new("container.image.name", of.image.clone()),
        KeyValue::new("container.name", of.name.clone()),
    ];
    attributes.extend(of.app.clone().map(|app| KeyValue::new("thimble.app", app)));
    attributes
}

/// Registers an instrument that observes a number of each of many.
fn build<T: 'static>(
    meter: &Meter,
    row: &Row<T>,
    snapshot: &Snapshot,
    of: fn(&DeviceFigures) -> &[T],
    attributes: fn(&T) -> Vec<KeyValue>,
) {
    let snapshot = Arc::clone(snapshot);
    let now = move || Arc::clone(&snapshot.lock());
    match row.kind {
        Kind::Count(number) => {
            meter
                .u64_observable_counter(row.name)
                .with_unit(row.unit)
                .with_description(row.description)
                .with_callback(move |observer| {
                    for one in of(&now()) {
                        observer.observe(number(one), &attributes(one));
                    }
                })
                .build();
        }
        Kind::Seconds(number) => {
            meter
                .f64_observable_counter(row.name)
                .with_unit(row.unit)
                .with_description(row.description)
                .with_callback(move |observer| {
                    for one in of(&now()) {
                        observer.observe(number(one), &attributes(one));
                    }
                })
                .build();
        }
        Kind::Gauge(number) => {
            meter
                .i64_observable_gauge(row.name)
                .with_unit(row.unit)
                .with_description(row.description)
                .with_callback(move |observer| {
                    for one in of(&now()) {
                        if let Some(number) = number(one) {
                            observer.observe(number, &attributes(one));
                        }
                    }
                })
                .build();
        }
    }
}

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: std::sync::Weak<opentelemetry_sdk::metrics::Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(
        &self,
        timeout: std::time::Duration,
    ) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(
        &self,
        kind: opentelemetry_sdk::metrics::InstrumentKind,
    ) -> opentelemetry_sdk::metrics::Temporality {
        self.0.temporality(kind)
    }
}
