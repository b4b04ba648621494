//! What is shown of a device, its containers, images and storage.

use serde_json::{Value, json};
use thimble_device_api::Timestamp;
use thimble_port_serial::{Client, SerialError};
use thimble_serial::{
    ContainerStatus, DeviceStatus, FaultReport, ImageStatus, Reply, Request, RunState, Space,
    StorageStatus,
};

use crate::arguments::{
    FaultArguments, NamesArguments, SerialNameArguments, SerialPsArguments, Shape, TimeArguments,
};
use crate::device::show::Rows;
use crate::failure::Failure;
use crate::images::table::table;
use crate::observer::{mebibytes, printable};
use crate::output::{Output, write};

use super::fields::{CONTAINER, DEVICE, ENDED, FAULT, IMAGE, STORAGE, TIME};
use super::text::{ended, health, policy, state, status, time as span};
use super::{json as values, ours};

/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

pub(super) fn info(client: &mut Client, shape: &Shape) -> Result<(), Failure> {
    let output = Output::new(shape, DEVICE)?;
    let device = client.ask_device().map_err(ours)?;
    output.one(&values::device(&device), || device_text(&device))
}

fn device_text(device: &DeviceStatus) -> String {
    let mut rows = Rows::default();
    rows.add("board", &device.board);
    rows.add("firmware", &device.version);
    rows.add("time", moment(device.unix_ms));
    rows.add("up", span(device.uptime_ms));
    rows.add("started by", &device.started_by);
    rows.add("recovered", &device.recovered);
    rows.add("heap", used(device.heap));
    rows.add("heap peak", mebibytes(device.heap_peak_bytes.into()));
    rows.add("stack peak", mebibytes(device.stack_peak_bytes.into()));
    rows.add(
        "idle",
        format!("{} ms, woken {} times", device.idle_ms, device.idle_wakeups),
    );
    rows.add("message bytes", device.message_bytes_max.to_string());
    if device.has_fault {
        rows.add("fault", "recorded; `thimble device fault` shows it");
    }
    rows.text()
}

fn used(space: Space) -> String {
    format!(
        "{} of {}",
        mebibytes(space.used_bytes.into()),
        mebibytes(space.total_bytes.into())
    )
}

fn moment(unix_ms: u64) -> String {
    values::moment(unix_ms).map_or_else(|| "unknown".into(), |moment| moment.to_string())
}

pub(super) fn containers(
    client: &mut Client,
    arguments: &SerialPsArguments,
) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, CONTAINER)?;
    let mut containers = client.containers().map_err(ours)?;
    containers.retain(|container| arguments.all || is_live(container.state));
    if arguments.quiet && output.is_text() {
        let names: String = containers
            .iter()
            .map(|container| format!("{}\n", printable(&container.declaration.name)))
            .collect();
        return write(&names);
    }
    let shown: Vec<Value> = containers.iter().map(values::container).collect();
    output.list(&shown, || container_rows(&containers))
}

fn is_live(state: RunState) -> bool {
    matches!(
        state,
        RunState::Running | RunState::Paused | RunState::Restarting
    )
}

fn container_rows(containers: &[ContainerStatus]) -> String {
    let mut rows = vec![
        ["NAME", "IMAGE", "RESTARTS", "STATUS"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(containers.iter().map(|container| {
        vec![
            printable(&container.declaration.name),
            printable(&short(&container.declaration.image)),
            container.restarts.to_string(),
            printable(&status(container)),
        ]
    }));
    table(&rows)
}

/// The beginning of a digest; anything else as it is.
fn short(text: &str) -> String {
    match text.strip_prefix("sha256:") {
        Some(digits) => digits.chars().take(DIGEST_DIGITS).collect(),
        None => text.to_owned(),
    }
}

pub(super) fn stats(client: &mut Client, shape: &Shape) -> Result<(), Failure> {
    let output = Output::new(shape, CONTAINER)?;
    let mut containers = client.containers().map_err(ours)?;
    containers.retain(|container| is_live(container.state));
    let shown: Vec<Value> = containers.iter().map(values::container).collect();
    output.list(&shown, || stats_rows(&containers))
}

fn stats_rows(containers: &[ContainerStatus]) -> String {
    let head = [
        "NAME",
        "STATE",
        "CPU TIME",
        "SLICES",
        "MEMORY",
        "MEMORY PEAK",
        "STACK",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(containers.iter().map(|container| {
        vec![
            printable(&container.declaration.name),
            state(container.state).to_owned(),
            format!("{} ms", container.cpu_us / 1000),
            container.slices.to_string(),
            mebibytes(container.memory_bytes.into()),
            mebibytes(container.memory_bytes_max.into()),
            mebibytes(container.stack_bytes.into()),
        ]
    }));
    table(&rows)
}

pub(super) fn inspect(client: &mut Client, arguments: &NamesArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, CONTAINER)?;
    for name in &arguments.named.containers {
        let container = client
            .inspect(name)
            .map_err(|error| Failure::serial(name, error))?;
        output.one(&values::container(&container), || {
            container_text(&container)
        })?;
    }
    Ok(())
}

fn container_text(container: &ContainerStatus) -> String {
    let declaration = &container.declaration;
    let mut rows = Rows::default();
    rows.add("name", &declaration.name);
    rows.add("image", &declaration.image);
    rows.add("digest", &container.digest);
    rows.add("status", status(container));
    rows.add(
        "health",
        format!("{} {}", health(container.health), container.health_message),
    );
    rows.add("restarts", container.restarts.to_string());
    rows.add("restart", policy(declaration.restart));
    for argument in declaration.args.iter().flatten() {
        rows.add("argument", argument);
    }
    for variable in &declaration.env {
        rows.add("environment", variable);
    }
    for grant in &declaration.grants {
        rows.add("granted", grant);
    }
    rows.add("entry", declaration.entry.clone().unwrap_or_default());
    rows.add("cpu time", format!("{} ms", container.cpu_us / 1000));
    rows.add("slices", container.slices.to_string());
    rows.add(
        "memory",
        format!(
            "{}, at most {}",
            mebibytes(container.memory_bytes.into()),
            mebibytes(container.memory_bytes_max.into())
        ),
    );
    rows.add("stack", mebibytes(container.stack_bytes.into()));
    rows.add(
        "ended",
        container.end.as_ref().map(ended).unwrap_or_default(),
    );
    rows.text()
}

pub(super) fn records(client: &mut Client, arguments: &SerialNameArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, ENDED)?;
    let name = arguments.container.clone();
    let Reply::Records(records) = client
        .request(&Request::Records { name })
        .map_err(|error| Failure::serial(&arguments.container, error))?
    else {
        return Err(ours(SerialError::OtherReply));
    };
    let shown: Vec<Value> = records.iter().map(values::end).collect();
    output.list(&shown, || {
        let mut text = String::new();
        for record in &records {
            text.push_str(&printable(&ended(record)));
            text.push('\n');
            for line in record.last_output.lines() {
                text.push_str(&format!("  | {}\n", printable(line)));
            }
        }
        text
    })
}

pub(super) fn images(client: &mut Client, shape: &Shape) -> Result<(), Failure> {
    let output = Output::new(shape, IMAGE)?;
    let images = client.images().map_err(ours)?;
    let shown: Vec<Value> = images.iter().map(values::image).collect();
    output.list(&shown, || image_rows(&images))
}

fn image_rows(images: &[ImageStatus]) -> String {
    let head = ["IMAGE", "DIGEST", "MODULE", "STORED", "USED BY"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(images.iter().map(|image| {
        vec![
            printable(&image.references.join(" ")),
            short(&image.digest),
            mebibytes(image.module_bytes.into()),
            mebibytes(image.stored_bytes.into()),
            image.used_by.to_string(),
        ]
    }));
    table(&rows)
}

pub(super) fn storage(client: &mut Client, shape: &Shape) -> Result<(), Failure> {
    let output = Output::new(shape, STORAGE)?;
    match client.request(&Request::Storage).map_err(ours)? {
        Reply::Storage(storage) => {
            output.one(&values::storage(&storage), || storage_text(&storage))
        }
        _ => Err(ours(SerialError::OtherReply)),
    }
}

fn storage_text(storage: &StorageStatus) -> String {
    let mut rows = Rows::default();
    rows.add("images", used(storage.images));
    rows.add(
        "largest image that fits",
        mebibytes(storage.images_largest_free_bytes.into()),
    );
    rows.add("log", used(storage.log));
    rows.add(
        "records",
        format!("{} of {}", storage.log_records, storage.log_records_max),
    );
    rows.add(
        "erasures of a block",
        format!("{} to {}", storage.erasures_min, storage.erasures_max),
    );
    rows.text()
}

pub(super) fn fault(client: &mut Client, arguments: &FaultArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, FAULT)?;
    if arguments.clear {
        return client.done(&Request::ClearFault).map_err(ours);
    }
    match client.request(&Request::Fault).map_err(ours)? {
        Reply::Fault(fault) => output.one(&values::fault(&fault), || fault_text(&fault)),
        Reply::NoMore => output.one(&Value::Null, || "no fault is recorded\n".into()),
        _ => Err(ours(SerialError::OtherReply)),
    }
}

fn fault_text(fault: &FaultReport) -> String {
    let mut rows = Rows::default();
    rows.add("kind", &fault.kind);
    rows.add("message", &fault.message);
    rows.add("after", span(fault.uptime_ms));
    rows.add("container", &fault.container);
    rows.add("count", fault.count.to_string());
    for (name, value) in [
        ("pc", fault.pc),
        ("lr", fault.lr),
        ("sp", fault.sp),
        ("cause", fault.cause),
        ("address", fault.address),
    ] {
        rows.add(name, format!("{value:#010x}"));
    }
    rows.text()
}

pub(super) fn time(client: &mut Client, arguments: &TimeArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, TIME)?;
    if arguments.set {
        let now = Timestamp::now().as_millisecond();
        let unix_ms = u64::try_from(now).unwrap_or_default();
        client.done(&Request::SetTime { unix_ms }).map_err(ours)?;
    }
    let device = client.ask_device().map_err(ours)?;
    let shown = json!({"time": values::moment(device.unix_ms), "uptime_ms": device.uptime_ms});
    output.one(&shown, || format!("{}\n", moment(device.unix_ms)))
}
