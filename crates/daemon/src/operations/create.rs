//! Makes containers.

use std::sync::Arc;

use thimble_device_api::{ContainerSpec, Created, EventKind, Problem, ProblemKind, Timestamp};
use thimble_runtime::lifecycle::{BackoffSettings, Restarts};

use crate::container::Entry;
use crate::device::{CONTAINERS_MAX, Device, pin_owner, random_bits};
use crate::identity::Id;
use crate::images::OpenedImage;
use crate::settle;
use crate::state::{Desired, Saved};

/// Whether a container is started as soon as it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CreateMode {
    Only,
    AndStart,
}

impl Device {
    /// Makes a container; it is on the disk when this is done.
    pub(crate) fn create(
        &self,
        mut spec: ContainerSpec,
        mode: CreateMode,
    ) -> Result<(Arc<Entry>, Created), Problem> {
        self.require_open()?;
        settle::check(&spec, &self.binds)?;
        let (id, name) = self.reserve(spec.name.as_deref())?;
        spec.name = Some(name.clone());
        let made = self.make(id, &name, spec, mode);
        if made.is_err() {
            self.release(id, &name);
        }
        made
    }

    /// Takes an id, and a name: the one that was asked for, or one made up.
    fn reserve(&self, asked: Option<&str>) -> Result<(Id, String), Problem> {
        let mut table = self.table.write();
        if table.names.len() >= CONTAINERS_MAX {
            return Err(Problem::new(
                ProblemKind::TooMany,
                format_args!(
                    "there are {CONTAINERS_MAX} containers, as many as there can be; remove some"
                ),
            ));
        }
        let mut id = Id::new(random_bits());
        while table.entries.contains_key(&id) {
            id = Id::new(id.number().wrapping_add(1));
        }
        let name = asked.map_or_else(|| format!("c-{id}"), ToOwned::to_owned);
        if let Some(other) = table.names.get(&name) {
            return Err(Problem::new(
                ProblemKind::NameInUse,
                format_args!("container {other} has this name; remove it or choose another name"),
            )
            .about(name));
        }
        table.names.insert(name.clone(), id);
        Ok((id, name))
    }

    fn release(&self, id: Id, name: &str) {
        let mut table = self.table.write();
        table.entries.remove(&id);
        table.names.remove(name);
    }

    fn make(
        &self,
        id: Id,
        name: &str,
        spec: ContainerSpec,
        mode: CreateMode,
    ) -> Result<(Arc<Entry>, Created), Problem> {
        let image = self.images.open(&spec.image, None)?;
        let settled = settle::settle(name, &spec, &image.stem, &image.config, &self.binds)?;
        let owner = pin_owner(id);
        self.images.pin(&owner, &image.identity.digest)?;
        let log = self.open_log(id, &spec)?;
        let policy = settle::restart_policy(spec.restart.as_deref())?;
        let saved = Saved {
            id,
            name: name.to_owned(),
            image: image.identity.clone(),
            created_at: Timestamp::now(),
            desired: match mode {
                CreateMode::Only => Desired::Stopped,
                CreateMode::AndStart => Desired::Running,
            },
            spec,
            started_at: None,
            ends: Vec::new(),
            restarts: 0,
            host_failures: 0,
        };
        if let Err(error) = self.states.add(&saved) {
            // Who failed to write may fail to remove; at the next start it is found to be nobody's.
            drop(self.images.unpin(&owner));
            return Err(
                crate::device::disk_problem("writing the state of the container", &error)
                    .about(name),
            );
        }
        let entry = Arc::new(Entry::new(
            saved,
            log,
            Restarts::new(policy, BackoffSettings::default()),
        ));
        self.finish(&entry, image, settled.unmet, mode)
    }

    /// Lets everybody see a container that is on the disk, and starts it if that is wanted.
    fn finish(
        &self,
        entry: &Arc<Entry>,
        image: OpenedImage,
        unmet: Vec<String>,
        mode: CreateMode,
    ) -> Result<(Arc<Entry>, Created), Problem> {
        let created = Created {
            id: entry.id.to_string(),
            name: entry.name.clone(),
            unmet: unmet.clone(),
            notes: std::collections::BTreeMap::new(),
        };
        entry.inner().unmet = unmet;
        let _operation = entry.operate();
        self.table
            .write()
            .entries
            .insert(entry.id, Arc::clone(entry));
        self.tell(
            EventKind::Create,
            entry,
            [("image", entry.image.reference.clone())],
        );
        if mode == CreateMode::AndStart
            && let Err(problem) = self.begin(entry, Some(&image))
        {
            // What was asked for is a container that runs: there is none.
            self.forget(entry);
            return Err(problem);
        }
        self.changed(entry);
        Ok((Arc::clone(entry), created))
    }

    /// The log of a container.
    pub(crate) fn open_log(
        &self,
        id: Id,
        spec: &ContainerSpec,
    ) -> Result<crate::logs::ContainerLog, Problem> {
        let settings = settle::log_settings(&spec.logs)?;
        Ok(self
            .logs
            .open(self.log_folder.join(id.to_string()), settings))
    }
}
