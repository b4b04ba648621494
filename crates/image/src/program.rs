//! What is run of an image, whoever pushed it: Thimble, `wasm-to-oci`, `oras`, Docker.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::config::{ConfigError, ImageConfig};
use crate::descriptor::{Annotations, Descriptor, Platform, TITLE};
use crate::document::Manifest;
use crate::json::{self, Others, Outcome, Reader};
use crate::media_type::{
    self, DOCKER_CONFIG, OCI_CONFIG, TAR_GZIP_LAYERS, TAR_LAYERS, WASM_CONFIG,
};

/// What is run of an image, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The configuration, translated where the image has another kind.
    pub config: ImageConfig,
    /// Where the module is.
    pub code: Code,
}

/// Where an image's module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A layer is the module.
    Module(Descriptor),
    /// A file in layers that are archives; the uppermost layer that has or hides it counts.
    File {
        /// The layers, uppermost first.
        layers: Vec<TarLayer>,
        /// The path, without a slash at its beginning.
        path: String,
    },
}

/// A layer that is an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarLayer {
    /// The blob.
    pub blob: Descriptor,
    /// Whether it is compressed with gzip.
    pub gzip: bool,
}

/// Why an image cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramError {
    /// It is an artifact of another kind, such as a signature.
    Artifact {
        /// Which.
        artifact_type: String,
    },
    /// It is for something else than WebAssembly.
    Platform {
        /// For what.
        platform: Platform,
    },
    /// Its configuration is wrong.
    Config(ConfigError),
    /// None of its layers is a module.
    NoModule {
        /// The layers' media types.
        found: Vec<String>,
    },
    /// Several of its layers are modules.
    SeveralModules,
    /// A layer is compressed in a way that is not supported.
    Compression {
        /// The layer's media type.
        media_type: String,
    },
    /// It does not say which file to run.
    NoEntryPoint,
}

impl Program {
    /// One to be filled in, where it stays: it is large, and a microcontroller's stack is small.
    #[inline(never)]
    fn blank() -> Box<Self> {
        Box::new(Self {
            config: ImageConfig::default(),
            code: Code::File {
                layers: Vec::new(),
                path: String::new(),
            },
        })
    }

    /// Finds what to run. `config` is the content of the configuration's blob; [`needs_config`] tells whether it
    /// is looked at.
    ///
    /// # Errors
    /// [`ProgramError`] says why it cannot be run.
    pub fn find(manifest: &Manifest, config: &[u8]) -> Result<Box<Self>, ProgramError> {
        match manifest.config.media_type.as_str() {
            WASM_CONFIG => ours(manifest, config),
            OCI_CONFIG | DOCKER_CONFIG => docker(manifest, config),
            _ => theirs(manifest),
        }
    }
}

#[inline(never)]
fn ours(manifest: &Manifest, config: &[u8]) -> Result<Box<Program>, ProgramError> {
    let mut program = Program::blank();
    let read = program.config.read(config);
    read.map_err(ProgramError::Config)?;
    check_platform(&program.config.platform)?;
    program.code = module_layer(manifest)?;
    Ok(program)
}

/// An artifact of another kind, or what `wasm-to-oci` and `oras` push.
#[inline(never)]
fn theirs(manifest: &Manifest) -> Result<Box<Program>, ProgramError> {
    if let Some(artifact_type) = &manifest.artifact_type
        && manifest.subject.is_some()
    {
        return Err(ProgramError::Artifact {
            artifact_type: artifact_type.clone(),
        });
    }
    let media_type = manifest.config.media_type.as_str();
    if media_type == media_type::NOTARY_SIGNATURE {
        return Err(ProgramError::Artifact {
            artifact_type: media_type.into(),
        });
    }
    // `wasm-to-oci` and `oras push`: the configuration says nothing.
    let mut program = Program::blank();
    program.code = module_layer(manifest)?;
    Ok(program)
}

/// Whether the configuration's content matters for what is run.
#[must_use]
pub fn needs_config(manifest: &Manifest) -> bool {
    matches!(
        manifest.config.media_type.as_str(),
        WASM_CONFIG | OCI_CONFIG | DOCKER_CONFIG
    )
}

fn check_platform(platform: &Platform) -> Result<(), ProgramError> {
    if platform.is_portable() {
        Ok(())
    } else {
        Err(ProgramError::Platform {
            platform: platform.clone(),
        })
    }
}

/// The one layer that is a module; by its media type, or by its name if the type says nothing.
#[inline(never)]
fn module_layer(manifest: &Manifest) -> Result<Code, ProgramError> {
    let is_module = |layer: &&Descriptor| media_type::is_module(&layer.media_type);
    let is_named = |layer: &&Descriptor| {
        layer
            .annotations
            .get(TITLE)
            .is_some_and(|title| title.ends_with(".wasm"))
    };
    let by_type: Vec<_> = manifest.layers.iter().filter(is_module).collect();
    let candidates = if by_type.is_empty() {
        manifest.layers.iter().filter(is_named).collect()
    } else {
        by_type
    };
    match candidates.as_slice() {
        [layer] => Ok(Code::Module((*layer).clone())),
        [] => Err(ProgramError::NoModule {
            found: manifest
                .layers
                .iter()
                .map(|layer| layer.media_type.clone())
                .collect(),
        }),
        _ => Err(ProgramError::SeveralModules),
    }
}

/// The fields that count of an ordinary container's configuration.
#[derive(Default)]
struct OciConfig {
    created: Option<String>,
    author: Option<String>,
    architecture: String,
    os: String,
    run: OciRun,
}

#[derive(Default)]
struct OciRun {
    env: Vec<String>,
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    working_dir: Option<String>,
    labels: Annotations,
}

impl OciConfig {
    fn read(bytes: &[u8]) -> Outcome<Self> {
        const FIELDS: &[&str] = &["created", "author", "architecture", "os", "config"];
        let mut config = Self::default();
        json::read(bytes, FIELDS, &mut |reader, field| {
            match field {
                0 => config.created = reader.optional_text()?,
                1 => config.author = reader.optional_text()?,
                2 => config.architecture = reader.text()?,
                3 => config.os = reader.text()?,
                _ if reader.null() => {}
                _ => config.run = OciRun::read(reader)?,
            }
            Ok(())
        })?;
        Ok(config)
    }
}

impl OciRun {
    fn read(reader: &mut Reader<'_>) -> Outcome<Self> {
        const FIELDS: &[&str] = &["Env", "Entrypoint", "Cmd", "WorkingDir", "Labels"];
        let mut run = Self::default();
        reader.object(FIELDS, Others::LeftOut, &mut |reader, field| {
            if reader.null() {
                return Ok(());
            }
            match field {
                0 => run.env = reader.texts()?,
                1 => run.entrypoint = reader.texts()?,
                2 => run.cmd = reader.texts()?,
                3 => run.working_dir = Some(reader.text()?),
                _ => run.labels = reader.annotations()?,
            }
            Ok(())
        })?;
        Ok(run)
    }
}

/// An image of Docker's kind: a file in layers that are archives, or a layer that is a module after all.
#[inline(never)]
fn docker(manifest: &Manifest, config: &[u8]) -> Result<Box<Program>, ProgramError> {
    let config = OciConfig::read(config)
        .map_err(|reason| ProgramError::Config(ConfigError::Malformed { reason }))?;
    let platform = Platform {
        architecture: config.architecture,
        os: config.os,
        variant: None,
    };
    check_platform(&platform)?;
    let run = config.run;
    let mut command = run.entrypoint;
    command.extend(run.cmd);
    let code = match module_layer(manifest) {
        Ok(code) => code,
        Err(ProgramError::NoModule { .. }) => Code::File {
            layers: tar_layers(manifest)?,
            path: file_path(
                command.first().ok_or(ProgramError::NoEntryPoint)?,
                run.working_dir.as_deref().unwrap_or_default(),
            )
            .ok_or(ProgramError::NoEntryPoint)?,
        },
        Err(error) => return Err(error),
    };
    let mut program = Program::blank();
    program.code = code;
    let filled = &mut program.config;
    filled.created = config.created;
    filled.author = config.author;
    filled.platform = platform;
    filled.env = run.env;
    filled.args = command.into_iter().skip(1).collect();
    filled.labels = run.labels;
    filled.check().map_err(ProgramError::Config)?;
    Ok(program)
}

fn tar_layers(manifest: &Manifest) -> Result<Vec<TarLayer>, ProgramError> {
    let layer = |blob: &Descriptor| {
        let media_type = blob.media_type.as_str();
        let gzip = TAR_GZIP_LAYERS.contains(&media_type);
        if !gzip && !TAR_LAYERS.contains(&media_type) {
            return Err(ProgramError::Compression {
                media_type: media_type.into(),
            });
        }
        Ok(TarLayer {
            blob: blob.clone(),
            gzip,
        })
    };
    manifest.layers.iter().rev().map(layer).collect()
}

/// The path in the archive of a command, which may be relative to the working directory.
fn file_path(command: &str, working_dir: &str) -> Option<String> {
    let whole = if command.starts_with('/') {
        command.to_string()
    } else {
        alloc::format!("{working_dir}/{command}")
    };
    let mut parts = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

impl fmt::Display for ProgramError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact { artifact_type } => {
                write!(
                    formatter,
                    "it is no image but an artifact of type {artifact_type}"
                )
            }
            Self::Platform { platform } => write!(
                formatter,
                "it is made for {platform}; Thimble runs WebAssembly with WASI preview 1 (wasip1/wasm)"
            ),
            Self::Config(error) => error.fmt(formatter),
            Self::NoModule { found } => write!(
                formatter,
                "none of its layers is a WebAssembly module (they are {}); one must be application/wasm",
                found.join(", ")
            ),
            Self::SeveralModules => {
                formatter.write_str("several of its layers are WebAssembly modules; one must be")
            }
            Self::Compression { media_type } => write!(
                formatter,
                "a layer is of type {media_type}, which cannot be unpacked; tar and tar+gzip can"
            ),
            Self::NoEntryPoint => formatter.write_str(
                "it does not say which file to run; its configuration has no entry point",
            ),
        }
    }
}

impl core::error::Error for ProgramError {}
