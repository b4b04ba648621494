//! `thimble build`.

use std::env;

use serde_json::json;
use thimble_builder::image::{self, BuildOptions, Built};
use thimble_builder::module::{Strip, TidyOptions};
use thimble_builder::pack::{PackReport, PackRequest};
use thimble_builder::units;
use thimble_image::{Reference, media_type};

use crate::arguments::BuildArguments;
use crate::failure::{Failure, chain};
use crate::observer::printable;

use super::{archive, opened};

/// Builds an image, and keeps it under its names.
pub(super) fn build(arguments: &BuildArguments) -> Result<(), Failure> {
    let options = BuildOptions {
        tidy: TidyOptions {
            strip: if arguments.strip_all {
                Strip::All
            } else {
                Strip::Debug
            },
        },
        pack: PackRequest {
            pack: arguments.pack,
            stack_bytes: bytes("--stack-size", arguments.stack_size.as_deref())?,
            heap_bytes: bytes("--heap", arguments.heap.as_deref())?,
            message_bytes: bytes("--messages", arguments.messages.as_deref())?,
        },
        strict_grants: arguments.strict_grants,
        created: created()?,
        ..BuildOptions::default()
    };
    let built = image::build(&arguments.path, &options)
        .map_err(|error| Failure::device("building the image", chain(&error)))?;
    let names = names(arguments, &built)?;

    let store = opened::store()?;
    let session = store
        .session()
        .map_err(|error| Failure::device("opening the image store", error))?;
    let failed = |error: &dyn std::error::Error| {
        Failure::image_error(arguments.path.display().to_string(), error)
    };
    let assembled = &built.assembled;
    for (kind, content) in [
        (media_type::WASM, &built.tidied.bytes),
        (media_type::WASM_CONFIG, &assembled.config_content),
    ] {
        session
            .write(kind, content)
            .map_err(|error| failed(&error))?;
    }
    let root = session
        .write(media_type::MANIFEST, &assembled.manifest_content)
        .map_err(|error| failed(&error))?;
    for name in &names {
        store.tag(name, &root).map_err(|error| failed(&error))?;
    }
    if let Some(path) = &arguments.output {
        let images: Vec<_> = names
            .iter()
            .map(|name| (Some(name.to_string()), root.clone()))
            .collect();
        archive::write_archive(path, &images, &session)?;
    }
    tell(arguments, &built, &names, &root);
    Ok(())
}

/// A size in a guest's memory, if it was told.
fn bytes(option: &'static str, text: Option<&str>) -> Result<Option<u32>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    match units::size(text).map(u32::try_from) {
        Ok(Ok(bytes)) => Ok(Some(bytes)),
        Ok(Err(_)) => Err(Failure::option(option, text, "it is below 4g")),
        Err(reason) => Err(Failure::option(option, text, reason)),
    }
}

/// When the image is said to be built: `SOURCE_DATE_EPOCH`, or never, so that the same input gives the same digest.
fn created() -> Result<Option<String>, Failure> {
    let Some(text) = env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    text.to_str()
        .and_then(|text| text.parse().ok())
        .map(|seconds| Some(image::rfc3339(seconds)))
        .ok_or_else(|| {
            Failure::option(
                "SOURCE_DATE_EPOCH",
                text.to_string_lossy(),
                "it is a time in whole seconds since 1970",
            )
        })
}

fn names(arguments: &BuildArguments, built: &Built) -> Result<Vec<Reference>, Failure> {
    let mut names = Vec::new();
    for text in &arguments.tag {
        let name = opened::reference(text)?;
        if name.digest().is_some() {
            return Err(Failure::option(
                "--tag",
                text,
                "a digest is computed, not given",
            ));
        }
        names.push(name);
    }
    if names.is_empty() {
        let Some(name) = &built.name else {
            return Err(Failure::option(
                "--tag",
                "",
                "the image needs a name: give one with --tag, or `name` in thimble.yaml",
            ));
        };
        names.push(opened::reference(name)?);
    }
    Ok(names)
}

fn tell(
    arguments: &BuildArguments,
    built: &Built,
    names: &[Reference],
    root: &thimble_image::Descriptor,
) {
    let before = built.tidied.bytes_before;
    let after = built.tidied.bytes.len() as u64;
    if arguments.output_format.json {
        println!(
            "{}",
            json!({
                "references": names.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "digest": root.digest,
                "module_bytes_before": before,
                "module_bytes": after,
                "memory": built.packed.as_ref().map(memory),
                "grants_do_not_fit": built.grants.lines().collect::<Vec<_>>(),
                "notes": built.notes,
            })
        );
        return;
    }
    for note in &built.notes {
        eprintln!("note: {note}");
    }
    for line in built.grants.lines() {
        eprintln!("warning: {line}");
    }
    if before != after {
        eprintln!(
            "module: {after} of {before} bytes left{}",
            match built.tidied.removed.as_slice() {
                [] => String::new(),
                removed => {
                    let names: Vec<_> = removed.iter().map(|it| printable(&it.section)).collect();
                    format!("; removed {}", names.join(", "))
                }
            }
        );
    }
    for line in built.packed.iter().flat_map(PackReport::lines) {
        eprintln!("{}", printable(&line));
    }
    for name in names {
        println!("{}: {}", name.familiar(), root.digest);
    }
}

/// What became of the module's memory, for programs.
fn memory(report: &PackReport) -> serde_json::Value {
    json!({
        "bytes_before": report.memory_bytes_before,
        "bytes": report.memory_bytes,
        "report": report.lines(),
    })
}
