//! Replies as text.

use alloc::string::String;

use super::calendar;
use super::print::Printer;
use super::status::{health, state, status};
use crate::message::{
    ContainerStatus, Declaration, DeviceStatus, FaultReport, ImageStatus, LogEntry, LogStream,
    Policy, Refusal, RunEnd, Space, StorageStatus,
};

/// The width of a name that describes a value.
const LABEL_WIDTH: usize = 18;

impl Printer<'_> {
    fn label(&mut self, label: &str) -> &mut Self {
        self.cell(label, LABEL_WIDTH)
    }

    fn labelled(&mut self, label: &str, text: &str) {
        self.label(label).line(text);
    }

    fn labelled_number(&mut self, label: &str, number: u64) {
        self.label(label).number(number).end();
    }

    fn labelled_size(&mut self, label: &str, bytes: u32) {
        self.label(label).size(bytes).end();
    }

    fn labelled_span(&mut self, label: &str, milliseconds: u64) {
        self.label(label).span(milliseconds).end();
    }

    fn labelled_space(&mut self, label: &str, space: Space) {
        self.label(label).size(space.used_bytes);
        self.text(" of ").size(space.total_bytes).end();
    }

    fn labelled_list(&mut self, label: &str, items: &[String]) {
        for item in items {
            self.labelled(label, item);
        }
    }
}

/// A problem, as the command line writes it.
pub(super) fn problem(subject: &str, what: &str, printer: &mut Printer<'_>) {
    printer.text("thimble: ");
    if !subject.is_empty() {
        printer.text(subject).text(": ");
    }
    printer.line(what);
}

pub(super) fn refusal(refusal: &Refusal, printer: &mut Printer<'_>) {
    problem("", &refusal.message, printer);
}

/// A moment, or that it is unknown.
pub(super) fn moment(unix_ms: u64, printer: &mut Printer<'_>) {
    match unix_ms {
        0 => printer.text("unknown").end(),
        unix_ms => {
            calendar::write(unix_ms, printer);
            printer.end();
        }
    }
}

pub(super) fn device(device: &DeviceStatus, printer: &mut Printer<'_>) {
    printer.labelled("board", &device.board);
    printer.labelled("firmware", &device.version);
    printer.label("time");
    moment(device.unix_ms, printer);
    printer.labelled_span("up", device.uptime_ms);
    printer.labelled("started by", &device.started_by);
    if !device.recovered.is_empty() {
        printer.labelled("recovered", &device.recovered);
    }
    printer.labelled_space("heap", device.heap);
    printer.labelled_size("heap peak", device.heap_peak_bytes);
    printer.labelled_size("stack peak", device.stack_peak_bytes);
    printer.label("idle").span(device.idle_ms).text(", woken ");
    printer.number(device.idle_wakeups).line(" times");
    printer.labelled_number("message bytes", u64::from(device.message_bytes_max));
    if device.has_fault {
        printer.labelled("fault", "recorded; the command fault shows it");
    }
}

pub(super) fn created(name: &str, refused: &[String], printer: &mut Printer<'_>) {
    printer.line(name);
    for grant in refused {
        printer.text("not granted: ").text(grant);
        printer.text(" (--allow ").text(grant).line(")");
    }
}

pub(super) fn containers_head(printer: &mut Printer<'_>) {
    container_row("NAME", "IMAGE", printer);
    printer.cell("RESTARTS", 9).line("STATUS");
}

pub(super) fn container(container: &ContainerStatus, printer: &mut Printer<'_>) {
    let declaration = &container.declaration;
    container_row(&declaration.name, &declaration.image, printer);
    column(u64::from(container.restarts), 9, printer);
    printer.line(&status(container));
}

fn container_row(name: &str, image: &str, printer: &mut Printer<'_>) {
    printer.cell(name, 18).cell(image, 26);
}

pub(super) fn stats_head(printer: &mut Printer<'_>) {
    printer
        .cell("NAME", 18)
        .cell("STATE", 11)
        .cell("CPU MS", 10);
    printer.cell("SLICES", 10).line("MEMORY");
}

pub(super) fn stats(container: &ContainerStatus, printer: &mut Printer<'_>) {
    printer.cell(&container.declaration.name, 18);
    printer.cell(state(container.state), 11);
    column(container.cpu_us / 1000, 10, printer);
    column(container.slices, 10, printer);
    printer.size(container.memory_bytes).end();
}

/// A number in a column.
fn column(number: u64, width: usize, printer: &mut Printer<'_>) {
    let mut text = String::new();
    Printer::new(&mut text).number(number);
    printer.cell(&text, width);
}

pub(super) fn inspected(container: &ContainerStatus, printer: &mut Printer<'_>) {
    declaration(&container.declaration, printer);
    printer.labelled("digest", &container.digest);
    printer.labelled("status", &status(container));
    if !container.health_message.is_empty() {
        printer.labelled("health", &container.health_message);
    } else {
        printer.labelled("health", health(container.health));
    }
    printer.labelled_number("restarts", u64::from(container.restarts));
    printer.labelled_number("cpu ms", container.cpu_us / 1000);
    printer.labelled_number("slices", container.slices);
    printer.labelled_size("memory", container.memory_bytes);
    printer.labelled_size("memory peak", container.memory_bytes_max);
    printer.labelled_size("stack", container.stack_bytes);
    if let Some(end) = &container.end {
        printer.label("last end");
        ended(end, printer);
    }
}

fn declaration(declaration: &Declaration, printer: &mut Printer<'_>) {
    printer.labelled("name", &declaration.name);
    printer.labelled("image", &declaration.image);
    printer.labelled_list("argument", declaration.args.as_deref().unwrap_or_default());
    printer.labelled_list("environment", &declaration.env);
    printer.labelled_list("grant", &declaration.grants);
    printer.label("restart");
    match declaration.restart {
        Policy::No => printer.line("no"),
        Policy::OnFailure { tries: 0 } => printer.line("on-failure"),
        Policy::OnFailure { tries } => {
            printer.text("on-failure:").number(u64::from(tries)).end();
        }
        Policy::UnlessStopped => printer.line("unless-stopped"),
        Policy::Always => printer.line("always"),
    }
    if let Some(entry) = &declaration.entry {
        printer.labelled("entry", entry);
    }
    if let Some(timeout) = declaration.timeout_ms {
        printer.labelled_span("timeout", u64::from(timeout));
    }
}

/// A line about an end, without a label.
fn ended(end: &RunEnd, printer: &mut Printer<'_>) {
    if end.ended_unix_ms > 0 {
        calendar::write(end.ended_unix_ms, printer);
        printer.text(" ");
    }
    printer.text(&end.reason).text(" (");
    if end.exit_code < 0 {
        printer.text("-");
    }
    printer
        .number(u64::from(end.exit_code.unsigned_abs()))
        .text("), ran ");
    printer
        .span(end.ended_unix_ms.saturating_sub(end.started_unix_ms))
        .text(", cpu ");
    printer.number(end.cpu_us / 1000).text(" ms, memory ");
    printer.size(end.memory_bytes_max);
    if end.memory_refused {
        printer.text(", refused more");
    }
    printer.end();
}

pub(super) fn records(records: &[RunEnd], printer: &mut Printer<'_>) {
    for record in records {
        ended(record, printer);
        for line in record.last_output.lines() {
            printer.text("  | ").line(line);
        }
    }
}

pub(super) fn images_head(printer: &mut Printer<'_>) {
    image_row("IMAGE", "DIGEST", printer);
    printer.cell("USED BY", 9).line("SIZE");
}

pub(super) fn image(image: &ImageStatus, printer: &mut Printer<'_>) {
    /// Digits of a digest that are shown.
    const DIGEST_DIGITS: usize = 12;
    let digits = image
        .digest
        .strip_prefix("sha256:")
        .unwrap_or(&image.digest);
    let digits = digits.get(..DIGEST_DIGITS).unwrap_or(digits);
    let name = image.references.first().map_or("-", String::as_str);
    image_row(name, digits, printer);
    column(u64::from(image.used_by), 9, printer);
    printer.size(image.stored_bytes).end();
    for other in image.references.iter().skip(1) {
        image_row(other, "", printer);
        printer.end();
    }
}

fn image_row(name: &str, digest: &str, printer: &mut Printer<'_>) {
    printer.cell(name, 34).cell(digest, 14);
}

pub(super) fn storage(storage: &StorageStatus, printer: &mut Printer<'_>) {
    printer.labelled_space("images", storage.images);
    printer.labelled_size("largest image", storage.images_largest_free_bytes);
    printer.labelled_space("log", storage.log);
    printer
        .label("records")
        .number(u64::from(storage.log_records));
    printer
        .text(" of ")
        .number(u64::from(storage.log_records_max))
        .end();
    printer
        .label("erasures")
        .number(u64::from(storage.erasures_min));
    printer
        .text(" to ")
        .number(u64::from(storage.erasures_max))
        .end();
}

pub(super) fn fault(fault: &FaultReport, printer: &mut Printer<'_>) {
    printer.labelled("kind", &fault.kind);
    printer.labelled("message", &fault.message);
    printer.labelled_span("after", fault.uptime_ms);
    if !fault.container.is_empty() {
        printer.labelled("container", &fault.container);
    }
    printer.labelled_number("count", u64::from(fault.count));
    let registers = [
        ("pc", fault.pc),
        ("lr", fault.lr),
        ("sp", fault.sp),
        ("cause", fault.cause),
        ("address", fault.address),
    ];
    for (name, value) in registers {
        printer.label(name).hexadecimal(value).end();
    }
}

/// Writes entries of a log, and tells whether the last line is open still.
pub(super) fn log(entries: &[LogEntry], printer: &mut Printer<'_>) -> Option<bool> {
    for entry in entries {
        if entry.stream == LogStream::Device {
            printer.text("[device] ");
        }
        printer.bytes(&entry.bytes);
    }
    entries.last().map(|last| last.bytes.last() != Some(&b'\n'))
}
