//! Puts an image together: module, configuration, manifest. The same input always gives the same bytes.

mod error;
mod time;

use std::path::Path;

use thimble_abi::ValueType;
use thimble_image::descriptor::{Annotations, TITLE};
use thimble_image::{Descriptor, Digest, ImageConfig, Manifest, media_type};
use thimble_runtime::module::{ExportKind, Module};

use crate::grants::{self, GrantReport};
use crate::module::{Tidied, TidyError, TidyOptions, tidy};
use crate::pack::{PackOptions, PackReport, PackRequest, Packed, pack};
use crate::recipe::{self, Recipe};

pub use error::BuildError;
pub use time::rfc3339;

/// How an image is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// How the module is made smaller.
    pub tidy: TidyOptions,
    /// Whether and how it is packed: what is set here counts before what the recipe says.
    pub pack: PackRequest,
    /// Whether grants that do not fit the module end the build.
    pub strict_grants: bool,
    /// When the image counts as created (RFC 3339, see [`rfc3339`]); `None` for no time at all, so that building it
    /// again gives the same image.
    pub created: Option<String>,
    /// Annotations of the manifest, beside its title.
    pub annotations: Annotations,
}

/// An image that was built, and what to tell about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The image's documents.
    pub assembled: Assembled,
    /// The module, and what was taken out of it.
    pub tidied: Tidied,
    /// What was done with the module's memory, if it was to be packed.
    pub packed: Option<PackReport>,
    /// What does not fit between grants and imports.
    pub grants: GrantReport,
    /// The name of the recipe, for an image that gets none otherwise.
    pub name: Option<String>,
    /// What whoever wrote the recipe should know.
    pub notes: Vec<String>,
}

/// The documents of an image with one layer, the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// The bytes of the configuration.
    pub config_content: Vec<u8>,
    /// Describes them.
    pub config_descriptor: Descriptor,
    /// Describes the module.
    pub module_descriptor: Descriptor,
    /// The manifest.
    pub manifest: Manifest,
    /// Its bytes.
    pub manifest_content: Vec<u8>,
    /// Describes them: the image.
    pub manifest_descriptor: Descriptor,
}

/// Builds the image of a recipe file, a folder that holds one, or a module alone.
///
/// # Errors
/// [`BuildError`] says whose fault it is and what would be right.
pub fn build(path: &Path, options: &BuildOptions) -> Result<Built, BuildError> {
    let Recipe {
        source,
        name,
        module: file,
        pack: requested,
        mut config,
        mut notes,
    } = recipe::read(path).map_err(BuildError::Recipe)?;
    let bytes = read_module(&file)?;
    let module = Module::parse(bytes.as_slice()).map_err(|error| BuildError::Module {
        path: file.clone(),
        error,
    })?;
    let request = options.pack.or(requested);
    let (tidied, packed) =
        shrink(&bytes, &options.tidy, request).map_err(|error| BuildError::Tidy {
            path: file.clone(),
            error,
        })?;
    check_entry(&config, &module, &mut notes)?;
    let grants = grants::check(&config, &module).map_err(|error| BuildError::Grant {
        path: source,
        error,
    })?;
    if options.strict_grants && !grants.is_clean() {
        return Err(BuildError::StrictGrants(grants));
    }
    config.created.clone_from(&options.created);
    let mut annotations = options.annotations.clone();
    if let Some(name) = &name {
        annotations
            .entry(TITLE.to_owned())
            .or_insert_with(|| name.clone());
    }
    let assembled = assemble(&tidied.bytes, config, annotations);
    // What is read back is what will run; this also finds what is too large.
    ImageConfig::parse(&assembled.config_content).map_err(BuildError::Config)?;
    Ok(Built {
        assembled,
        tidied,
        packed,
        grants,
        name,
        notes,
    })
}

/// Makes a module smaller, its memory too if that is asked for.
fn shrink(
    bytes: &[u8],
    options: &TidyOptions,
    request: PackRequest,
) -> Result<(Tidied, Option<PackReport>), TidyError> {
    if !request.pack {
        return Ok((tidy(bytes, options)?, None));
    }
    let options = PackOptions {
        tidy: *options,
        stack_bytes: request.stack_bytes,
        heap_bytes: request.heap_bytes,
        message_bytes: request.message_bytes,
    };
    let Packed { tidied, report } = pack(bytes, &options)?;
    Ok((tidied, Some(report)))
}

/// Puts the documents of an image together. `annotations` are the manifest's; its title also names the module's file
/// for tools that unpack layers by name.
#[must_use]
pub fn assemble(module: &[u8], mut config: ImageConfig, annotations: Annotations) -> Assembled {
    let mut module_descriptor = Descriptor::of(media_type::WASM, module);
    if let Some(title) = annotations.get(TITLE).filter(|title| is_file_name(title)) {
        module_descriptor
            .annotations
            .insert(TITLE.to_owned(), format!("{title}.wasm"));
    }
    config.layer_digests = vec![Digest::of(module)];
    let config_content = config.to_json();
    let config_descriptor = Descriptor::of(media_type::WASM_CONFIG, &config_content);
    let mut manifest = Manifest::new(config_descriptor.clone(), vec![module_descriptor.clone()]);
    manifest.annotations = annotations;
    let manifest_content = manifest.to_json();
    let mut manifest_descriptor = Descriptor::of(media_type::MANIFEST, &manifest_content);
    manifest_descriptor.platform = Some(config.platform);
    Assembled {
        config_content,
        config_descriptor,
        module_descriptor,
        manifest,
        manifest_content,
        manifest_descriptor,
    }
}

/// Whether a title can be the beginning of a file's name.
fn is_file_name(title: &str) -> bool {
    !title.is_empty()
        && title.len() <= 200
        && !title.starts_with('.')
        && !title.contains(['/', '\\', '\0'])
}

/// The bytes of a module; its text format is assembled.
fn read_module(path: &Path) -> Result<Vec<u8>, BuildError> {
    let bytes = recipe::read_module(path).map_err(BuildError::Recipe)?;
    let begins = bytes.trim_ascii_start();
    let is_text = !bytes.starts_with(b"\0")
        && (path.extension().is_some_and(|extension| extension == "wat")
            || begins.starts_with(b"(module")
            || begins.starts_with(b";;"));
    if !is_text {
        return Ok(bytes);
    }
    let wrong = |reason: String| BuildError::Text {
        path: path.to_owned(),
        reason,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not UTF-8".into()))?;
    wat::Parser::new()
        .parse_str(Some(path), text)
        .map_err(|error| wrong(error.to_string()))
}

/// The function to run must be there. Where the recipe names none, a library is worth a word.
fn check_entry(
    config: &ImageConfig,
    module: &Module,
    notes: &mut Vec<String>,
) -> Result<(), BuildError> {
    let functions = || {
        let is_function = |kind: &ExportKind| matches!(kind, ExportKind::Function { .. });
        module
            .exports()
            .iter()
            .filter(move |export| is_function(&export.kind))
            .map(|export| export.name.clone())
    };
    match &config.entry_point {
        Some(name) => match module.exported_function(name) {
            None => Err(BuildError::EntryPoint {
                name: name.clone(),
                found: functions().take(error::FOUND_MAX).collect(),
            }),
            Some(export) if !can_be_entry(&export.kind) => {
                Err(BuildError::EntrySignature { name: name.clone() })
            }
            Some(_) => Ok(()),
        },
        None if module.exported_function("_start").is_none() => {
            notes.push(
                "the module has no `_start` and the recipe no `entry`: whoever runs the image must name the function"
                    .into(),
            );
            Ok(())
        }
        None => Ok(()),
    }
}

/// Whether a function can be run: without parameters, with one `i32` or no result.
fn can_be_entry(kind: &ExportKind) -> bool {
    match kind {
        ExportKind::Function {
            parameters,
            results,
            has_references,
        } => {
            !has_references
                && parameters.is_empty()
                && matches!(results.as_slice(), [] | [ValueType::I32])
        }
        _ => false,
    }
}
