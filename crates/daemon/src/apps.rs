//! Apps: sets of containers that are declared together, and brought to what was declared.
//!
//! Planning looks and changes nothing; carrying out takes the plan step by step, so that a failure in the middle leaves
//! containers that are as declared, before or after, and declaring the app again goes on from there.

mod differences;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thimble_device_api::{
    AppSpec, AppStatus, Change, ChangeKind, ContainerSpec, EventKind, Health, MountKind, Plan,
    Problem, ProblemKind, State, Update,
};
use thimble_runtime::lifecycle::{Node, start_order};

use crate::container::Entry;
use crate::device::Device;
use crate::events::Subject;
use crate::identity::check_app_name;
use crate::operations::CreateMode;
use crate::settle;

use differences::{Difference, differences};

/// Containers of an app at most.
const CONTAINERS_MAX: usize = 1024;

/// A container of an app as it is to be.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) spec: ContainerSpec,
}

impl Device {
    /// What has to be done so that an app is as declared.
    pub(crate) fn plan(&self, app: &str, declared: &AppSpec) -> Result<Plan, Problem> {
        let wanted = self.wanted(app, declared)?;
        self.plan_for(app, &wanted)
    }

    /// Brings an app to what is declared.
    pub(crate) fn apply(&self, app: &str, declared: &AppSpec) -> Result<Plan, Problem> {
        self.require_open()?;
        let _one_at_a_time = self.apps.lock();
        let wanted = self.wanted(app, declared)?;
        let plan = self.plan_for(app, &wanted)?;
        let specs: BTreeMap<&str, &ContainerSpec> = wanted
            .iter()
            .map(|wanted| (wanted.name.as_str(), &wanted.spec))
            .collect();
        for change in &plan.changes {
            let spec = specs.get(change.container.as_str()).copied();
            self.carry_out(change, spec)?;
        }
        if !plan.is_empty() {
            self.tell_app(EventKind::AppUp, app);
        }
        Ok(plan)
    }

    /// Takes an app down: its containers are stopped in the reverse order of their start, and removed.
    pub(crate) fn take_down(&self, app: &str, volumes: bool) -> Result<(), Problem> {
        let _one_at_a_time = self.apps.lock();
        let entries = self.entries_of(app);
        if entries.is_empty() {
            return Err(no_such_app(app));
        }
        for entry in in_start_order(&entries).into_iter().rev() {
            self.end_and_remove(&entry, volumes)?;
        }
        self.tell_app(EventKind::AppDown, app);
        Ok(())
    }

    /// The apps as they are.
    pub(crate) fn app_statuses(&self) -> Vec<AppStatus> {
        let mut statuses: BTreeMap<String, AppStatus> = BTreeMap::new();
        for entry in self.entries() {
            let Some(app) = &entry.app else { continue };
            let status = statuses.entry(app.clone()).or_insert_with(|| AppStatus {
                name: app.clone(),
                running: 0,
                containers: 0,
                troubled: 0,
                spec: None,
            });
            let inner = entry.inner();
            status.containers += 1;
            status.running += u32::from(inner.phase.state() == State::Running);
            let troubled = inner.phase.state() == State::Failed
                || inner.restarts.is_crash_loop()
                || inner.health_seen == Health::Unhealthy;
            status.troubled += u32::from(troubled);
        }
        statuses.into_values().collect()
    }

    /// One app as it is, with what was declared.
    pub(crate) fn app_status(&self, app: &str) -> Result<AppStatus, Problem> {
        let statuses = self.app_statuses();
        let mut status = statuses
            .into_iter()
            .find(|status| status.name == app)
            .ok_or_else(|| no_such_app(app))?;
        let entries = self.entries_of(app);
        let containers = entries.iter().map(|entry| {
            let name = entry
                .name
                .strip_prefix(app)
                .and_then(|rest| rest.strip_prefix('.'))
                .unwrap_or(&entry.name);
            (name.to_owned(), (*entry.inner().spec).clone())
        });
        status.spec = Some(AppSpec {
            containers: containers.collect(),
        });
        Ok(status)
    }

    /// The containers of an app as they are to be, in the order in which they are started.
    fn wanted(&self, app: &str, declared: &AppSpec) -> Result<Vec<Wanted>, Problem> {
        check_app_name("app", app)?;
        if declared.containers.is_empty() || declared.containers.len() > CONTAINERS_MAX {
            return Err(Problem::new(
                ProblemKind::Invalid,
                format_args!(
                    "an app has 1 to {CONTAINERS_MAX} containers; `thimble down` removes an app"
                ),
            )
            .about(app));
        }
        let names: BTreeSet<&str> = declared.containers.keys().map(String::as_str).collect();
        let mut wanted = Vec::with_capacity(declared.containers.len());
        for (name, spec) in &declared.containers {
            check_app_name("container", name)?;
            let spec = within_app(app, name, spec, &names);
            settle::check(&spec, &self.binds).map_err(|problem| {
                let detail = format!("container {name}: {}", problem.detail);
                Problem { detail, ..problem }
            })?;
            wanted.push(Wanted {
                name: format!("{app}.{name}"),
                spec,
            });
        }
        self.ordered(app, wanted)
    }

    fn ordered(&self, app: &str, wanted: Vec<Wanted>) -> Result<Vec<Wanted>, Problem> {
        let own: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        let dependencies: Vec<Vec<&str>> = wanted
            .iter()
            .map(|wanted| {
                let names = wanted
                    .spec
                    .depends_on
                    .iter()
                    .map(|dependency| dependency.name.as_str());
                names.filter(|name| own.contains(name)).collect()
            })
            .collect();
        let nodes: Vec<Node<'_>> = wanted
            .iter()
            .zip(&dependencies)
            .map(|(wanted, dependencies)| Node {
                name: &wanted.name,
                dependencies: dependencies.clone(),
            })
            .collect();
        let order = start_order(&nodes).map_err(|error| {
            Problem::new(ProblemKind::Invalid, format_args!("depends_on: {error}")).about(app)
        })?;
        let mut slots: Vec<Option<Wanted>> = wanted.into_iter().map(Some).collect();
        Ok(order
            .into_iter()
            .filter_map(|index| slots.get_mut(index).and_then(Option::take))
            .collect())
    }

    fn plan_for(&self, app: &str, wanted: &[Wanted]) -> Result<Plan, Problem> {
        let mut changes = Vec::new();
        let present: BTreeMap<String, Arc<Entry>> = self
            .entries_of(app)
            .into_iter()
            .map(|entry| (entry.name.clone(), entry))
            .collect();
        let names: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        // What is not wanted any more goes first: it may hold a port or a volume.
        for (name, _) in present
            .iter()
            .filter(|(name, _)| !names.contains(name.as_str()))
        {
            changes.push(change(name, ChangeKind::Remove, Vec::new()));
        }
        for wanted in wanted {
            let Some(entry) = present.get(&wanted.name) else {
                if let Ok(other) = self.find(&wanted.name)
                    && other.name == wanted.name
                {
                    return Err(Problem::new(
                        ProblemKind::NameInUse,
                        "a container of this name is there and does not belong to the app; remove it first",
                    )
                    .about(&wanted.name));
                }
                changes.push(change(&wanted.name, ChangeKind::Create, Vec::new()));
                continue;
            };
            changes.push(self.change_of(entry, wanted)?);
        }
        Ok(Plan {
            app: app.to_owned(),
            changes,
        })
    }

    fn change_of(&self, entry: &Entry, wanted: &Wanted) -> Result<Change, Problem> {
        let (spec, at_rest, failures) = {
            let inner = entry.inner();
            let completed = inner.phase.state() == State::Exited
                && inner.desired == crate::state::Desired::Stopped;
            (
                Arc::clone(&inner.spec),
                inner.phase.is_at_rest() && !(completed && runs_once(&inner.spec)),
                inner.restarts.failures(),
            )
        };
        let mut found = differences(&spec, &wanted.spec);
        if let Some(difference) = self.image_difference(entry, wanted)? {
            found.insert(0, difference);
        }
        let texts = |found: &[Difference]| found.iter().map(ToString::to_string).collect();
        let kind = if found.iter().any(|difference| !difference.live) {
            ChangeKind::Replace
        } else if !found.is_empty() {
            ChangeKind::Update
        } else if at_rest {
            return Ok(change(
                &wanted.name,
                ChangeKind::Start,
                (failures > 0)
                    .then(|| format!("it has failed {failures} times in a row"))
                    .into_iter()
                    .collect(),
            ));
        } else {
            ChangeKind::Keep
        };
        Ok(change(&wanted.name, kind, texts(&found)))
    }

    /// Whether the image's name points to something else now.
    fn image_difference(
        &self,
        entry: &Entry,
        wanted: &Wanted,
    ) -> Result<Option<Difference>, Problem> {
        let image = self.images.open(&wanted.spec.image, None)?;
        let digest = image.identity.digest;
        Ok((digest != entry.image.digest).then(|| Difference {
            path: "image".to_owned(),
            from: format!("{} ({})", entry.image.reference, short(&entry.image.digest)),
            to: format!("{} ({})", wanted.spec.image, short(&digest)),
            live: false,
        }))
    }

    fn carry_out(&self, change: &Change, spec: Option<&ContainerSpec>) -> Result<(), Problem> {
        let create =
            |spec: &ContainerSpec| self.create(spec.clone(), CreateMode::AndStart).map(|_| ());
        match (change.kind, spec) {
            (ChangeKind::Create, Some(spec)) => create(spec),
            (ChangeKind::Replace, Some(spec)) => {
                // Its image is checked before anything is taken away.
                self.images.open(&spec.image, None)?;
                self.end_and_remove(&self.find(&change.container)?, false)?;
                create(spec)
            }
            (ChangeKind::Update, Some(spec)) => {
                let update = Update {
                    limits: spec.limits.clone(),
                    restart: spec.restart.clone(),
                    bus: spec.bus.clone(),
                    logs: spec.logs.clone(),
                };
                self.update(&self.find(&change.container)?, &update)
            }
            (ChangeKind::Start, _) => self.start(&self.find(&change.container)?),
            (ChangeKind::Remove, _) => self.end_and_remove(&self.find(&change.container)?, false),
            _ => Ok(()),
        }
    }

    /// Stops a container, waits for that, and removes it.
    fn end_and_remove(&self, entry: &Arc<Entry>, volumes: bool) -> Result<(), Problem> {
        let ending = self.stop(entry, None)?;
        self.wait_for_end(entry, ending);
        self.remove(entry, volumes)
    }

    fn entries_of(&self, app: &str) -> Vec<Arc<Entry>> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.app.as_deref() == Some(app));
        entries
    }

    fn tell_app(&self, kind: EventKind, app: &str) {
        let subject = Subject {
            app: Some(app.to_owned()),
            ..Subject::default()
        };
        self.wires.events.tell(kind, subject, []);
    }
}

/// A declaration with the names that it has on the device.
fn within_app(
    app: &str,
    name: &str,
    spec: &ContainerSpec,
    names: &BTreeSet<&str>,
) -> ContainerSpec {
    let mut spec = spec.clone();
    spec.name = Some(format!("{app}.{name}"));
    spec.app = Some(app.to_owned());
    for dependency in &mut spec.depends_on {
        if names.contains(dependency.name.as_str()) {
            dependency.name = format!("{app}.{}", dependency.name);
        }
    }
    for mount in &mut spec.mounts {
        if mount.kind == MountKind::Volume && !mount.source.contains('.') {
            mount.source = format!("{app}.{}", mount.source);
        }
    }
    spec
}

/// The containers of an app, each after those that it depends on.
pub(crate) fn in_start_order(entries: &[Arc<Entry>]) -> Vec<Arc<Entry>> {
    let specs: Vec<Arc<ContainerSpec>> = entries
        .iter()
        .map(|entry| Arc::clone(&entry.inner().spec))
        .collect();
    let own: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let dependencies: Vec<Vec<&str>> = specs
        .iter()
        .map(|spec| {
            let names = spec
                .depends_on
                .iter()
                .map(|dependency| dependency.name.as_str());
            names.filter(|name| own.contains(name)).collect()
        })
        .collect();
    let nodes: Vec<Node<'_>> = entries
        .iter()
        .zip(&dependencies)
        .map(|(entry, dependencies)| Node {
            name: &entry.name,
            dependencies: dependencies.clone(),
        })
        .collect();
    match start_order(&nodes) {
        Ok(order) => order
            .into_iter()
            .filter_map(|index| entries.get(index).cloned())
            .collect(),
        // It was checked when it was declared; whatever it is now, all of it is there.
        Err(_) => entries.to_vec(),
    }
}

/// Whether a container is done when it has ended well.
fn runs_once(spec: &ContainerSpec) -> bool {
    spec.restart
        .as_deref()
        .is_none_or(|policy| policy == "no" || policy.starts_with("on-failure"))
}

fn change(container: &str, kind: ChangeKind, differences: Vec<String>) -> Change {
    Change {
        container: container.to_owned(),
        kind,
        differences,
    }
}

/// A digest's beginning, which is enough for people.
fn short(digest: &str) -> &str {
    let end = digest.find(':').map_or(12, |colon| colon + 13);
    digest.get(..end).unwrap_or(digest)
}

fn no_such_app(app: &str) -> Problem {
    Problem::new(
        ProblemKind::NoSuchApp,
        "there is no such app; `thimble apps` lists those that are",
    )
    .about(app)
}
