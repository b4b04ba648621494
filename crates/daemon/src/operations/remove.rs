//! Removes containers.

use std::sync::Arc;

use thimble_device_api::{EventKind, MountKind, Problem, ProblemKind};

use crate::container::Entry;
use crate::device::{Device, disk_problem, pin_owner};

use super::wrong_state;

impl Device {
    /// Removes a container that does not run; what it wrote to volumes stays unless `volumes`.
    pub(crate) fn remove(&self, entry: &Arc<Entry>, volumes: bool) -> Result<(), Problem> {
        let _operation = entry.operate();
        self.require_there(entry)?;
        {
            let inner = entry.inner();
            if !inner.phase.is_at_rest() {
                return Err(wrong_state(
                    entry,
                    &inner,
                    "stop it first, or remove it by force",
                ));
            }
        }
        self.states.remove(entry.id).map_err(|error| {
            disk_problem("removing the state of the container", &error).about(&entry.name)
        })?;
        self.drop_remains(entry);
        if volumes {
            self.remove_volumes_of(entry);
        }
        Ok(())
    }

    /// Forgets a container that nobody was promised. The caller holds the operation.
    pub(crate) fn forget(&self, entry: &Arc<Entry>) {
        if let Err(error) = self.states.remove(entry.id) {
            tracing::error!("{}: its state cannot be removed: {error}", entry.name);
        }
        self.drop_remains(entry);
    }

    fn drop_remains(&self, entry: &Arc<Entry>) {
        entry.inner().removed = true;
        {
            let mut table = self.table.write();
            table.entries.remove(&entry.id);
            table.names.remove(&entry.name);
        }
        self.waiting.lock().remove(&entry.id);
        if let Err(error) = self.images.unpin(&pin_owner(entry.id)) {
            // It is found to be nobody's at the next start.
            tracing::warn!("{}: its image stays pinned: {error}", entry.name);
        }
        entry.log.close();
        if let Err(error) = entry.log.clone().remove() {
            tracing::warn!("{}: its log cannot be removed: {error}", entry.name);
        }
        self.tell(EventKind::Remove, entry, []);
        self.changed(entry);
    }

    /// Removes stored values and volumes that only this container had.
    fn remove_volumes_of(&self, entry: &Entry) {
        if let Err(error) = self.key_values.remove(&entry.name) {
            tracing::warn!(
                "{}: its stored values cannot be removed: {error}",
                entry.name
            );
        }
        let prefix = format!("{}.", entry.name);
        let declared = Arc::clone(&entry.inner().spec);
        let named = declared
            .mounts
            .iter()
            .filter(|mount| mount.kind == MountKind::Volume)
            .map(|mount| mount.source.clone());
        // Those that the image asked for are called by the container's name.
        let own = self.volumes.names().unwrap_or_default();
        let own = own.into_iter().filter(|name| name.starts_with(&prefix));
        let volumes: std::collections::BTreeSet<String> = named.chain(own).collect();
        for name in volumes {
            if let Err(problem) = self.remove_volume(&name) {
                tracing::info!("{problem}");
            }
        }
    }

    /// Removes a volume that no container has.
    pub(crate) fn remove_volume(&self, name: &str) -> Result<(), Problem> {
        crate::identity::check_name("volume", name)?;
        let users = self.volume_users(name);
        if !users.is_empty() {
            return Err(Problem::new(
                ProblemKind::InUse,
                format_args!(
                    "the volume is used by {}; remove these first",
                    users.join(", ")
                ),
            )
            .about(name));
        }
        match self.volumes.remove(name) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Problem::new(
                ProblemKind::NoSuchVolume,
                "there is no such volume; `thimble volumes` lists those that are",
            )
            .about(name)),
            Err(error) => Err(disk_problem("removing the volume", &error).about(name)),
        }
    }

    /// The names of the containers that have a volume.
    pub(crate) fn volume_users(&self, name: &str) -> Vec<String> {
        let is_user = |entry: &Arc<Entry>| {
            let inner = entry.inner();
            let declared = inner
                .spec
                .mounts
                .iter()
                .any(|mount| mount.kind == MountKind::Volume && mount.source == name);
            let own = name
                .strip_prefix(entry.name.as_str())
                .is_some_and(|rest| rest.starts_with('.'));
            declared || own
        };
        self.entries()
            .iter()
            .filter(|entry| is_user(entry))
            .map(|entry| entry.name.clone())
            .collect()
    }
}
