//! The supervisor: what is asked of it, and what it does by itself.

use alloc::boxed::Box;
use alloc::sync::Arc;

use thimble_port_mcu::machine::{Alarm, Devices, Machine, Step};
use thimble_runtime::Instant;
use thimble_serial::{Refusal, Reply, Request};

use crate::catalog::{Catalog, Offer};
use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::entries::Entries;
use crate::journal::Shared;
use crate::observer::Teller;
use crate::parts::{Parts, Settings, Tap};

/// Memory that any request may take for a moment. Fewer bytes than a device keeps back for what is small
/// ([`thimble_port_mcu::heap`]): a device that is full can still be asked how it is.
const REQUEST_BYTES: usize = 1000;

/// Keeps the containers of a device as they were declared.
pub struct Supervisor {
    pub(crate) device: Device,
    pub(crate) entries: Entries,
    /// When something is due, unless something has happened since.
    due: Option<Instant>,
    is_changed: bool,
    progress: u32,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// When something is due; [`Supervisor::poll`] does it. Containers have deadlines of their own.
    pub until: Option<Instant>,
    /// The device is to be restarted, once what was answered has been sent.
    pub is_reboot_due: bool,
}

impl Supervisor {
    /// Brings back what was declared, and starts what is to run. Whatever is damaged is left out, and told by
    /// [`Request::Device`].
    #[must_use]
    pub fn new(settings: Settings, parts: Parts) -> Box<Self> {
        let now = parts.clock.now();
        let mut supervisor = Self::idle(settings, parts, now);
        supervisor.recover(now);
        supervisor
    }

    /// A supervisor without containers. Apart, so that its parts are off the stack when containers are brought back.
    #[inline(never)]
    fn idle(settings: Settings, parts: Parts, now: Instant) -> Box<Self> {
        let mut seed = [0; 4];
        // Without randomness, containers that failed together come back together.
        let _ = parts.random.fill(&mut seed);
        let shared = Arc::new(Shared::new(now));
        let devices = Devices {
            clock: parts.clock,
            random: parts.random,
            network: parts.network,
            board: parts.board,
            store: parts.store,
            observer: Box::new(Teller(Arc::clone(&shared))),
        };
        let mut machine = Machine::new(devices, settings.schedule);
        machine.set_watch(parts.facts.watch());
        let device = Device {
            machine,
            settings,
            records: parts.records,
            store: parts.images,
            programs: parts.programs,
            volumes: parts.volumes,
            facts: parts.facts,
            shared,
            catalog: Catalog::default(),
            install: None,
            recovered: alloc::string::String::new(),
            random: u32::from_le_bytes(seed) | 1,
            is_rebooting: false,
        };
        Box::new(Self {
            device,
            entries: Entries::default(),
            due: None,
            is_changed: true,
            progress: 0,
        })
    }

    /// Carries out a request. What is answered with anything but [`Reply::Refused`] is on storage.
    #[inline(never)]
    pub fn handle(&mut self, request: Request, now: Instant) -> Reply {
        self.device.shared.set_now(now);
        self.is_changed = true;
        self.hear(now);
        let outcome = self.carry_out(request, now);
        // Kills and stops end some runs at once.
        self.hear(now);
        outcome.unwrap_or_else(|denied| Reply::Refused(Refusal::from(denied)))
    }

    #[inline(never)]
    fn carry_out(&mut self, request: Request, now: Instant) -> Outcome<Reply> {
        if self.device.is_rebooting {
            return Err(Denied::conflict("the device is about to restart"));
        }
        // What gives memory back must not need any.
        if !matches!(
            request,
            Request::Stop { .. }
                | Request::Kill { .. }
                | Request::Remove { .. }
                | Request::Reboot
                | Request::FactoryReset
        ) {
            self.device.require_memory(REQUEST_BYTES)?;
        }
        let done = |()| Reply::Done;
        match request {
            Request::Create {
                declaration,
                replace,
            } => self.create(declaration, replace, now),
            Request::Start { name } => self.start(&name, now).map(done),
            Request::Stop { name, grace_ms } => self.stop(&name, grace_ms).map(done),
            Request::Kill { name } => self.kill(&name).map(done),
            Request::Pause { name } => self.pause(&name, now).map(done),
            Request::Unpause { name } => self.unpause(&name, now).map(done),
            Request::Restart { name } => self.restart(&name, now).map(done),
            Request::Remove { name, force } => self.remove(&name, force).map(done),
            Request::Container { after } => self.container_after(&after, now),
            Request::Inspect { name } => self.inspect(&name, now),
            Request::Log { name, from } => self.log(&name, from),
            Request::Records { name } => self.ends(&name),
            request => self.carry_out_for_device(request, now),
        }
    }

    /// What is not about one container.
    #[inline(never)]
    fn carry_out_for_device(&mut self, request: Request, now: Instant) -> Outcome<Reply> {
        match request {
            Request::Device => Ok(self.device_status(now)),
            Request::InstallBegin {
                manifest_bytes,
                config_bytes,
                layer_bytes,
                digest,
                reference,
            } => self.device.begin_install(&Offer {
                manifest_bytes,
                config_bytes,
                layer_bytes,
                digest: &digest,
                reference: &reference,
            }),
            Request::InstallPart { offset, bytes } => {
                let entries = &self.entries;
                self.device
                    .receive(offset, &bytes, || entries.running_images())
            }
            Request::InstallEnd => self.device.end_install(),
            Request::Image { after } => {
                let entries = &self.entries;
                self.device
                    .image_after(&after, |digest| entries.users_of(digest))
            }
            Request::RemoveImage { image } => self.remove_image(&image),
            Request::Storage => Ok(self.storage_status()),
            Request::Fault => Ok(self.fault()),
            Request::ClearFault => {
                self.device.facts.clear_fault();
                Ok(Reply::Done)
            }
            Request::SetTime { unix_ms } => {
                self.device.facts.set_time(unix_ms);
                Ok(Reply::Done)
            }
            Request::Reboot => {
                self.device.is_rebooting = true;
                Ok(Reply::Done)
            }
            Request::FactoryReset => self.factory_reset(),
            _ => Err(Denied::invalid("this firmware does not know the request")),
        }
    }

    /// Does what is due, and says when to call it again. To be called between steps.
    #[inline(never)]
    pub fn poll(&mut self, now: Instant) -> Next {
        self.device.shared.set_now(now);
        let is_due = self.due.is_some_and(|due| due <= now);
        if self.device.shared.has_news() || self.is_changed || is_due {
            self.is_changed = false;
            self.do_due(now);
            self.due = self.entries.iter().filter_map(|entry| entry.due(now)).min();
        }
        Next {
            until: self.due,
            is_reboot_due: self.device.is_rebooting,
        }
    }

    /// Runs one slice, or says until when there is nothing to do.
    #[inline(never)]
    pub fn step(&mut self) -> Step {
        let now = self.device.machine.clock().now();
        self.device.shared.set_now(now);
        let step = if self.device.is_rebooting {
            Step::Idle { until: None }
        } else {
            self.device.machine.step()
        };
        self.progress = self.progress.wrapping_add(1);
        step
    }

    /// Changes with every step: whoever feeds a watchdog looks at it.
    #[must_use]
    pub const fn progress(&self) -> u32 {
        self.progress
    }

    /// Rings when there may be something to do before the time that was told.
    #[must_use]
    pub fn alarm(&self) -> &Arc<Alarm> {
        self.device.machine.alarm()
    }

    /// The containers as the runtime has them: its bus, and whose slice runs.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.device.machine
    }

    /// Has somebody hear what containers write, as they write it; or nobody.
    pub fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        self.device.shared.set_tap(tap);
    }
}
