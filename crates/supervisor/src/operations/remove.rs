//! Removes containers and images.

use alloc::string::String;

use thimble_serial::RefusalKind;

use crate::batch::Batch;
use crate::denied::{Denied, Outcome};
use crate::identity::is_name;
use crate::keys;
use crate::records;
use crate::run_end;
use crate::supervisor::Supervisor;

impl Supervisor {
    /// Removes a container with its data and records.
    #[inline(never)]
    pub(crate) fn remove(&mut self, name: &str, force: bool) -> Outcome<()> {
        match self.entries.get(name) {
            None => return self.remove_damaged(name),
            Some(entry) if !entry.is_at_rest() && !force => {
                return Err(Denied::conflict(format_args!(
                    "the container is {}; stop it first, or remove it by force",
                    entry.state_name()
                )));
            }
            Some(_) => {}
        }
        self.forget(name)
    }

    /// Removes what is kept under a name and could not be read at the start.
    fn remove_damaged(&mut self, name: &str) -> Outcome<()> {
        let is_there =
            is_name(name) && records::get(&self.device.records, &keys::container(name))?.is_some();
        if !is_there {
            return Err(Denied::no_container(name));
        }
        self.forget(name)
    }

    /// Removes a container in whatever state it is. Its declaration goes in one piece with its records and a note of what
    /// is left; the data follow, after a power cut at the next start.
    #[inline(never)]
    pub(crate) fn forget(&mut self, name: &str) -> Outcome<()> {
        let mut batch = Batch::default();
        batch.delete(keys::container(name));
        run_end::delete_all(name, &mut batch);
        batch.put(keys::leftover(name), alloc::vec![1]);
        records::apply(&self.device.records, &batch)?;
        if let Ok(entry) = self.entries.find(name) {
            self.device.discard_run(entry);
            let digest = entry.digest;
            self.entries.remove(name);
            if !self.entries.runs_of(&digest) {
                self.device.catalog.close(&digest);
            }
        }
        let mut batch = Batch::default();
        self.remove_leftover(name, &mut batch).map_err(|why| {
            Denied::new(
                RefusalKind::Device,
                format_args!(
                    "the container is removed, but its data are not: {}; they will be at the next start",
                    why.message
                ),
            )
        })?;
        // At the next start it is found that nothing is left.
        let _ = records::apply(&self.device.records, &batch);
        Ok(())
    }

    /// Removes what a removed container of this name left, and adds to a batch that nothing is left.
    #[inline(never)]
    pub(crate) fn remove_leftover(&mut self, name: &str, batch: &mut Batch) -> Outcome<()> {
        let key = keys::leftover(name);
        if records::get(&self.device.records, &key)?.is_none() {
            return Ok(());
        }
        self.device
            .volumes
            .remove_all(name)
            .map_err(|errno| Denied::storage("removing its data", errno))?;
        batch.delete(key);
        Ok(())
    }

    /// Removes an image that no container needs.
    #[inline(never)]
    pub(crate) fn remove_image(&mut self, image: &str) -> Outcome<thimble_serial::Reply> {
        let digest = self.device.resolve(image)?;
        let mut users = self.entries.iter().filter(|entry| entry.digest == digest);
        if let Some(user) = users.next() {
            let others = users.count();
            let more = if others == 0 {
                String::new()
            } else {
                alloc::format!(" and {others} more")
            };
            return Err(Denied::conflict(format_args!(
                "container {}{more} needs the image; remove it first",
                user.name()
            )));
        }
        self.device.remove_image(&digest)?;
        Ok(thimble_serial::Reply::Done)
    }
}
