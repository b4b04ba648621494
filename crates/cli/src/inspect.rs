//! `thimble inspect`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use thimble_abi::ValueType;
use thimble_runtime::module::{ExportKind, Module};

use crate::arguments::{InspectArguments, InspectType, PullWhen};
use crate::declare;
use crate::device;
use crate::failure::Failure;
use crate::images::sign::{self, Signer};
use crate::images::table::table;
use crate::observer::{mebibytes, printable};
use crate::output::Output;
use crate::source::{self, Image, Opening};

/// The fields that are told of an image or a module.
const FIELDS: &[&str] = &[
    "kind", "bytes", "memory", "imports", "exports", "grants", "image",
];

/// Shows what there is of this name. It need not be trusted to be looked at.
pub(crate) fn inspect(arguments: &InspectArguments) -> Result<ExitCode, Failure> {
    let name = arguments.container.to_str();
    let is_container = match (arguments.kind, name) {
        (Some(InspectType::Container), Some(name)) => {
            device::inspect(name, &arguments.shape, true)?
        }
        // A file is what it is, whatever a container is called; without a daemon there are no containers.
        (None, Some(name)) if !source::is_file(name) && declare::is_name(name) => {
            device::inspect(name, &arguments.shape, false)?
        }
        _ => false,
    };
    if !is_container {
        content(arguments)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what an image or a module is, needs and offers.
fn content(arguments: &InspectArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, FIELDS)?;
    let opening = Opening {
        pull: PullWhen::Never,
        plain_http: false,
        json: output.is_json(),
        judge: false,
    };
    let named = &arguments.container;
    let source = match arguments.kind {
        Some(InspectType::Image) => source::open_image(&named.to_string_lossy(), &opening)?,
        Some(InspectType::Module) => source::open_file(Path::new(named), &opening)?,
        _ => source::open(named, &opening)?,
    };
    let mut value = as_json(&source.module);
    if let Some(image) = &source.image {
        value["image"] = image_as_json(image);
    }
    output.one(&value, || {
        let image = source.image.as_ref().map(image_as_text);
        image.unwrap_or_default() + &as_text(&source.shown, &source.module)
    })
}

/// What an image says about itself: nothing of it is given to it by that.
fn image_as_text(image: &Image) -> String {
    let config = &image.config;
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            rows.push(vec![name.to_owned(), printable(&value)]);
        }
    };
    row("image:", image.reference.to_string());
    row("digest:", image.root.digest.to_string());
    row("platform:", config.platform.to_string());
    row("created:", config.created.clone().unwrap_or_default());
    row("author:", config.author.clone().unwrap_or_default());
    row("entry:", config.entry_point.clone().unwrap_or_default());
    row("arguments:", config.args.join(" "));
    row("environment:", config.env.join(" "));
    row("volumes:", config.volumes.join(" "));
    row("requests:", config.grants.join(" "));
    let limits = &config.limits;
    let bytes = |bytes: Option<u64>| bytes.map(mebibytes).unwrap_or_default();
    row("memory:", bytes(limits.memory_bytes));
    row("storage:", bytes(limits.storage_bytes));
    row("key-value store:", bytes(limits.key_value_bytes));
    row("log:", bytes(limits.log_bytes));
    let share = limits.cpu_share_thousandths;
    row(
        "processor share:",
        share
            .map(|share| format!("{}", f64::from(share) / 1000.0))
            .unwrap_or_default(),
    );
    let grace = config.stop_grace_ms.map(|grace| format!("{grace} ms"));
    row("stop grace:", grace.unwrap_or_default());
    let health = config.health.map(|health| match health.heartbeat_ms {
        Some(heartbeat) => format!(
            "reports within {} ms, then every {heartbeat} ms",
            health.start_ms
        ),
        None => format!("reports within {} ms", health.start_ms),
    });
    row("health:", health.unwrap_or_default());
    for (name, value) in &config.labels {
        row("label:", format!("{name}={value}"));
    }
    for signer in sign::signers_of(&image.store, &image.root) {
        row("signature:", signer.as_text());
    }
    table(&rows)
}

fn image_as_json(image: &Image) -> serde_json::Value {
    let config: serde_json::Value =
        serde_json::from_slice(&image.config.to_json()).unwrap_or_default();
    json!({
        "reference": image.reference.to_string(),
        "digest": image.root.digest,
        "media_type": image.root.media_type,
        "config": config,
        "signatures": sign::signers_of(&image.store, &image.root).iter().map(Signer::as_json).collect::<Vec<_>>(),
    })
}

/// How the module begins: as a command, a reactor, or by its start function alone.
fn kind(module: &Module) -> &'static str {
    if module.exported_function("_start").is_some() {
        "command (runs `_start`)"
    } else if module.exported_function("_initialize").is_some() {
        "reactor (runs `_initialize`, then what --entry names)"
    } else if module.start().is_some() {
        "module with a start function"
    } else {
        "library (needs --entry to run)"
    }
}

/// The grants without which some of its calls will always fail, and the calls.
fn grants(module: &Module) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut grants: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for import in module.imports() {
        if let Some(kind) = import.spec.needs {
            grants
                .entry(kind.name())
                .or_default()
                .push(import.spec.name);
        }
    }
    grants
}

fn as_text(path: &str, module: &Module) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{path}: {}", kind(module));
    let _ = match module.memory() {
        None => writeln!(text, "memory: none"),
        Some(memory) => writeln!(
            text,
            "memory: {} to {}{}{}",
            mebibytes(memory.initial_bytes()),
            memory.maximum_pages.map_or_else(
                || "the container's limit".to_owned(),
                |pages| mebibytes(pages.saturating_mul(memory.page_bytes))
            ),
            if memory.imported { ", imported" } else { "" },
            if module.app_heap().is_some() {
                ", with room for messages"
            } else {
                ""
            },
        ),
    };
    let _ = writeln!(text, "imports: {}", module.imports().len());
    for import in module.imports() {
        let spec = import.spec;
        let parameters = spec.call.description().parameters;
        let _ = writeln!(
            text,
            "  {}.{}({}) -> {}",
            spec.module,
            spec.name,
            parameters.join(", "),
            spec.returns.name()
        );
    }
    let _ = writeln!(text, "exports: {}", module.exports().len());
    for export in module.exports() {
        let _ = writeln!(
            text,
            "  {} ({})",
            crate::observer::printable(&export.name),
            export_kind(&export.kind)
        );
    }
    let grants = grants(module);
    let _ = writeln!(
        text,
        "grants it will need: {}",
        if grants.is_empty() { "none" } else { "" }
    );
    for (grant, calls) in grants {
        let example = thimble_abi::grant::GRANTS
            .iter()
            .find(|spec| spec.name == grant)
            .map_or("", |spec| spec.example);
        let _ = writeln!(text, "  --allow {example}   for {}", calls.join(", "));
    }
    text
}

fn export_kind(kind: &ExportKind) -> String {
    let types = |types: &[ValueType]| {
        types
            .iter()
            .map(|ty| ty.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match kind {
        ExportKind::Function {
            has_references: true,
            ..
        } => "function with references".into(),
        ExportKind::Function {
            parameters,
            results,
            ..
        } => {
            format!("function ({}) -> ({})", types(parameters), types(results))
        }
        ExportKind::Memory => "memory".into(),
        ExportKind::Table => "table".into(),
        ExportKind::Global => "global".into(),
        ExportKind::Tag => "tag".into(),
    }
}

fn as_json(module: &Module) -> serde_json::Value {
    json!({
        "kind": kind(module).split(' ').next(),
        "bytes": module.bytes().len(),
        "memory": module.memory().map(|memory| json!({
            "initial_bytes": memory.initial_bytes(),
            "maximum_bytes": memory.maximum_pages.map(|pages| pages.saturating_mul(memory.page_bytes)),
            "page_bytes": memory.page_bytes,
            "imported": memory.imported,
        })),
        "imports": module.imports().iter().map(|import| json!({
            "module": import.spec.module, "name": import.spec.name,
        })).collect::<Vec<_>>(),
        "exports": module.exports().iter().map(|export| json!({
            "name": export.name, "kind": export_kind(&export.kind),
        })).collect::<Vec<_>>(),
        "grants": grants(module),
    })
}
