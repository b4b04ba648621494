//! `thimble inspect`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;
use thimble_abi::ValueType;
use thimble_runtime::module::{ExportKind, Module};

use crate::arguments::InspectArguments;
use crate::failure::Failure;
use crate::load;
use crate::observer::mebibytes;

/// Shows what a module needs and offers.
pub(crate) fn inspect(arguments: &InspectArguments) -> Result<ExitCode, Failure> {
    let module = load::module(&arguments.file)?;
    if arguments.json {
        println!("{:#}", as_json(&module));
    } else {
        print!(
            "{}",
            as_text(&arguments.file.display().to_string(), &module)
        );
    }
    Ok(ExitCode::SUCCESS)
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
                ", with one page for messages"
            } else {
                ""
            },
        ),
    };
    let _ = writeln!(text, "imports: {}", module.imports().len());
    for import in module.imports() {
        let spec = import.spec;
        let parameters: Vec<_> = spec
            .parameters
            .iter()
            .map(|parameter| parameter.name)
            .collect();
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
