//! What is told of a device: judged by Prometheus's own tool, and by a collector that decodes OTLP.

mod collector;
mod metrics;

use std::sync::Arc;
use std::time::SystemTime;

use super::{ContainerFigures, DeviceFigures, Figures};
use crate::bridge::BridgeStatus;

/// A device that stands still.
#[derive(Debug)]
struct Still(DeviceFigures);

impl Figures for Still {
    fn figures(&self) -> DeviceFigures {
        self.0.clone()
    }
}

fn container(name: &str) -> ContainerFigures {
    ContainerFigures {
        name: name.to_owned(),
        app: None,
        image: "registry.test/web:1".to_owned(),
        state: "running",
        health: "healthy",
        restarts: 2,
        cpu_seconds: 1.5,
        memory_bytes: 65_536,
        memory_bytes_max: 131_072,
        memory_limit_bytes: 1 << 20,
        slices: 1000,
        storage_bytes: 4096,
        bus_delivered: 10,
        bus_dropped: 3,
        bus_refused: 1,
        bus_waiting: 4,
        log_bytes: 500,
        log_dropped: 0,
        last_exit_code: None,
    }
}

fn device() -> DeviceFigures {
    let mut odd = container("odd");
    odd.app = Some("a \"quoted\" \\ app\nin two lines".to_owned());
    odd.last_exit_code = Some(-1);
    odd.state = "exited";
    DeviceFigures {
        containers: vec![container("web"), odd],
        uptime_seconds: 61.25,
        version: "0.1.0".to_owned(),
        bus_retained_messages: 7,
        bus_retained_bytes: 700,
        bridges: vec![(
            "cloud".to_owned(),
            BridgeStatus {
                connected: true,
                since: SystemTime::UNIX_EPOCH,
                last_error: None,
                sent: 5,
                received: 6,
                dropped: 7,
                refused: 8,
            },
        )],
        process_resident_bytes: 2 << 20,
        process_cpu_seconds: 0.25,
        open_fds: 12,
    }
}

fn still(figures: DeviceFigures) -> Arc<dyn Figures> {
    Arc::new(Still(figures))
}
