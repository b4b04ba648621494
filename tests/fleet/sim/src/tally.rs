//! What happened in a fleet, in numbers; above all, that everything that can go wrong did.

use std::cell::Cell;

/// Something that goes wrong, or binds what devices may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The power goes.
    PowerCut,
    /// The power goes while something is being kept.
    PowerCutInSave,
    /// A device no longer knows the time of the day.
    ClockReset,
    /// A device is cut off from the network.
    Offline,
    /// It is for a day.
    OfflineForDay,
    /// All devices of a site are cut off at once.
    Partition,
    /// A connection on which a poll waits is forgotten on its way: the answer goes nowhere.
    Rebinding,
    /// A request or its answer is lost.
    Loss,
    /// A request arrives twice.
    Double,
    /// The hub's process dies.
    HubCrash,
    /// The hub gets back what a backup holds.
    HubRestore,
    /// A plan is not kept: another executor took over, or the rollout changed since.
    Fenced,
    /// An operator holds a device.
    Hold,
    /// Somebody at the device holds it.
    LocalHold,
    /// A change begins on a device that has windows.
    Window,
    /// An app says no.
    Veto,
    /// An app that said no is overridden.
    Override,
    /// An app does not answer.
    Silence,
    /// A device cannot bring a version into force and goes back.
    FailedVersion,
    /// A stop, a start or a removal fails.
    FailedAction,
    /// A blob cannot be fetched.
    FailedFetch,
    /// Another blob comes than was asked for.
    WrongBlob,
    /// Storage is short: what is not kept is gone.
    Collection,
    /// A device does something by itself because its hub is silent.
    Escalation,
    /// A rollout stops by itself.
    StoppedRollout,
    /// A rollout gives devices back what they had.
    RolledBackRollout,
    /// A device may not change now because too many of its line or site are down or updating.
    Budget,
}

impl Trouble {
    /// All of it.
    pub const ALL: [Self; 27] = [
        Self::PowerCut,
        Self::PowerCutInSave,
        Self::ClockReset,
        Self::Offline,
        Self::OfflineForDay,
        Self::Partition,
        Self::Rebinding,
        Self::Loss,
        Self::Double,
        Self::HubCrash,
        Self::HubRestore,
        Self::Fenced,
        Self::Hold,
        Self::LocalHold,
        Self::Window,
        Self::Veto,
        Self::Override,
        Self::Silence,
        Self::FailedVersion,
        Self::FailedAction,
        Self::FailedFetch,
        Self::WrongBlob,
        Self::Collection,
        Self::Escalation,
        Self::StoppedRollout,
        Self::RolledBackRollout,
        Self::Budget,
    ];

    /// What people call it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::PowerCut => "power cuts",
            Self::PowerCutInSave => "power cuts while something was kept",
            Self::ClockReset => "clocks reset",
            Self::Offline => "devices cut off",
            Self::OfflineForDay => "devices cut off for a day",
            Self::Partition => "sites cut off",
            Self::Rebinding => "waiting polls forgotten by a NAT",
            Self::Loss => "requests or answers lost",
            Self::Double => "requests doubled",
            Self::HubCrash => "hub crashes",
            Self::HubRestore => "hubs restored from a backup",
            Self::Fenced => "plans fenced off",
            Self::Hold => "holds",
            Self::LocalHold => "holds at the device",
            Self::Window => "changes within a window",
            Self::Veto => "vetoes",
            Self::Override => "vetoes overridden",
            Self::Silence => "questions without an answer",
            Self::FailedVersion => "versions that failed on a device",
            Self::FailedAction => "stops, starts and removals that failed",
            Self::FailedFetch => "blobs that could not be fetched",
            Self::WrongBlob => "wrong blobs",
            Self::Collection => "collections of garbage",
            Self::Escalation => "steps of a ladder",
            Self::StoppedRollout => "rollouts that stopped by themselves",
            Self::RolledBackRollout => "rollouts rolled back",
            Self::Budget => "devices that waited for a budget",
        }
    }
}

/// How often everything went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubles([Cell<u64>; Trouble::ALL.len()]);

impl Troubles {
    /// It happened.
    pub(crate) fn note(&self, trouble: Trouble) {
        self.note_all(trouble, 1);
    }

    /// It happened so often.
    pub(crate) fn note_all(&self, trouble: Trouble, times: u64) {
        if let Some(cell) = self.0.get(trouble as usize) {
            cell.set(cell.get() + times);
        }
    }

    /// How often it happened.
    #[must_use]
    pub fn times(&self, trouble: Trouble) -> u64 {
        self.0.get(trouble as usize).map_or(0, Cell::get)
    }

    /// Adds what happened in another life.
    pub fn add(&mut self, other: &Self) {
        for trouble in Trouble::ALL {
            self.note_all(trouble, other.times(trouble));
        }
    }

    /// What never happened.
    #[must_use]
    pub fn missing(&self) -> Vec<Trouble> {
        let mut all = Trouble::ALL.to_vec();
        all.retain(|trouble| self.times(*trouble) == 0);
        all
    }
}
