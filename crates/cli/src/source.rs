//! Where a container comes from: a file, or an image that is here or is fetched.

mod file;

use std::ffi::OsStr;
use std::path::Path;

use thimble_image::program::Code;
use thimble_image::signature::policy::FILE_SCOPE;
use thimble_image::{Descriptor, ImageConfig, Reference};
use thimble_port_linux::images::archive::{Limits, extract_module};
use thimble_port_linux::images::store::{ImageStore, Session};
use thimble_runtime::module::Module;

use crate::arguments::PullWhen;
use crate::failure::{Failure, ImageFault, chain};
use crate::images::fetch::Fetcher;
use crate::images::{list, opened};
use crate::report;
use crate::settings;
use crate::trust::Trust;

/// Bytes of a module at most: more than any that a device could hold.
const MODULE_BYTES_MAX: u64 = 512 << 20;

/// A container before it runs.
pub(crate) struct Source {
    /// What it is called in messages.
    pub(crate) shown: String,
    /// The name of the program: of the file, or of the image's repository.
    pub(crate) stem: String,
    /// The module.
    pub(crate) module: Module,
    /// What the image says, if it is one.
    pub(crate) image: Option<Image>,
}

/// What an image says.
pub(crate) struct Image {
    pub(crate) reference: Reference,
    pub(crate) root: Descriptor,
    pub(crate) config: ImageConfig,
    pub(crate) store: ImageStore,
    /// As long as it is here, `prune` leaves the image alone.
    _session: Session,
}

/// How images are got and judged.
pub(crate) struct Opening {
    pub(crate) pull: PullWhen,
    pub(crate) plain_http: bool,
    pub(crate) json: bool,
    /// Whether what is not trusted is refused; for looking at it, it is not.
    pub(crate) judge: bool,
}

/// Opens what a person named: a file that is there or looks like one, else an image.
pub(crate) fn open(named: &OsStr, opening: &Opening) -> Result<Source, Failure> {
    match named.to_str() {
        Some(text) if !is_file(text) => open_image(text, opening),
        _ => open_file(Path::new(named), opening),
    }
}

/// Whether this names a file: by its form, or because there is one.
pub(crate) fn is_file(text: &str) -> bool {
    let by_form = text.starts_with(['/', '.', '~'])
        || [".wasm", ".wat"].iter().any(|end| text.ends_with(end));
    by_form || Path::new(text).is_file() || text.parse::<Reference>().is_err()
}

pub(crate) fn open_file(path: &Path, opening: &Opening) -> Result<Source, Failure> {
    let module = file::module(path)?;
    if opening.judge {
        Trust::read()?
            .judge(FILE_SCOPE, None, &[])
            .map_err(|reason| Failure::cannot_run(path, reason))?;
    }
    Ok(Source {
        shown: path.display().to_string(),
        stem: path.file_stem().map_or_else(
            || "container".into(),
            |stem| stem.to_string_lossy().into_owned(),
        ),
        module,
        image: None,
    })
}

pub(crate) fn open_image(text: &str, opening: &Opening) -> Result<Source, Failure> {
    let reference = opened::reference(text)?;
    let settings = settings::read()?;
    let store = opened::open(&settings)?;
    let trust = Trust::read()?;
    let session = store
        .session()
        .map_err(|error| Failure::image_error(text, &error))?;
    let fetcher = Fetcher {
        settings: &settings,
        trust: &trust,
        plain_http: opening.plain_http,
        json: opening.json,
    };
    let here = store
        .find(&reference)
        .map_err(|error| Failure::image_error(text, &error))?;
    let fetched = match (opening.pull, &here) {
        (PullWhen::Always, _) | (PullWhen::Missing, None) => {
            Some(fetcher.fetch_and_name(&session, &reference)?)
        }
        _ => None,
    };
    let root = match (&fetched, here) {
        (Some(root), _) => root.clone(),
        (None, Some(root)) => root,
        (None, None) => return Err(missing(&reference)),
    };
    let scope = Scope {
        name: reference.name(),
        shown: reference.familiar(),
        json: opening.json,
    };
    let judge = opening.judge.then_some(&trust);
    let opened = read_stored(&session, &scope, &root, judge);
    let (config, module) = match opened {
        // What is damaged is fetched again, once.
        Err(Trouble::Damaged(reason)) if opening.pull == PullWhen::Missing && fetched.is_none() => {
            report::note(text, &format!("{reason}; fetching it again"), opening.json);
            // The same content, wherever the tag points now; the name is there.
            fetcher.fetch(&session, &reference.with_digest(root.digest))?;
            read_stored(&session, &scope, &root, judge)
        }
        opened => opened,
    }
    .map_err(|trouble| trouble.failure(text))?;
    Ok(Source {
        shown: reference.familiar(),
        stem: stem(&reference),
        module,
        image: Some(Image {
            reference,
            root,
            config,
            store,
            _session: session,
        }),
    })
}

fn missing(reference: &Reference) -> Failure {
    Failure::image_fault(
        reference.familiar(),
        ImageFault::NotFound,
        "there is no such image here, and no such file; `thimble images` lists the images, `thimble pull` fetches one",
    )
}

/// The last part of the repository's path.
pub(crate) fn stem(reference: &Reference) -> String {
    let repository = reference.repository();
    repository
        .rsplit('/')
        .next()
        .unwrap_or(repository)
        .to_owned()
}

/// As what an image is judged, and what it is called.
pub(crate) struct Scope {
    /// Its registry and repository, or the scope of files.
    pub(crate) name: String,
    /// What people call it.
    pub(crate) shown: String,
    /// Whether what is told of it is JSON.
    pub(crate) json: bool,
}

/// Why an image that is here cannot be run.
pub(crate) enum Trouble {
    /// Something of it is missing or not what its digest says.
    Damaged(String),
    /// It is not for us.
    Unfit(String),
    /// It is not trusted.
    Untrusted(String),
}

impl Trouble {
    fn failure(self, text: &str) -> Failure {
        match self {
            Self::Damaged(reason) => Failure::image_fault(
                text,
                ImageFault::CannotRun,
                format_args!("{reason}; `thimble pull {text}` fetches it again"),
            ),
            Self::Unfit(reason) | Self::Untrusted(reason) => {
                Failure::image_fault(text, ImageFault::CannotRun, reason)
            }
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged(reason) | Self::Unfit(reason) | Self::Untrusted(reason) => {
                formatter.write_str(reason)
            }
        }
    }
}

/// Reads an image that is here, every byte checked, if it is trusted; without `trust` it is not asked.
pub(crate) fn read_stored(
    session: &Session,
    scope: &Scope,
    root: &Descriptor,
    trust: Option<&Trust>,
) -> Result<(ImageConfig, Module), Trouble> {
    let damaged = |error: &dyn std::error::Error| Trouble::Damaged(chain(error));
    let store = session.store();
    session.keep_image(root).map_err(|error| damaged(&error))?;
    if let Some(trust) = trust.filter(|trust| trust.has_policy()) {
        let envelopes =
            opened::envelopes_of(store, &root.digest).map_err(|error| damaged(&error))?;
        let notes = trust
            .judge(&scope.name, Some(root), &envelopes)
            .map_err(Trouble::Untrusted)?;
        for note in notes {
            report::note(&scope.shown, &note, scope.json);
        }
    }
    let program = opened::manifest(store, root)
        .and_then(|(_, manifest)| list::program(store, &manifest))
        .map_err(Trouble::Unfit)?;
    let bytes = match &program.code {
        Code::Module(blob) => store
            .read_verified(&blob.digest, MODULE_BYTES_MAX)
            .map_err(|error| damaged(&error))?,
        Code::File { layers, path } => extract_module(layers, path, session, &Limits::default())
            .map_err(|error| Trouble::Unfit(chain(&error)))?,
    };
    let module = Module::parse(bytes).map_err(|error| Trouble::Unfit(chain(&error)))?;
    Ok((program.config, module))
}
