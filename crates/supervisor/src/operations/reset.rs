//! Removes everything. It is noted first, so that a power cut in the middle does not leave half a device.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thimble_port_mcu::records::prefix;
use thimble_serial::Reply;

use crate::batch::Batch;
use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::keys;
use crate::records;
use crate::supervisor::Supervisor;

impl Supervisor {
    /// Removes every container, image and all data; the device is to be restarted then.
    #[inline(never)]
    pub(crate) fn factory_reset(&mut self) -> Outcome<Reply> {
        let mut batch = Batch::default();
        batch.put(keys::WIPE.to_vec(), alloc::vec![1]);
        records::apply(&self.device.records, &batch)?;
        let names: Vec<String> = self
            .entries
            .iter()
            .map(|entry| entry.name().to_string())
            .collect();
        for name in names {
            if let Ok(entry) = self.entries.find(&name) {
                self.device.discard_run(entry);
            }
            self.entries.remove(&name);
        }
        // Whatever happens now, the next start goes on with it.
        self.device.is_rebooting = true;
        self.device.wipe()?;
        Ok(Reply::Done)
    }
}

impl Device {
    /// Removes everything; it may have begun before.
    ///
    /// # Errors
    /// Storage failed; it goes on at the next start.
    #[inline(never)]
    pub(crate) fn wipe(&mut self) -> Outcome<()> {
        self.abandon_install();
        self.catalog = crate::catalog::Catalog::default();
        for key in records::keys(&self.records, keys::CONTAINERS)? {
            let name = key
                .get(1..)
                .and_then(|name| core::str::from_utf8(name).ok());
            if let Some(name) = name {
                self.volumes
                    .remove_all(name)
                    .map_err(|errno| Denied::storage("removing data", errno))?;
            }
        }
        let mut key = Vec::new();
        while self.store.next(&[], &mut key)? {
            let image = core::mem::take(&mut key);
            self.store.remove(&image, &[])?;
        }
        for prefix in [
            prefix::CONTAINER,
            prefix::RUN,
            prefix::REFERENCE,
            prefix::VALUE,
            prefix::FILE,
        ] {
            self.delete_all(&[prefix], &[])?;
        }
        self.delete_all(&[prefix::DEVICE], keys::WIPE)?;
        // Last, for then nothing is left to do.
        self.delete(keys::WIPE)
    }

    fn delete(&mut self, key: &[u8]) -> Outcome<()> {
        let mut batch = Batch::default();
        batch.delete(key.to_vec());
        records::apply(&self.records, &batch)
    }

    /// Deletes all keys of a prefix but one.
    fn delete_all(&mut self, prefix: &[u8], except: &[u8]) -> Outcome<()> {
        let mut after = Vec::new();
        let mut key = Vec::new();
        while records::next(&self.records, prefix, &after, &mut key)? {
            if key == except {
                after.clear();
                after.extend_from_slice(&key);
            } else {
                self.delete(&key)?;
            }
        }
        Ok(())
    }
}
