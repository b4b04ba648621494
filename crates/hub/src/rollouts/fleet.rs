//! A tenant's devices and deployments at one moment, as planning needs them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use thimble_hub_api::device::Window as ApiWindow;
use thimble_hub_store::{
    App, AppId, Deployment, DeploymentId, DeviceId, Match, PlannedDevice, Read, Reports, RolloutId,
    Scope, TenantId,
};
use thimble_protocol::report::DeploymentStatus;
use thimble_protocol::{Capabilities, Report};
use thimble_rollout::placement::{self, Needs, Offer, Placer, Verdict};
use thimble_rollout::snapshot::{Hold, HoldNote, WindowState};
use thimble_rollout::window::{Window, opens_at};
use thimble_rollout::{Labels, Selector, UnixMs};

use super::{RolloutError, deployment_id, device_id, moment};
use crate::publish::{
    Layered, RevisionSpec, labels_of, named_or_of_id, revision_spec, wire_window,
};

/// A tenant's devices and deployments.
pub(super) struct Fleet {
    pub(super) deployments: BTreeMap<DeploymentId, Deployed>,
    pub(super) devices: Vec<FleetDevice>,
    /// Where devices are in the list.
    pub(super) index: HashMap<DeviceId, usize>,
}

/// A deployment, and what placing it takes.
pub(super) struct Deployed {
    pub(super) record: Deployment,
    pub(super) placed: placement::Deployment,
}

/// A device, and what planning needs to know of it.
pub(super) struct FleetDevice {
    pub(super) id: DeviceId,
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) hardware: String,
    /// What it can carry, if it said it.
    offer: Option<Arc<Offer>>,
    pub(super) hold: Hold,
    /// Who holds it, and why.
    pub(super) hold_note: Option<Arc<HoldNote>>,
    pub(super) window: WindowState,
    pub(super) failures: u32,
    pub(super) last_seen: Option<UnixMs>,
    pub(super) is_unhealthy: bool,
    /// It is at a change, or tries again by itself one that it could not prepare.
    pub(super) is_retrying: bool,
    /// The version of the state that it is to have.
    pub(super) desired: Option<u64>,
    /// What it last reported, encoded, if it was read.
    report: Option<Vec<u8>>,
    /// Deployments and revisions that it is to have.
    pub(super) assignments: Vec<(DeploymentId, u64)>,
    /// What comes of the deployments that pick it.
    verdicts: BTreeMap<thimble_rollout::DeploymentId, Verdict>,
    /// Rollouts that have a change of it open, and what they change.
    pub(super) open: Vec<(RolloutId, DeploymentId)>,
}

impl FleetDevice {
    /// What comes of a deployment on it.
    pub(super) fn verdict(&self, deployment: DeploymentId) -> Verdict {
        let verdict = self.verdicts.get(&deployment_id(deployment));
        verdict.cloned().unwrap_or_default()
    }

    /// What it last reported.
    pub(super) fn report(&self) -> Option<Report> {
        Report::decode(self.report.as_deref()?).ok()
    }

    /// Which revision of a deployment it is to have.
    pub(super) fn revision(&self, deployment: DeploymentId) -> Option<u64> {
        let mut assignments = self.assignments.iter();
        let found = assignments.find(|(assigned, _)| *assigned == deployment);
        found.map(|(_, revision)| *revision)
    }
}

impl Fleet {
    /// Reads a tenant's fleet, with these devices' reports. Nothing here is changed by another rollout as long as its rollouts
    /// have one owner.
    pub(super) async fn read(
        read: &mut Read,
        scope: &Scope,
        tenant: TenantId,
        now: UnixMs,
        reports: Reports,
    ) -> Result<Self, RolloutError> {
        let deployments = deployments(read, scope, tenant).await?;
        let of_tenant = Scope::authenticated(tenant);
        let rows = read.planned_devices(scope, tenant, reports).await?;
        let mut fleet = Self {
            deployments,
            index: HashMap::with_capacity(rows.len()),
            devices: Vec::with_capacity(rows.len()),
        };
        // All three come in the order of devices.
        let mut labels = read.all_labels(&of_tenant).await?.into_iter().peekable();
        let assignments = read.all_assignments(&of_tenant).await?;
        let mut assignments = assignments.into_iter().peekable();
        let mut reader = Reader::new(now);
        for row in rows {
            let id = row.id;
            let mut kept = Vec::new();
            while let Some((of, label)) = labels.next_if(|(of, _)| *of <= id) {
                if of == id {
                    kept.push((label.key, label.value));
                }
            }
            let mut assigned = Vec::new();
            while let Some(one) = assignments.next_if(|one| one.device <= id) {
                if one.device == id {
                    assigned.push((one.deployment, one.revision));
                }
            }
            fleet.index.insert(id, fleet.devices.len());
            fleet.devices.push(reader.device(row, kept, assigned)?);
        }
        Ok(fleet)
    }

    /// Places all deployments. What is being removed is placed nowhere.
    ///
    /// # Errors
    /// They depend on each other in a circle.
    pub(super) fn place(&mut self) -> Result<(), RolloutError> {
        let placed: Vec<placement::Deployment> = self
            .deployments
            .values()
            .filter(|deployed| deployed.record.removing_ms.is_none())
            .map(|deployed| deployed.placed.clone())
            .collect();
        let placer = Placer::new(&placed)?;
        for device in &mut self.devices {
            device.verdicts = placer.place(&device.labels, device.offer.as_deref());
        }
        Ok(())
    }

    /// The device with this id.
    pub(super) fn device(&self, id: DeviceId) -> Option<&FleetDevice> {
        self.devices.get(*self.index.get(&id)?)
    }

    /// The device with this id, to change what is known of it.
    pub(super) fn device_mut(&mut self, id: DeviceId) -> Option<&mut FleetDevice> {
        self.devices.get_mut(*self.index.get(&id)?)
    }

    /// Which app a deployment is of.
    pub(super) fn app(&self, deployment: DeploymentId) -> Option<AppId> {
        self.deployments
            .get(&deployment)
            .map(|deployed| deployed.record.app)
    }
}

async fn deployments(
    read: &mut Read,
    scope: &Scope,
    tenant: TenantId,
) -> Result<BTreeMap<DeploymentId, Deployed>, RolloutError> {
    let of_tenant = [Match::equals("tenant", &tenant)];
    let records: Vec<Deployment> = read.all(scope, &of_tenant).await?;
    let names: HashMap<String, DeploymentId> = records
        .iter()
        .map(|record| (record.name.clone(), record.id))
        .collect();
    let mut deployments = BTreeMap::new();
    for record in records {
        if record.latest == 0 {
            continue;
        }
        let app: App = read.one(scope, record.app).await?;
        let spec = revision_spec(read, scope, record.id, record.latest).await?;
        let placed = placed(&record, &app, &spec, &names)?;
        deployments.insert(record.id, Deployed { record, placed });
    }
    Ok(deployments)
}

/// Returns what placing a deployment takes, by its last revision.
pub(super) fn placed(
    record: &Deployment,
    app: &App,
    revision: &RevisionSpec,
    names: &HashMap<String, DeploymentId>,
) -> Result<placement::Deployment, RolloutError> {
    let damaged = |reason: String| RolloutError::Damaged {
        what: format!("deployment {}", record.id),
        reason,
    };
    let depends_on = revision.spec.depends_on.iter().map(|name| {
        let id = named_or_of_id(names, name).map(deployment_id);
        id.ok_or_else(|| damaged(format!("it depends on {name:?}, which does not exist")))
    });
    Ok(placement::Deployment {
        id: deployment_id(record.id),
        app: app.id.to_string(),
        selector: Selector::parse(&record.selector).map_err(|error| damaged(error.to_string()))?,
        priority: record.priority,
        needs: needs(revision),
        depends_on: depends_on.collect::<Result<_, _>>()?,
    })
}

/// Returns what a device must offer: the sum of what containers may use, and every grant. Modules run on every processor.
fn needs(revision: &RevisionSpec) -> Needs {
    let mut needs = Needs::default();
    for container in &revision.containers {
        let layered = Layered::new(container, &revision.spec, &[]);
        let limits = layered.spec().limits;
        let sum = |sum: u64, more: Option<u64>| sum.saturating_add(more.unwrap_or(0));
        needs.ram_bytes = sum(needs.ram_bytes, limits.memory_bytes);
        needs.storage_bytes = sum(needs.storage_bytes, limits.storage_bytes);
        needs.containers = needs.containers.saturating_add(1);
        needs.grants.extend(layered.spec().grants.iter().cloned());
    }
    needs
}

/// Reads devices, and what many of them say alike only once.
struct Reader {
    now: UnixMs,
    offers: HashMap<Vec<u8>, Option<Arc<Offer>>>,
    windows: HashMap<String, WindowState>,
}

impl Reader {
    fn new(now: UnixMs) -> Self {
        Self {
            now,
            offers: HashMap::new(),
            windows: HashMap::new(),
        }
    }

    fn device(
        &mut self,
        row: PlannedDevice,
        kept: Vec<(String, String)>,
        assignments: Vec<(DeploymentId, u64)>,
    ) -> Result<FleetDevice, RolloutError> {
        let offer = row
            .capabilities
            .and_then(|capabilities| self.offer(capabilities));
        let architecture = offer.as_ref().map(|offer| offer.architecture.clone());
        let hold = match (row.is_held, row.hold_until_ms) {
            (true, _) => Hold::Held,
            (false, Some(until)) => Hold::Until(moment(until)),
            (false, None) => Hold::Free,
        };
        let hold_note = (hold != Hold::Free).then(|| {
            Arc::new(HoldNote {
                who: row.holder.unwrap_or_default(),
                why: row.hold_reason.unwrap_or_default(),
            })
        });
        let mut device = FleetDevice {
            labels: labels_of(&row.model, architecture, kept),
            window: self.window(row.id, row.windows)?,
            id: row.id,
            name: row.name,
            hardware: row.model,
            offer,
            hold,
            hold_note,
            desired: row.desired,
            failures: row.failures,
            last_seen: row.seen_ms.map(moment),
            is_unhealthy: false,
            is_retrying: false,
            report: row.report,
            assignments,
            verdicts: BTreeMap::new(),
            open: Vec::new(),
        };
        // The summary is kept beside the report, so that only those in trouble are looked into.
        if row.is_suspect {
            let report = device.report();
            let deployments = report
                .and_then(|report| report.deployments)
                .unwrap_or_default();
            device.is_unhealthy = deployments.iter().any(DeploymentStatus::is_unhealthy);
            device.is_retrying = deployments.iter().any(DeploymentStatus::is_retrying);
        }
        Ok(device)
    }

    /// What a device can carry; none, if what it said cannot be read.
    fn offer(&mut self, capabilities: Vec<u8>) -> Option<Arc<Offer>> {
        match self.offers.entry(capabilities) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let offer = Capabilities::decode(new.key()).ok();
                new.insert(offer.map(of_capabilities).map(Arc::new)).clone()
            }
        }
    }

    fn window(&mut self, device: DeviceId, windows: String) -> Result<WindowState, RolloutError> {
        if let Some(known) = self.windows.get(&windows) {
            return Ok(*known);
        }
        let parsed: Vec<ApiWindow> =
            serde_json::from_str(&windows).map_err(|error| RolloutError::Damaged {
                what: format!("windows of device {device}"),
                reason: error.to_string(),
            })?;
        let state = window(&parsed, self.now);
        self.windows.insert(windows, state);
        Ok(state)
    }
}

/// What a device says that it offers; a number that it does not know is 0, and does not bound.
fn of_capabilities(capabilities: Capabilities) -> Offer {
    let or_all = |bytes: u64| if bytes == 0 { u64::MAX } else { bytes };
    Offer {
        architecture: capabilities.architecture,
        ram_bytes: or_all(capabilities.ram_bytes),
        storage_bytes: or_all(capabilities.storage_bytes),
        containers_max: if capabilities.containers_max == 0 {
            u32::MAX
        } else {
            capabilities.containers_max
        },
        grants: capabilities.grants,
    }
}

fn window(windows: &[ApiWindow], now: UnixMs) -> WindowState {
    let windows: Vec<Window> = windows
        .iter()
        .filter_map(wire_window)
        .map(|window| Window {
            days: window.days,
            begin_minute: window.begin_minute,
            minutes: window.minutes,
            utc_offset_minutes: window.utc_offset_minutes,
        })
        .collect();
    match opens_at(&windows, now) {
        Some(at) if at <= now => WindowState::Open,
        Some(at) => WindowState::OpensAt(at),
        None => WindowState::Never,
    }
}

/// The planner's id of a device of the fleet.
pub(super) fn planner_id(device: &FleetDevice) -> thimble_rollout::DeviceId {
    device_id(device.id)
}
