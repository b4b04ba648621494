//! `thimble device install`, and what `run` and `create` do before.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use thimble_image::Reference;
use thimble_port_serial::{Client, Package};
use thimble_serial::ImageStatus;

use crate::arguments::{InstallArguments, PackedArguments, PullWhen};
use crate::failure::Failure;
use crate::observer::{mebibytes, printable};
use crate::output::Output;

use super::fields::INSTALLED;
use super::ours;
use super::package::{self, Packed};

/// Brings an image to the device.
pub(super) fn install(
    client: impl FnOnce() -> Result<Client, Failure>,
    arguments: &InstallArguments,
) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, INSTALLED)?;
    let named = &arguments.packed;
    let Some(packed) = package::find(named, PullWhen::Missing, output.is_json())? else {
        return Err(missing(named));
    };
    bring(&mut client()?, &packed, !output.is_text())?;
    let shown = json!({"digest": packed.digest(), "reference": packed.reference});
    output.one(&shown, || format!("{}\n", packed.digest()))
}

/// An image that is on the device.
pub(super) struct Present {
    /// What it is called in a declaration.
    pub(super) image: String,
    /// Grants that it asks for, if it is here too.
    pub(super) requested: Option<Vec<String>>,
}

/// Sees to it that the device has an image: one that is here is installed unless it is there, one that is only there is
/// taken as it is, and one that is nowhere is fetched.
pub(super) fn ensure(
    client: &mut Client,
    named: &PackedArguments,
    silent: bool,
) -> Result<Present, Failure> {
    let packed = match package::find(named, PullWhen::Never, silent)? {
        Some(packed) => packed,
        None => {
            let images = client.images().map_err(ours)?;
            if let Some(image) = only_there(&named.container.to_string_lossy(), &images) {
                return Ok(Present {
                    image,
                    requested: None,
                });
            }
            package::find(named, PullWhen::Missing, silent)?.ok_or_else(|| missing(named))?
        }
    };
    let digest = packed.digest();
    let images = client.images().map_err(ours)?;
    let there = images.iter().find(|image| image.digest == digest);
    let is_named = match there {
        Some(image) => image.references.contains(&packed.reference),
        None => {
            bring(client, &packed, silent)?;
            true
        }
    };
    Ok(Present {
        image: if is_named { packed.reference } else { digest },
        requested: Some(packed.requested),
    })
}

/// What an image that is on the device alone is called there: by its name, with the tag that is meant where none is given,
/// or by its digest.
fn only_there(text: &str, images: &[ImageStatus]) -> Option<String> {
    let familiar = text.parse::<Reference>().map(|name| name.familiar());
    let mut names = images.iter().flat_map(|image| &image.references);
    if let Some(name) = names.find(|name| *name == text || familiar.as_ref() == Ok(name)) {
        return Some(name.clone());
    }
    let is_digest = images.iter().any(|image| image.digest.starts_with(text));
    is_digest.then(|| text.to_owned())
}

fn missing(named: &PackedArguments) -> Failure {
    Failure::image(
        named.container.to_string_lossy(),
        "there is no such image here",
    )
}

/// Sends an image; tells how it goes on standard error.
fn bring(client: &mut Client, packed: &Packed, silent: bool) -> Result<(), Failure> {
    let package = Package {
        manifest: &packed.manifest,
        config: &packed.config,
        layer: &packed.layer,
        reference: &packed.reference,
    };
    let is_shown = !silent && std::io::stderr().is_terminal();
    let bar = is_shown.then(|| bar(packed));
    let installed = client.install(&package, &mut |done, all| {
        if let Some(bar) = &bar {
            bar.set_length(all.into());
            bar.set_position(done.into());
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    installed.map_err(|error| Failure::serial(&packed.reference, error))?;
    if !silent {
        let bytes = mebibytes(packed.layer.len() as u64);
        eprintln!("installed {} ({bytes})", printable(&packed.reference));
    }
    Ok(())
}

fn bar(packed: &Packed) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {msg}",
    );
    let bar = ProgressBar::new(packed.layer.len() as u64).with_prefix(packed.reference.clone());
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
