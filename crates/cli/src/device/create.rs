//! `thimble create`, and `thimble run -d`.

use std::io::Cursor;
use std::path::Path;

use serde_json::json;
use thimble_builder::image::{self, BuildOptions, Built};
use thimble_device_api::{Client, ClientError, ContainerSpec, Created, ProblemKind, PullRequest};
use thimble_image::{Digest, Reference, media_type};

use crate::arguments::{CreateArguments, Declared, PullWhen, RunArguments};
use crate::failure::{Failure, chain};
use crate::observer::printable;
use crate::output::{CREATED, Output};
use crate::report;
use crate::source;

use super::{client, ours, spec};

/// Makes a container and starts it.
pub(super) fn run(arguments: &RunArguments) -> Result<(), Failure> {
    let output = Output::of(arguments.json, arguments.format.as_deref(), CREATED)?;
    let mut spec = spec::of(&arguments.declared, &arguments.device)?;
    spec.auto_remove = arguments.rm;
    make(&arguments.declared, spec, true, &output)
}

/// Makes a container.
pub(super) fn create(arguments: &CreateArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, CREATED)?;
    let mut spec = spec::of(&arguments.declared, &arguments.device)?;
    spec.auto_remove = arguments.rm;
    make(&arguments.declared, spec, false, &output)
}

fn make(
    declared: &Declared,
    mut spec: ContainerSpec,
    start: bool,
    output: &Output<'_>,
) -> Result<(), Failure> {
    let client = client()?;
    let named = &declared.container;
    let shown = named.to_string_lossy().into_owned();
    let json = output.is_json();
    let created = match named.to_str() {
        Some(text) if text.parse::<Digest>().is_ok() || !source::is_file(text) => {
            spec.image = text.to_owned();
            if declared.pull == PullWhen::Always {
                pull(&client, text, declared.plain_http, json)?;
            }
            from_image(&client, &spec, start, declared, json)
        }
        _ => {
            let path = Path::new(named);
            let archive = package(path)?;
            let loaded = client
                .load(Cursor::new(archive))
                .map_err(|error| Failure::daemon(&shown, error))?;
            spec.image = loaded.digest;
            client
                .create(&spec, start)
                .map_err(|error| Failure::daemon(&shown, error))
        }
    }?;
    tell(&created, output)
}

/// Makes a container from an image, which is fetched if it is not there.
fn from_image(
    client: &Client,
    spec: &ContainerSpec,
    start: bool,
    declared: &Declared,
    json: bool,
) -> Result<Created, Failure> {
    let failed = |error| Failure::daemon(&spec.image, error);
    match client.create(spec, start) {
        Err(error) if is_missing_image(&error) && declared.pull == PullWhen::Missing => {
            if spec.image.parse::<Reference>().is_err() {
                return Err(failed(error));
            }
            pull(client, &spec.image, declared.plain_http, json)?;
            client.create(spec, start).map_err(failed)
        }
        result => result.map_err(failed),
    }
}

/// Whether an image is not here, which fetching it may change.
pub(super) fn is_missing_image(error: &ClientError) -> bool {
    error
        .problem()
        .is_some_and(|problem| problem.kind == ProblemKind::NoSuchImage)
}

/// Has the daemon fetch an image; tells how it goes on standard error.
pub(super) fn pull(
    client: &Client,
    reference: &str,
    plain_http: bool,
    json: bool,
) -> Result<(), Failure> {
    let request = PullRequest {
        reference: reference.to_owned(),
        plain_http,
    };
    let failed = |error| Failure::daemon(reference, error);
    let mut fetched = false;
    // The last line before a problem is the problem.
    let mut held: Option<String> = None;
    for progress in client.pull(&request).map_err(failed)? {
        let progress = progress.map_err(failed)?;
        if let Some(problem) = progress.problem {
            return Err(failed(ClientError::Problem(problem)));
        }
        if let Some(status) = held.take() {
            eprintln!("{}", printable(&status));
        }
        held = progress.status.filter(|_| !json);
        fetched |= progress.digest.is_some();
    }
    if fetched {
        return Ok(());
    }
    Err(ours(ClientError::Gone {
        reason: "it did not say whether the image was fetched".into(),
    }))
}

/// A module's file as the archive of an image.
fn package(path: &Path) -> Result<Vec<u8>, Failure> {
    if !path.exists() {
        return Err(Failure::NotFound {
            path: path.to_owned(),
        });
    }
    if path.is_dir() {
        return Err(Failure::cannot_run(
            path,
            "it is a folder; give the .wasm file in it, or build an image with `thimble build`",
        ));
    }
    let built = image::build(path, &BuildOptions::default())
        .map_err(|error| Failure::cannot_run(path, chain(&error)))?;
    archive(built).map_err(|error| Failure::device("packing the module", error))
}

/// The archive of an image: an OCI image layout with one image.
fn archive(built: Built) -> std::io::Result<Vec<u8>> {
    let assembled = built.assembled;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type::INDEX,
        "manifests": [assembled.manifest_descriptor],
    });
    let layout = json!({"imageLayoutVersion": "1.0.0"});
    let module = built.tidied.bytes;
    let mut archive = tar::Builder::new(Vec::with_capacity(module.len() + (16 << 10)));
    append(&mut archive, "oci-layout", layout.to_string().as_bytes())?;
    append(&mut archive, "index.json", index.to_string().as_bytes())?;
    for content in [
        assembled.manifest_content.as_slice(),
        &assembled.config_content,
        &module,
    ] {
        let name = Digest::of(content).to_string().replace(':', "/");
        append(&mut archive, &format!("blobs/{name}"), content)?;
    }
    archive.into_inner()
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, path, content)
}

fn tell(created: &Created, output: &Output<'_>) -> Result<(), Failure> {
    if !output.is_json() {
        let notes = created
            .notes
            .iter()
            .map(|(topic, note)| format!("{topic}: {note}"));
        for note in created.unmet.iter().cloned().chain(notes) {
            report::note(&created.name, &printable(&note), false);
        }
    }
    output.one(created, || format!("{}\n", created.id))
}
