//! Figures as OpenMetrics text, which Prometheus reads.
//!
//! A container's application and image are labels of one metric only, `thimble_container_info`; the others bear
//! its name, by which they join.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::{ContainerFigures, DeviceFigures};
use crate::bridge::BridgeStatus;

/// What HTTP calls the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bytes that a container's figures take, about.
const CONTAINER_BYTES: usize = 1536;

/// Writes figures as OpenMetrics text.
#[must_use]
pub fn prometheus(figures: &DeviceFigures) -> String {
    let mut registry = Registry::default();
    // A collector has to own what it shows; it lives as long as this call.
    registry.register_collector(Box::new(Snapshot(figures.clone())));
    let mut text = String::with_capacity(
        figures
            .containers
            .len()
            .saturating_add(4)
            .saturating_mul(CONTAINER_BYTES),
    );
    // Writing to a string does not fail.
    let _ = text::encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Snapshot(DeviceFigures);

/// A metric of each container.
struct Metric<T> {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    value: fn(&T) -> Option<Value>,
}

enum Value {
    Count(u64),
    Seconds(f64),
    Now(u64),
    Fraction(f64),
    Signed(i64),
}

const fn metric<T>(
    name: &'static str,
    unit: Option<Unit>,
    help: &'static str,
    value: fn(&T) -> Option<Value>,
) -> Metric<T> {
    Metric {
        name,
        help,
        unit,
        value,
    }
}

const CONTAINER: &[Metric<ContainerFigures>] = &[
    metric(
        "thimble_container_restarts",
        None,
        "How often it was restarted.",
        |of| Some(Value::Count(of.restarts)),
    ),
    metric(
        "thimble_container_cpu",
        Some(Unit::Seconds),
        "Processor time it has used.",
        |of| Some(Value::Seconds(of.cpu_seconds)),
    ),
    metric(
        "thimble_container_slices",
        None,
        "Slices of processor time it has run.",
        |of| Some(Value::Count(of.slices)),
    ),
    metric(
        "thimble_container_memory",
        Some(Unit::Bytes),
        "Linear memory it has.",
        |of| Some(Value::Now(of.memory_bytes)),
    ),
    metric(
        "thimble_container_memory_peak",
        Some(Unit::Bytes),
        "The most linear memory it has had.",
        |of| Some(Value::Now(of.memory_bytes_max)),
    ),
    metric(
        "thimble_container_memory_limit",
        Some(Unit::Bytes),
        "The most linear memory it may have.",
        |of| Some(Value::Now(of.memory_limit_bytes)),
    ),
    metric(
        "thimble_container_storage",
        Some(Unit::Bytes),
        "Bytes in its volumes and its store.",
        |of| Some(Value::Now(of.storage_bytes)),
    ),
    metric(
        "thimble_container_bus_delivered_messages",
        None,
        "Messages that entered its queue.",
        |of| Some(Value::Count(of.bus_delivered)),
    ),
    metric(
        "thimble_container_bus_dropped_messages",
        None,
        "Messages in its queue that gave way to newer ones.",
        |of| Some(Value::Count(of.bus_dropped)),
    ),
    metric(
        "thimble_container_bus_refused_messages",
        None,
        "Messages that its queue refused.",
        |of| Some(Value::Count(of.bus_refused)),
    ),
    metric(
        "thimble_container_bus_waiting_messages",
        None,
        "Messages that wait for it.",
        |of| Some(Value::Now(of.bus_waiting)),
    ),
    metric(
        "thimble_container_log",
        Some(Unit::Bytes),
        "Output it has written.",
        |of| Some(Value::Count(of.log_bytes)),
    ),
    metric(
        "thimble_container_log_dropped",
        None,
        "Output that was dropped.",
        |of| Some(Value::Count(of.log_dropped)),
    ),
    metric(
        "thimble_container_last_exit_code",
        None,
        "How it last ended.",
        |of| of.last_exit_code.map(|code| Value::Signed(i64::from(code))),
    ),
];

const BRIDGE: &[Metric<BridgeStatus>] = &[
    metric(
        "thimble_bridge_connected",
        None,
        "1 if it is connected to its broker.",
        |of| Some(Value::Now(u64::from(of.connected))),
    ),
    metric(
        "thimble_bridge_sent_messages",
        None,
        "Messages that the broker has.",
        |of| Some(Value::Count(of.sent)),
    ),
    metric(
        "thimble_bridge_received_messages",
        None,
        "Messages from the broker.",
        |of| Some(Value::Count(of.received)),
    ),
    metric(
        "thimble_bridge_dropped_messages",
        None,
        "Messages for the broker that gave way to newer ones.",
        |of| Some(Value::Count(of.dropped)),
    ),
    metric(
        "thimble_bridge_refused_messages",
        None,
        "Messages that cannot pass.",
        |of| Some(Value::Count(of.refused)),
    ),
];

const DEVICE: &[Metric<DeviceFigures>] = &[
    metric(
        "thimble_uptime",
        Some(Unit::Seconds),
        "How long the daemon has run.",
        |of| Some(Value::Fraction(of.uptime_seconds)),
    ),
    metric(
        "thimble_bus_retained_messages",
        None,
        "Messages the bus retains.",
        |of| Some(Value::Now(of.bus_retained_messages)),
    ),
    metric(
        "thimble_bus_retained",
        Some(Unit::Bytes),
        "Bytes of the messages the bus retains.",
        |of| Some(Value::Now(of.bus_retained_bytes)),
    ),
    metric(
        "process_resident_memory",
        Some(Unit::Bytes),
        "Resident memory of the daemon.",
        |of| Some(Value::Now(of.process_resident_bytes)),
    ),
    metric(
        "process_cpu",
        Some(Unit::Seconds),
        "Processor time of the daemon.",
        |of| Some(Value::Seconds(of.process_cpu_seconds)),
    ),
    metric(
        "process_open_fds",
        None,
        "Open descriptors of the daemon.",
        |of| Some(Value::Now(of.open_fds)),
    ),
];

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self(figures) = self;
        info(&mut encoder, figures)?;
        for metric in DEVICE {
            // A metric without a label.
            family(&mut encoder, metric, None, [("", figures)].into_iter())?;
        }
        let containers = || figures.containers.iter();
        texts(
            &mut encoder,
            "state",
            containers().map(|of| (of.name.as_str(), of.state)),
        )?;
        texts(
            &mut encoder,
            "health",
            containers().map(|of| (of.name.as_str(), of.health)),
        )?;
        for metric in CONTAINER {
            let of = containers().map(|of| (of.name.as_str(), of));
            family(&mut encoder, metric, Some("name"), of)?;
        }
        for metric in BRIDGE {
            let of = figures.bridges.iter().map(|(name, of)| (name.as_str(), of));
            family(&mut encoder, metric, Some("bridge"), of)?;
        }
        Ok(())
    }
}

fn info(encoder: &mut DescriptorEncoder<'_>, figures: &DeviceFigures) -> Result<(), fmt::Error> {
    let build = Info::new(vec![("version", figures.version.as_str())]);
    let written = encoder.encode_descriptor(
        "thimble_build",
        "The daemon that runs.",
        None,
        build.metric_type(),
    )?;
    build.encode(written)?;
    if figures.containers.is_empty() {
        return Ok(());
    }
    let help = "What a container is.";
    let kind = build.metric_type();
    let mut written = encoder.encode_descriptor("thimble_container", help, None, kind)?;
    for of in &figures.containers {
        let mut labels = vec![("name", of.name.as_str()), ("image", of.image.as_str())];
        labels.extend(of.app.as_deref().map(|app| ("app", app)));
        written.encode_info(&labels)?;
    }
    Ok(())
}

/// What containers are in words: 1 for the word that applies.
fn texts<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    label: &'static str,
    of: impl Iterator<Item = (&'a str, &'static str)>,
) -> Result<(), fmt::Error> {
    let mut of = of.peekable();
    if of.peek().is_none() {
        return Ok(());
    }
    let (name, help) = match label {
        "state" => ("thimble_container_state", "1 for the state it is in."),
        _ => ("thimble_container_health", "1 for the health it has."),
    };
    let kind = ConstGauge::new(1u64).metric_type();
    let mut written = encoder.encode_descriptor(name, help, None, kind)?;
    for (name, text) in of {
        let labels = [("name", name), (label, text)];
        ConstGauge::new(1u64).encode(written.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Writes one metric of many; nothing, not even its name, where none has a value.
fn family<'a, T: 'a>(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric<T>,
    label: Option<&'static str>,
    of: impl Iterator<Item = (&'a str, &'a T)>,
) -> Result<(), fmt::Error> {
    let mut values = of
        .filter_map(|(name, of)| (metric.value)(of).map(|value| (name, value)))
        .peekable();
    let Some((_, first)) = values.peek() else {
        return Ok(());
    };
    let kind = match first {
        Value::Count(_) | Value::Seconds(_) => ConstCounter::new(0u64).metric_type(),
        Value::Now(_) | Value::Fraction(_) | Value::Signed(_) => {
            ConstGauge::new(0u64).metric_type()
        }
    };
    let mut written =
        encoder.encode_descriptor(metric.name, metric.help, metric.unit.as_ref(), kind)?;
    for (name, value) in values {
        match label {
            Some(label) => encode(&value, written.encode_family(&[(label, name)])?)?,
            None => return encode(&value, written),
        }
    }
    Ok(())
}

fn encode(value: &Value, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
    match *value {
        Value::Count(count) => ConstCounter::new(count).encode(encoder),
        Value::Seconds(seconds) => ConstCounter::new(seconds).encode(encoder),
        Value::Now(now) => ConstGauge::new(now).encode(encoder),
        Value::Fraction(now) => ConstGauge::new(now).encode(encoder),
        Value::Signed(now) => ConstGauge::new(now).encode(encoder),
    }
}
