//! `thimble fleet apps publish`: from the file that one device takes with `thimble up` to a version for a fleet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use thimble_device_api::spec::{DependencyCondition, HealthAction, LimitsSpec, MountKind};
use thimble_device_api::{AppSpec, ContainerSpec as DeviceSpec};
use thimble_hub_api::app::{
    AppVersion, ContainerSpec, Health, Limits, Mount, NewApp, NewAppVersion,
};
use thimble_image::Reference;

use crate::app;
use crate::arguments::Shape;
use crate::failure::Failure;
use crate::images::progress::Progress;
use crate::images::{opened, push};
use crate::output::Output;
use crate::settings;

use super::apps::version_text;
use super::fields::VERSION;
use super::logins::registry;
use super::session::Session;

#[derive(Args)]
#[command(disable_version_flag = true, after_help = HELP)]
pub(super) struct PublishArguments {
    /// The version; it never changes once it is published.
    #[arg(long = "version", value_name = "VERSION")]
    app_version: String,

    /// The app's name [default: `name:` in the file, else the folder's].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// What the app is, for people; when it is published for the first time.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,

    #[command(flatten)]
    shape: Shape,

    /// The app's file.
    #[arg(value_name = "FILE", default_value = "app.yaml")]
    file: PathBuf,
}

const HELP: &str = "\
The file is the one that `thimble up` takes. Images that are here are pushed to HUB/TENANT/NAME:TAG first; of others the hub
must have NAME:TAG already. The version holds them by digest.

Example:
  thimble build -t reader:1.0 .
  thimble fleet apps publish app.yaml --version 1.0";

/// Publishes a version.
pub(super) fn publish(arguments: &PublishArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, VERSION)?;
    let (name, spec) = app::load(&arguments.file, arguments.name.as_deref())?;
    // Everything is understood before anything is sent.
    let containers = containers(&arguments.file, &spec)?;
    let containers = send(containers, session, output.is_json())?;
    if session.find(&name, session.client.app(&name))?.is_none() {
        let new = NewApp {
            name: name.clone(),
            description: arguments.description.clone(),
        };
        session.about(&name, session.client.create_app(&new))?;
    }
    let new = NewAppVersion {
        version: arguments.app_version.clone(),
        containers,
    };
    let subject = format!("{name} {}", new.version);
    let version: AppVersion =
        session.about(&subject, session.client.publish_version(&name, &new))?;
    output.one(&version, || version_text(&version))
}

/// Pushes the images that are here; the containers with the names that the hub gives them.
fn send(
    containers: Vec<ContainerSpec>,
    session: &Session,
    is_json: bool,
) -> Result<Vec<ContainerSpec>, Failure> {
    let settings = settings::read()?;
    let store = opened::open(&settings)?;
    let host = registry(&session.hub).unwrap_or_default();
    let tenant = session.ask(session.client.whoami())?.tenant;
    let plain_http = session.hub.starts_with("http://");
    let mut progress = Progress::new("sent", is_json);
    // Containers may share an image.
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut sent = Vec::with_capacity(containers.len());
    for container in containers {
        let known = names.get(&container.image).cloned();
        let image = match known {
            Some(name) => name,
            None => {
                let reference = opened::reference(&container.image)?;
                let name = name_at_hub(&reference, host, &tenant);
                let found = store
                    .find(&reference)
                    .map_err(|error| Failure::image_error(&container.image, &error))?;
                if let Some(root) = found {
                    let to = target(&reference, &name, host, &tenant)?;
                    push::send(&settings, &store, &root, &to, plain_http, &mut progress)?;
                }
                names.insert(container.image.clone(), name.clone());
                name
            }
        };
        sent.push(ContainerSpec { image, ..container });
    }
    Ok(sent)
}

/// What an image is called in the hub's registry: without registry and tenant.
fn name_at_hub(reference: &Reference, host: &str, tenant: &str) -> String {
    let familiar = reference.familiar();
    let path = familiar
        .strip_prefix(reference.registry())
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(&familiar);
    let own = format!("{tenant}/");
    let path = match path.strip_prefix(&own) {
        Some(rest) if reference.registry() == host => rest,
        _ => path,
    };
    path.to_owned()
}

/// Where an image goes. One that is named by its digest has no tag; the hub knows it by the digest alone.
fn target(
    reference: &Reference,
    name: &str,
    host: &str,
    tenant: &str,
) -> Result<Reference, Failure> {
    let text = match reference.digest() {
        Some(_) => {
            let repository = name.split(['@', ':']).next().unwrap_or(name);
            format!(
                "{host}/{tenant}/{repository}@{}",
                name.rsplit('@').next().unwrap_or_default()
            )
        }
        None => format!("{host}/{tenant}/{name}"),
    };
    opened::reference(&text)
}

/// The containers of an app's file as a fleet has them, each after those that it needs.
fn containers(file: &Path, spec: &AppSpec) -> Result<Vec<ContainerSpec>, Failure> {
    let mut left: BTreeMap<&str, &DeviceSpec> = spec
        .containers
        .iter()
        .map(|(name, spec)| (name.as_str(), spec))
        .collect();
    let mut done = Vec::new();
    while !left.is_empty() {
        let ready: Vec<&str> = left
            .iter()
            .filter(|(_, spec)| {
                let mut needed = spec.depends_on.iter();
                needed.all(|needed| !left.contains_key(needed.name.as_str()))
            })
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            let names: Vec<&str> = left.keys().copied().collect();
            return Err(wrong(
                file,
                format_args!("{} depend on each other", names.join(", ")),
            ));
        }
        for name in ready {
            if let Some(spec) = left.remove(name) {
                let converted = container(name, spec);
                done.push(
                    converted.map_err(|reason| wrong(file, format_args!("{name}: {reason}")))?,
                );
            }
        }
    }
    Ok(done)
}

fn wrong(file: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::Settings {
        path: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// A container as a fleet has it, or which part of it a fleet does not have.
fn container(name: &str, spec: &DeviceSpec) -> Result<ContainerSpec, String> {
    refuse(spec)?;
    let mounts = spec.mounts.iter().map(|mount| match mount.kind {
        MountKind::Volume => Ok(Mount {
            volume: mount.source.clone(),
            target: mount.target.clone(),
            read_only: mount.read_only,
        }),
        MountKind::Bind => Err(format!(
            "the folder {} is one device's own; a fleet has volumes: `NAME:{}`",
            mount.source, mount.target
        )),
    });
    let health = match &spec.health {
        None => None,
        Some(health) => Some(Health {
            start_ms: milliseconds("start_period", health.start_ms)?,
            heartbeat_ms: health
                .heartbeat_ms
                .map(|wait| milliseconds("interval", wait))
                .transpose()?,
        }),
    };
    Ok(ContainerSpec {
        name: name.to_owned(),
        image: spec.image.clone(),
        args: spec.args.clone(),
        env: spec.env.clone(),
        secret_env: BTreeMap::new(),
        grants: spec.grants.clone(),
        mounts: mounts.collect::<Result<_, _>>()?,
        listen: spec.listen.clone(),
        limits: limits(&spec.limits),
        restart: spec.restart.clone().unwrap_or_else(|| "always".to_owned()),
        health,
        depends_on: spec
            .depends_on
            .iter()
            .map(|needed| needed.name.clone())
            .collect(),
    })
}

/// Complains about what the hub cannot declare: leaving it out silently would be another app.
fn refuse(spec: &DeviceSpec) -> Result<(), String> {
    let waits = spec
        .depends_on
        .iter()
        .any(|needed| needed.condition != DependencyCondition::Started);
    let reports = spec
        .health
        .as_ref()
        .is_some_and(|health| health.action != HealthAction::Restart);
    for (is_there, what, instead) in [
        (
            spec.allow_requested,
            "`allow_requested`",
            "write the grants; `thimble inspect IMAGE` shows what it asks for",
        ),
        (
            spec.entry.is_some(),
            "`entrypoint`",
            "set it when the image is built",
        ),
        (
            spec.stop_grace_ms.is_some(),
            "`stop_grace_period`",
            "set it when the image is built",
        ),
        (spec.timeout_ms.is_some(), "`timeout`", "leave it out"),
        (
            spec.bus != thimble_device_api::spec::BusSpec::default(),
            "the queue of `bus`",
            "leave it out; what may be published and subscribed stays",
        ),
        (
            spec.logs != thimble_device_api::spec::LogSpec::default(),
            "`logging`",
            "leave it out",
        ),
        (!spec.labels.is_empty(), "`labels`", "leave them out"),
        (spec.interactive, "`stdin_open`", "leave it out"),
        (
            waits,
            "a condition of `depends_on` other than `started`",
            "leave it out",
        ),
        (
            reports,
            "the action `report` of `healthcheck`",
            "leave it out",
        ),
    ] {
        if is_there {
            return Err(format!("{what} is not for a fleet: {instead}"));
        }
    }
    Ok(())
}

fn milliseconds(what: &str, wait: u64) -> Result<u32, String> {
    u32::try_from(wait).map_err(|_| format!("{what}: {wait} ms are more than can be waited for"))
}

fn limits(limits: &LimitsSpec) -> Limits {
    Limits {
        memory_bytes: limits.memory_bytes,
        cpu_share_thousandths: limits.cpu_share_thousandths,
        storage_bytes: limits.storage_bytes,
        key_value_bytes: limits.key_value_bytes,
        descriptors: limits.descriptors,
        sockets: limits.sockets,
        timers: limits.timers,
        subscriptions: limits.subscriptions,
    }
}
