//! Makes containers.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use thimble_runtime::Instant;
use thimble_runtime::kernel::Beginning;
use thimble_serial::{Declaration, RefusalKind, Reply};

use crate::batch::Batch;
use crate::container::Entry;
use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::identity::check_name;
use crate::journal::Journal;
use crate::keys;
use crate::records;
use crate::run_end::{NumberedEnd, of_run};
use crate::saved::{Desired, Saved};
use crate::settle;
use crate::supervisor::Supervisor;

/// Memory that making a container takes for a moment, about.
const CREATE_BYTES: usize = 2048;

impl Supervisor {
    /// Makes a container, and starts it if that is declared. Another one of its name is replaced at the moment when
    /// nothing can fail any more.
    #[inline(never)]
    pub(crate) fn create(
        &mut self,
        mut declaration: Declaration,
        replace: bool,
        now: Instant,
    ) -> Outcome<Reply> {
        self.device.require_memory(CREATE_BYTES)?;
        settle::check(&self.device.settings, &declaration)?;
        if declaration.name.is_empty() {
            declaration.name = self.new_name();
        }
        check_name(&declaration.name)?;
        self.check_place(&declaration.name, replace)?;
        let saved = Saved {
            digest: self.device.resolve(&declaration.image)?,
            desired: if declaration.is_stopped {
                Desired::Declared
            } else {
                Desired::Running
            },
            declaration,
            host_failures: 0,
        };
        let refused = self.device.refused(&saved)?;
        self.entries.reserve()?;
        self.make(&saved, now)?;
        Ok(Reply::Created {
            name: saved.declaration.name,
            refused,
        })
    }

    fn new_name(&self) -> String {
        let names = (1_u32..).map(|number| alloc::format!("c-{number}"));
        let is_free = |name: &String| self.entries.get(name).is_none();
        names.into_iter().find(is_free).unwrap_or_default()
    }

    fn check_place(&self, name: &str, replace: bool) -> Outcome<()> {
        if self.entries.get(name).is_some() {
            if replace {
                return Ok(());
            }
            return Err(Denied::conflict(format_args!(
                "there is a container {name} already; replace or remove it, or choose another name"
            )));
        }
        let most = self.device.settings.containers_max;
        if u32::try_from(self.entries.len()).unwrap_or(u32::MAX) >= most {
            return Err(Denied::new(
                RefusalKind::NoRoom,
                format_args!("there are {most} containers, as many as there can be; remove some"),
            ));
        }
        Ok(())
    }

    #[inline(never)]
    fn make(&mut self, saved: &Saved, now: Instant) -> Outcome<()> {
        let name = saved.declaration.name.as_str();
        let mut batch = Batch::default();
        self.put_new(saved, &mut batch)?;
        let mut entry = self.new_entry(saved);
        let was_running = self.end_old_run(name, &mut entry, &mut batch);
        let made = self.start_new(&mut entry, saved, &batch, now);
        match made {
            Ok(()) => self.entries.insert(entry),
            Err(_) => {
                self.device.discard_run(&mut entry);
                if was_running {
                    self.begin(name, now);
                }
            }
        }
        made
    }

    #[inline(never)]
    fn put_new(&mut self, saved: &Saved, batch: &mut Batch) -> Outcome<()> {
        let name = saved.declaration.name.as_str();
        let (key, value) = (keys::container(name), saved.encode());
        let bytes = key.len() + value.len();
        let most = self.device.records.take()?.record_bytes_max();
        if bytes > most {
            return Err(Denied::new(
                RefusalKind::NoRoom,
                format_args!("the declaration takes {bytes} bytes, more than {most}"),
            ));
        }
        batch.put(key, value);
        self.remove_leftover(name, batch)
    }

    /// The container in memory; its log and the numbers of its ends go on from those of the one that it replaces.
    #[inline(never)]
    fn new_entry(&self, saved: &Saved) -> Entry {
        let device = &self.device;
        let name = saved.declaration.name.as_str();
        let before = self.entries.get(name);
        let journal = before.map_or_else(
            || {
                let log_bytes = device.settings.log_bytes;
                Arc::new(Journal::new(name, &device.shared, log_bytes))
            },
            |before| Arc::clone(&before.journal),
        );
        let mut entry = Entry::new(saved, journal, device.settings.backoff);
        if let Some(before) = before {
            entry.next_end = before.next_end;
            entry.allowance = before.allowance;
        }
        entry
    }

    /// Ends the run of the container that is replaced, so that there is memory; whether it had one.
    #[inline(never)]
    fn end_old_run(&mut self, name: &str, entry: &mut Entry, batch: &mut Batch) -> bool {
        let Self {
            device, entries, ..
        } = self;
        let Ok(before) = entries.find(name) else {
            return false;
        };
        if let Some(end) = &before.unsaved {
            end.put(name, batch);
        }
        let was_running = before.run.is_some();
        if let Some(record) = device.end_run(before) {
            let (mut end, _) = of_run(&record, None);
            end.reason = "replaced".into();
            let end = NumberedEnd {
                number: entry.next_end,
                is_success: true,
                end,
            };
            end.put(name, batch);
            entry.next_end = entry.next_end.wrapping_add(1);
        }
        was_running
    }

    #[inline(never)]
    fn start_new(
        &mut self,
        entry: &mut Entry,
        saved: &Saved,
        batch: &Batch,
        now: Instant,
    ) -> Outcome<()> {
        if saved.desired == Desired::Running {
            let pinned: Vec<_> = self.entries.running_images();
            self.device
                .launch(entry, saved, Beginning::Running, &pinned, now)?;
        }
        records::apply(&self.device.records, batch)
    }
}

impl Device {
    /// What the image of a container asks for and does not get.
    ///
    /// # Errors
    /// Its image is not there or damaged, or what was declared makes no sense.
    #[inline(never)]
    fn refused(&mut self, saved: &Saved) -> Outcome<Vec<String>> {
        let program = self.image_program(&saved.digest)?;
        Ok(settle::settle(&self.settings, &saved.declaration, &program.config)?.refused)
    }
}
