//! Which deployments a device is to have in the end, and why it does not get the others.
//!
//! Deployments that pick a device compete for their app: the greatest priority wins, and at equal priority none changes.
//! What is left is placed in the order of its dependencies and then of priority, as long as the device can carry it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use crate::ids::DeploymentId;
use crate::label::Labels;
use crate::selector::Selector;

/// A deployment, as far as placement needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Which one.
    pub id: DeploymentId,
    /// Its app; a device has at most one deployment of each.
    pub app: String,
    /// Which devices it is for.
    pub selector: Selector,
    /// The greater one wins.
    pub priority: i32,
    /// What a device must offer.
    pub needs: Needs,
    /// Deployments that must be on the device too.
    pub depends_on: Vec<DeploymentId>,
}

/// What a device must offer to carry a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Processors that it runs on; none means all.
    pub architectures: Vec<String>,
    /// Memory for its containers.
    pub ram_bytes: u64,
    /// Storage for its images and files.
    pub storage_bytes: u64,
    /// Its containers.
    pub containers: u32,
    /// Grants that it asks for.
    pub grants: Vec<String>,
}

/// What a device offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Its processor.
    pub architecture: String,
    /// Memory for containers.
    pub ram_bytes: u64,
    /// Storage for images and files.
    pub storage_bytes: u64,
    /// Containers at most.
    pub containers_max: u32,
    /// Grants that can be given: `gpio` offers all of `gpio:…`.
    pub grants: Vec<String>,
}

/// What comes of a deployment on a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The device is to have it.
    Placed,
    /// The selector does not pick the device.
    #[default]
    NotSelected,
    /// Another deployment of the same app has the same priority: neither changes.
    Conflict {
        /// The other one.
        with: DeploymentId,
    },
    /// Another deployment of the same app has a greater priority.
    Superseded {
        /// The other one.
        by: DeploymentId,
    },
    /// A deployment that this one depends on is not placed on the device.
    MissingDependency {
        /// Which.
        deployment: DeploymentId,
    },
    /// The device cannot carry it.
    DoesNotFit(Misfit),
}

/// Why a device cannot carry a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misfit {
    /// The device has not said yet what it offers.
    Unknown,
    /// It has another processor.
    Architecture {
        /// What the device has.
        offered: String,
    },
    /// Memory is missing.
    Ram {
        /// What the deployment needs.
        needed_bytes: u64,
        /// What other deployments leave.
        free_bytes: u64,
    },
    /// Storage is missing.
    Storage {
        /// What the deployment needs.
        needed_bytes: u64,
        /// What other deployments leave.
        free_bytes: u64,
    },
    /// There would be too many containers.
    Containers {
        /// What the deployment needs.
        needed: u32,
        /// What other deployments leave.
        free: u32,
    },
    /// A grant is not offered.
    Grant {
        /// Which.
        grant: String,
    },
}

/// Why deployments cannot be placed at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlacementError {
    /// Deployments depend on each other in a circle.
    Cycle {
        /// Each depends on the next, and the last on the first: ids and apps.
        cycle: Vec<(DeploymentId, String)>,
    },
}

/// Places deployments on devices, one device at a time.
#[derive(Debug)]
pub struct Placer<'a> {
    /// Each after those that it depends on, then by priority, then by id.
    ordered: Vec<&'a Deployment>,
}

impl<'a> Placer<'a> {
    /// Takes all deployments of a tenant.
    ///
    /// # Errors
    ///
    /// When they depend on each other in a circle.
    pub fn new(deployments: &'a [Deployment]) -> Result<Self, PlacementError> {
        let mut by_priority: Vec<&Deployment> = deployments.iter().collect();
        by_priority.sort_by_key(|deployment| (Reverse(deployment.priority), deployment.id));
        let by_id = deployments
            .iter()
            .map(|deployment| (deployment.id, deployment))
            .collect();
        let mut order = Order {
            by_id,
            ordered: Vec::with_capacity(deployments.len()),
            visits: BTreeMap::new(),
        };
        for deployment in by_priority {
            order.visit(deployment)?;
        }
        Ok(Self {
            ordered: order.ordered,
        })
    }

    /// Says what comes of each deployment that picks a device; the others are [`Verdict::NotSelected`].
    #[must_use]
    pub fn place(&self, labels: &Labels, offer: Option<&Offer>) -> BTreeMap<DeploymentId, Verdict> {
        let selected: Vec<&Deployment> = self
            .ordered
            .iter()
            .copied()
            .filter(|deployment| deployment.selector.matches(labels))
            .collect();
        let mut load = Load::default();
        let mut verdicts = BTreeMap::new();
        for deployment in &selected {
            let verdict = rivalry(deployment, &selected)
                .or_else(|| missing(deployment, &verdicts))
                .unwrap_or_else(|| load.take(&deployment.needs, offer));
            verdicts.insert(deployment.id, verdict);
        }
        verdicts
    }
}

/// Says whether another deployment of the same app is in the way.
fn rivalry(deployment: &Deployment, selected: &[&Deployment]) -> Option<Verdict> {
    let rivals = || {
        selected
            .iter()
            .filter(|rival| rival.app == deployment.app && rival.id != deployment.id)
    };
    let above = rivals()
        .filter(|rival| rival.priority > deployment.priority)
        .max_by_key(|rival| (rival.priority, Reverse(rival.id)));
    if let Some(rival) = above {
        return Some(Verdict::Superseded { by: rival.id });
    }
    rivals()
        .filter(|rival| rival.priority == deployment.priority)
        .min_by_key(|rival| rival.id)
        .map(|rival| Verdict::Conflict { with: rival.id })
}

/// Says whether something that it depends on was not placed; all of it was looked at before.
fn missing(deployment: &Deployment, verdicts: &BTreeMap<DeploymentId, Verdict>) -> Option<Verdict> {
    deployment
        .depends_on
        .iter()
        .find(|needed| verdicts.get(needed) != Some(&Verdict::Placed))
        .map(|needed| Verdict::MissingDependency {
            deployment: *needed,
        })
}

/// What a device carries already.
#[derive(Default)]
struct Load {
    ram_bytes: u64,
    storage_bytes: u64,
    containers: u32,
}

impl Load {
    /// Takes a deployment on, if it fits.
    fn take(&mut self, needs: &Needs, offer: Option<&Offer>) -> Verdict {
        if let Err(misfit) = self.fit(needs, offer) {
            return Verdict::DoesNotFit(misfit);
        }
        self.ram_bytes = self.ram_bytes.saturating_add(needs.ram_bytes);
        self.storage_bytes = self.storage_bytes.saturating_add(needs.storage_bytes);
        self.containers = self.containers.saturating_add(needs.containers);
        Verdict::Placed
    }

    fn fit(&self, needs: &Needs, offer: Option<&Offer>) -> Result<(), Misfit> {
        let offer = offer.ok_or(Misfit::Unknown)?;
        if !needs.architectures.is_empty() && !needs.architectures.contains(&offer.architecture) {
            return Err(Misfit::Architecture {
                offered: offer.architecture.clone(),
            });
        }
        let missing = needs.grants.iter().find(|grant| !is_offered(grant, offer));
        if let Some(grant) = missing {
            return Err(Misfit::Grant {
                grant: grant.clone(),
            });
        }
        let free_bytes = offer.ram_bytes.saturating_sub(self.ram_bytes);
        if needs.ram_bytes > free_bytes {
            return Err(Misfit::Ram {
                needed_bytes: needs.ram_bytes,
                free_bytes,
            });
        }
        let free_bytes = offer.storage_bytes.saturating_sub(self.storage_bytes);
        if needs.storage_bytes > free_bytes {
            return Err(Misfit::Storage {
                needed_bytes: needs.storage_bytes,
                free_bytes,
            });
        }
        let free = offer.containers_max.saturating_sub(self.containers);
        if needs.containers > free {
            return Err(Misfit::Containers {
                needed: needs.containers,
                free,
            });
        }
        Ok(())
    }
}

/// Says whether a device offers a grant, or a wider one.
fn is_offered(grant: &str, offer: &Offer) -> bool {
    offer.grants.iter().any(|offered| {
        grant
            .strip_prefix(offered.as_str())
            .is_some_and(|scope| scope.is_empty() || scope.starts_with(':'))
    })
}

/// Where a visit of a deployment is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Begun,
    Done,
}

/// Puts deployments after those that they depend on.
struct Order<'a> {
    by_id: BTreeMap<DeploymentId, &'a Deployment>,
    ordered: Vec<&'a Deployment>,
    visits: BTreeMap<DeploymentId, Visit>,
}

impl<'a> Order<'a> {
    /// Visits a deployment and all that it depends on: depth first, with the path kept here and not on the stack.
    fn visit(&mut self, first: &'a Deployment) -> Result<(), PlacementError> {
        let mut path: Vec<(&Deployment, usize)> = alloc::vec![(first, 0)];
        if self.visits.contains_key(&first.id) {
            return Ok(());
        }
        self.visits.insert(first.id, Visit::Begun);
        while let Some((deployment, next)) = path.last_mut() {
            let needed = deployment.depends_on.get(*next);
            *next += 1;
            let Some(needed) = needed else {
                self.visits.insert(deployment.id, Visit::Done);
                self.ordered.push(deployment);
                path.pop();
                continue;
            };
            let Some(needed) = self.by_id.get(needed).copied() else {
                continue;
            };
            match self.visits.get(&needed.id) {
                Some(Visit::Done) => {}
                Some(Visit::Begun) => return Err(cycle(&path, needed.id)),
                None => {
                    self.visits.insert(needed.id, Visit::Begun);
                    path.push((needed, 0));
                }
            }
        }
        Ok(())
    }
}

/// Names the circle that a path closes with a deployment that is on it.
fn cycle(path: &[(&Deployment, usize)], closed_by: DeploymentId) -> PlacementError {
    let cycle = path
        .iter()
        .skip_while(|(deployment, _)| deployment.id != closed_by)
        .map(|(deployment, _)| (deployment.id, deployment.app.clone()))
        .collect();
    PlacementError::Cycle { cycle }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("the device has not said what it offers yet"),
            Self::Architecture { offered } => {
                write!(formatter, "not built for the architecture {offered}")
            }
            Self::Ram {
                needed_bytes,
                free_bytes,
            } => write!(
                formatter,
                "needs {needed_bytes} bytes of memory, {free_bytes} are left"
            ),
            Self::Storage {
                needed_bytes,
                free_bytes,
            } => write!(
                formatter,
                "needs {needed_bytes} bytes of storage, {free_bytes} are left"
            ),
            Self::Containers { needed, free } => {
                write!(formatter, "needs {needed} containers, {free} are left")
            }
            Self::Grant { grant } => write!(formatter, "the device does not offer {grant}"),
        }
    }
}

impl fmt::Display for PlacementError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle { cycle } => {
                formatter.write_str("deployments depend on each other in a circle: ")?;
                for (index, (id, app)) in cycle.iter().chain(cycle.first()).enumerate() {
                    let joint = if index == 0 { "" } else { " needs " };
                    write!(formatter, "{joint}{app} ({id})")?;
                }
                Ok(())
            }
        }
    }
}

impl core::error::Error for PlacementError {}

#[cfg(test)]
mod tests;
