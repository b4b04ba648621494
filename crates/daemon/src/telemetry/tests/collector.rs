//! A collector that takes what the exporter sends, and decodes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric, number_data_point};
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{container, device, still};
use crate::telemetry::otlp::{self, Otlp, OtlpSettings, OtlpStatus};

const DEADLINE: Duration = Duration::from_secs(60);
/// Shorter than an operator may say.
const INTERVAL: Duration = Duration::from_millis(1);

type Taken = (HeaderMap, ExportMetricsServiceRequest);

/// A collector on a free port.
struct Collector {
    endpoint: String,
    taken: mpsc::UnboundedReceiver<Taken>,
}

impl Collector {
    async fn start() -> Self {
        let (sender, taken) = mpsc::unbounded_channel::<Taken>();
        let take = |State(sender): State<mpsc::UnboundedSender<Taken>>, headers, body: Bytes| async move {
            let request = ExportMetricsServiceRequest::decode(body).unwrap();
            sender.send((headers, request)).unwrap();
            StatusCode::OK
        };
        let router = Router::new()
            .route("/v1/metrics", post(take))
            .with_state(sender);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, taken }
    }

    async fn next(&mut self) -> Taken {
        let next = timeout(DEADLINE, self.taken.recv()).await;
        next.expect("nothing came").unwrap()
    }
}

fn settings(endpoint: &str, json: &str) -> OtlpSettings {
    serde_json::from_str(&format!(r#"{{"endpoint":"{endpoint}"{json}}}"#)).unwrap()
}

fn start(endpoint: &str, figures: super::DeviceFigures) -> Otlp {
    let settings = settings(endpoint, r#","headers":{"authorization":"Bearer secret"}"#);
    assert!(!format!("{settings:?}").contains("secret"));
    let resource = [("host.name".to_owned(), "gateway".to_owned())];
    otlp::spawn_every(INTERVAL, &settings, still(figures), &resource).unwrap()
}

async fn until(otlp: &Otlp, wanted: impl Fn(&OtlpStatus) -> bool) -> OtlpStatus {
    let wait = async {
        while !wanted(&otlp.status()) {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let in_time = timeout(DEADLINE, wait).await;
    assert!(in_time.is_ok(), "it stays so: {:?}", otlp.status());
    otlp.status()
}

fn attributes(of: &[KeyValue]) -> BTreeMap<&str, &str> {
    of.iter()
        .map(|pair| {
            let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
            let Some(any_value::Value::StringValue(text)) = value else {
                panic!("no text: {pair:?}");
            };
            (pair.key.as_str(), text.as_str())
        })
        .collect()
}

/// What a metric is: `count` or `gauge`, its unit, and its points.
fn metrics(
    request: &ExportMetricsServiceRequest,
) -> BTreeMap<&str, (&str, &str, &[NumberDataPoint])> {
    let [resource] = &request.resource_metrics[..] else {
        panic!("one resource: {request:?}");
    };
    let of_scope = resource
        .scope_metrics
        .iter()
        .flat_map(|scope| &scope.metrics);
    of_scope
        .map(|metric| {
            let (kind, points) = match metric.data.as_ref().unwrap() {
                metric::Data::Gauge(gauge) => ("gauge", &gauge.data_points),
                metric::Data::Sum(sum) => {
                    // Cumulative.
                    assert_eq!((sum.is_monotonic, sum.aggregation_temporality), (true, 2));
                    ("count", &sum.data_points)
                }
                other => panic!("{other:?}"),
            };
            (
                metric.name.as_str(),
                (kind, metric.unit.as_str(), &points[..]),
            )
        })
        .collect()
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value.unwrap() {
        number_data_point::Value::AsDouble(number) => number,
        number_data_point::Value::AsInt(number) => number as f64,
    }
}

#[tokio::test]
async fn a_collector_gets_every_figure() {
    let mut collector = Collector::start().await;
    let otlp = start(&collector.endpoint, device());
    let (headers, request) = collector.next().await;
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["authorization"], "Bearer secret");
    let resource = request.resource_metrics[0].resource.as_ref().unwrap();
    let expected = [("host.name", "gateway"), ("service.name", "thimble")];
    assert_eq!(attributes(&resource.attributes), BTreeMap::from(expected));

    let metrics = metrics(&request);
    assert_eq!(metrics.len(), 25, "{:?}", metrics.keys());
    for (name, kind, unit, expected) in [
        ("container.cpu.time", "count", "s", vec![1.5, 1.5]),
        ("container.memory.usage", "gauge", "By", vec![65_536.0; 2]),
        ("container.restarts", "count", "{restart}", vec![2.0; 2]),
        (
            "thimble.container.bus.dropped",
            "count",
            "{message}",
            vec![3.0; 2],
        ),
        ("thimble.container.exit_code", "gauge", "1", vec![-1.0]),
        ("thimble.bridge.sent", "count", "{message}", vec![5.0]),
        ("process.uptime", "count", "s", vec![61.25]),
        ("process.memory.usage", "gauge", "By", vec![2_097_152.0]),
    ] {
        let (is, has, points) = metrics[name];
        assert_eq!((is, has), (kind, unit), "{name}");
        let numbers: Vec<f64> = points.iter().map(number).collect();
        assert_eq!(numbers, expected, "{name}");
    }
    let (_, _, points) = metrics["container.restarts"];
    let mut of: Vec<_> = points
        .iter()
        .map(|point| attributes(&point.attributes))
        .collect();
    of.sort();
    let image = ("container.image.name", "registry.test/web:1");
    let app = ("thimble.app", "a \"quoted\" \\ app\nin two lines");
    assert_eq!(
        of[0],
        BTreeMap::from([image, ("container.name", "odd"), app])
    );
    assert_eq!(of[1], BTreeMap::from([image, ("container.name", "web")]));
    let status = until(&otlp, |status| status.exports > 0).await;
    assert_eq!((status.failures, status.last_error), (0, None));
}

/// Changes with every look: the containers of one look are gone at the next.
#[derive(Debug, Default)]
struct Restless(std::sync::atomic::AtomicU64);

impl super::Figures for Restless {
    fn figures(&self) -> super::DeviceFigures {
        let look = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        super::DeviceFigures {
            containers: (0..50)
                .map(|number| container(&format!("c{look}-{number}")))
                .collect(),
            ..super::DeviceFigures::default()
        }
    }
}

#[tokio::test]
async fn what_is_gone_is_not_told_again() {
    let mut collector = Collector::start().await;
    let settings = settings(&collector.endpoint, "");
    let restless = Arc::new(Restless::default());
    let _otlp = otlp::spawn_every(INTERVAL, &settings, restless, &[]).unwrap();
    for look in 0..100 {
        let (_, request) = collector.next().await;
        let metrics = metrics(&request);
        let (_, _, points) = metrics["container.restarts"];
        assert_eq!(points.len(), 50);
        let name = format!("c{look}-");
        assert!(
            points.iter().all(|point| {
                attributes(&point.attributes)["container.name"].starts_with(&name)
            })
        );
    }
}

#[tokio::test]
async fn a_collector_that_fails_is_asked_again_at_the_next_interval() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let otlp = start(&format!("http://{address}/"), device());
    let status = until(&otlp, |status| status.failures > 3).await;
    let error = status.last_error.unwrap();
    assert!(error.starts_with("cannot reach it: "), "{error}");

    // It comes, and first is not well.
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let answers = Arc::new(parking_lot::Mutex::new(vec![
        StatusCode::OK,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::UNAUTHORIZED,
    ]));
    let answer = move || {
        let answer = answers.lock().pop().unwrap_or(StatusCode::OK);
        async move {
            (
                answer,
                "x".repeat(if answer.is_success() { 0 } else { 100_000 }),
            )
        }
    };
    let router = Router::new().route("/v1/metrics", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let failures = otlp.status().failures;
    let status = until(&otlp, |status| status.exports > 1).await;
    assert!(status.failures >= failures + 2, "{status:?}");
    assert_eq!(status.last_error, None);
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_operator_trusts() {
    // A broker is a server with TLS as well; it answers no HTTP, and that is how far this goes.
    let broker =
        thimble_testkit::mosquitto::Mosquitto::start_with(thimble_testkit::mosquitto::Options {
            login: None,
            tls: true,
        });
    let other = tempfile::tempdir().unwrap();
    let none = other.path().join("none.pem");
    std::fs::write(&none, "").unwrap();
    for (ca, expected) in [
        (
            broker.authority(),
            "connection closed before message completed",
        ),
        (none, "holds no certificate"),
    ] {
        let mut settings = settings(&format!("https://localhost:{}", broker.port()), "");
        settings.ca = Some(ca);
        let otlp = otlp::spawn(&settings, still(device()), &[]).unwrap();
        let status = until(&otlp, |status| status.last_error.is_some()).await;
        let error = status.last_error.unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn every_mistake_is_told() {
    let cases = [
        ("ftp://host", "", "it begins otherwise"),
        ("host", "", "no address"),
        ("http://", "", "no address"),
        ("http://host?a=b", "", "a query"),
        ("http://ada:secret@host", "", "`headers`"),
        ("http://host", r#","interval":4"#, "5 to 86400"),
        ("http://host", r#","ca":"/a""#, "`https://`"),
        (
            "http://host",
            r#","headers":{"a b":"c"}"#,
            "\"a b\" cannot be sent",
        ),
        (
            "http://host",
            r#","headers":{"a":"c\nd"}"#,
            "\"a\" cannot be sent",
        ),
    ];
    for (endpoint, json, expected) in cases {
        let error = settings(endpoint, json).check().unwrap_err().to_string();
        assert!(error.contains(expected), "{endpoint} {json}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let unknown = r#"{"endpoint":"http://a","intervall":5}"#;
    assert!(serde_json::from_str::<OtlpSettings>(unknown).is_err());
    assert_eq!(settings("https://a", "").interval, 60);
}
