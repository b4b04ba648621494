//! Snapshots of rollouts that are kept from one plan to the next: only devices about which something changed are looked at anew.
//!
//! A view is memory, not state: it can be forgotten at any time and is made again of what is kept. With debug assertions each
//! one is compared with one that is made again before a plan follows from it.

use thimble_rollout::snapshot::{Busy, Bystander, Device, Reported, Snapshot, WindowState};
use thimble_rollout::{Plan, UnixMs};

use super::plan::{is_under_way, planner_deployment, reported, window};
use super::{Hub, Rollout, Row, unix};
use crate::apps::Apps;

/// Milliseconds without a word after which a device was away.
pub(crate) const AWAY_MS: u64 = 3_600_000;

/// When a device that sleeps was heard last: never before now.
const ASLEEP_MS: u64 = 1 << 40;

/// Changes that are remembered beyond those that every view has seen.
const CHANGES_MAX: usize = 1 << 17;

/// Devices about which something changed, in order.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Changes that are forgotten: every view has seen them.
    before: usize,
    devices: Vec<(u32, Change)>,
}

/// What changed about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It was heard, and nothing else.
    Heard,
    /// It was heard after it had been away.
    Back,
    /// More than that.
    More,
}

/// What is known of a rollout's fleet, as it was at the last look.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) snapshot: Snapshot,
    seats: Vec<Seat>,
    /// Up to which change each device was looked at.
    looked: Vec<usize>,
    /// Devices that have windows, or had.
    windowed: Vec<u32>,
    is_windowed: Vec<bool>,
    /// Which rollouts are live, and which of them go on.
    others: Vec<(bool, bool)>,
    has_bystanders: bool,
    /// Changes that it has.
    seen: usize,
    /// The rollout as the last plan left it: an operator may change it since.
    edition: u64,
    /// Changes that the last plan made itself, and that leave nothing more to be done.
    own: std::ops::Range<usize>,
    /// Something changed since the last plan that was kept, and something may come of it.
    pub(super) is_stale: bool,
    /// When the last plan was made, and when it asks for the next.
    pub(super) planned_ms: u64,
    pub(super) next_look: Option<UnixMs>,
}

/// Where a device is in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Nowhere,
    Member(usize),
    Bystander(usize),
}

impl Changes {
    fn end(&self) -> usize {
        self.before + self.devices.len()
    }
}

impl Hub {
    /// A device is heard, and is there at least until then.
    pub(crate) fn hear(&mut self, device: u32, until_ms: u64) {
        let Some(record) = self.kept.records.get_mut(device as usize) else {
            return;
        };
        let was_seen_ms = record.seen_ms.replace(until_ms);
        // One that was away, or is new, may be what a rollout waits for.
        let was_away = was_seen_ms.is_none_or(|was_ms| was_ms + AWAY_MS < until_ms);
        self.is_dirty |= was_away;
        let change = if was_away {
            Change::Back
        } else {
            Change::Heard
        };
        self.note(device, change);
    }

    /// A device sleeps: it is there until it is heard again.
    pub(crate) fn let_sleep(&mut self, device: u32) {
        if let Some(record) = self.kept.records.get_mut(device as usize) {
            record.seen_ms = Some(ASLEEP_MS);
            self.note(device, Change::Heard);
        }
    }

    /// Notes that something changed about a device.
    pub(super) fn note_changed(&mut self, device: u32) {
        self.note(device, Change::More);
    }

    fn note(&mut self, device: u32, change: Change) {
        if self.changes.devices.len() >= CHANGES_MAX {
            // Whoever looks that late makes its view again.
            self.changes.before += self.changes.devices.len();
            self.changes.devices.clear();
        }
        self.changes.devices.push((device, change));
    }

    /// Where the next change will be noted.
    pub(super) fn changes_end(&self) -> usize {
        self.changes.end()
    }

    /// Forgets all views: what is kept is another thing now.
    pub(crate) fn forget_views(&mut self) {
        self.views.clear();
    }

    /// Returns a rollout's snapshot, made of all that is kept.
    pub(super) fn snapshot(&self, apps: &Apps, rollout: usize, now_ms: u64) -> Option<Snapshot> {
        let mut view = View::default();
        let own = self.kept.rollouts.get(rollout)?;
        self.make_again(&mut view, apps, rollout, own, now_ms)?;
        Some(view.snapshot)
    }

    /// Takes the view of a rollout as of now; who takes it puts it back.
    pub(super) fn take_view(&mut self, apps: &Apps, rollout: usize, now_ms: u64) -> Option<View> {
        if self.views.len() <= rollout {
            self.views.resize_with(rollout + 1, || None);
        }
        let known = self.views.get_mut(rollout).and_then(Option::take);
        let own = self.kept.rollouts.get(rollout)?;
        let mut view = known.unwrap_or_default();
        let is_current = view.seats.len() == self.facts.len()
            && view.seen >= self.changes.before
            && self.is_among(&view, own, rollout);
        let is_known = is_current && self.catch_up(&mut view, apps, rollout, own, now_ms)?;
        if !is_known {
            self.make_again(&mut view, apps, rollout, own, now_ms)?;
        }
        debug_assert_eq!(
            Some(&view.snapshot),
            self.snapshot(apps, rollout, now_ms).as_ref(),
            "a view differs from what is kept"
        );
        Some(view)
    }

    pub(super) fn put_view(&mut self, rollout: usize, view: View) {
        if let Some(place) = self.views.get_mut(rollout) {
            *place = Some(view);
        }
    }

    /// Whether the rollouts beside this one are what they were at the last look.
    fn is_among(&self, view: &View, own: &Rollout, rollout: usize) -> bool {
        view.others.len() == self.kept.rollouts.len()
            && (0..self.kept.rollouts.len())
                .map(|place| self.standing_of(place))
                .eq(view.others.iter().copied())
            && view.has_bystanders == self.has_budgets(own, rollout)
    }

    fn standing_of(&self, place: usize) -> (bool, bool) {
        let own = self.kept.rollouts.get(place);
        let goes_on = own.is_some_and(|own| is_under_way(own.progress.state));
        (self.is_live(place), goes_on)
    }

    fn others_under_way(&self, rollout: usize) -> impl Iterator<Item = &Rollout> {
        let others = self.kept.rollouts.iter().enumerate();
        others
            .filter(move |(place, other)| {
                *place != rollout && is_under_way(other.progress.state) && self.is_live(*place)
            })
            .map(|(_, other)| other)
    }

    fn has_budgets(&self, own: &Rollout, rollout: usize) -> bool {
        let mut others = self.others_under_way(rollout);
        !own.policy.budgets.is_empty() || others.any(|other| !other.policy.budgets.is_empty())
    }

    /// Brings what is about no device up to date.
    fn head(&self, snapshot: &mut Snapshot, own: &Rollout, rollout: usize) {
        let budgets = self
            .others_under_way(rollout)
            .flat_map(|other| other.policy.budgets.iter().cloned());
        snapshot.rollout = own.id;
        snapshot.deployment = planner_deployment(own.deployment);
        snapshot.revision = own.revision;
        "operator".clone_into(&mut snapshot.author);
        snapshot.progress = own.progress.clone();
        snapshot.approvals.clone_from(&own.approvals);
        snapshot.other_budgets = budgets.collect();
        snapshot.listening_since = unix(self.up_since_ms);
    }

    fn make_again(
        &self,
        view: &mut View,
        apps: &Apps,
        rollout: usize,
        own: &Rollout,
        now_ms: u64,
    ) -> Option<()> {
        let live = self.live();
        view.others.clear();
        let standings = (0..self.kept.rollouts.len()).map(|place| self.standing_of(place));
        view.others.extend(standings);
        view.has_bystanders = self.has_budgets(own, rollout);
        view.seen = self.changes.end();
        view.is_stale = true;
        view.windowed.clear();
        view.is_windowed.clear();
        view.seats.clear();
        view.looked.clear();
        view.looked.resize(self.facts.len(), 0);
        view.snapshot = Snapshot::default();
        self.head(&mut view.snapshot, own, rollout);
        let snapshot = &mut view.snapshot;
        for (index, record) in self.kept.records.iter().enumerate() {
            let facts = self.facts.get(index)?;
            let id = thimble_rollout::DeviceId(super::device_id(u32::try_from(index).ok()?).0);
            let seat = if self.concerns(own, index, record) {
                let mut device = Device {
                    id,
                    labels: facts.labels.clone(),
                    hardware: facts.hardware.clone(),
                    verdict: self.verdict(index, own.deployment),
                    ..Device::default()
                };
                self.member(apps, &live, rollout, index, now_ms, &mut device)?;
                snapshot.devices.push(device);
                Seat::Member(snapshot.devices.len() - 1)
            } else if view.has_bystanders {
                let mut bystander = Bystander {
                    id,
                    labels: facts.labels.clone(),
                    ..Bystander::default()
                };
                self.bystander(&live, index, &mut bystander)?;
                snapshot.bystanders.push(bystander);
                Seat::Bystander(snapshot.bystanders.len() - 1)
            } else {
                Seat::Nowhere
            };
            view.seats.push(seat);
            view.is_windowed.push(!record.windows.is_empty());
            if !record.windows.is_empty() {
                view.windowed.push(u32::try_from(index).ok()?);
            }
        }
        Some(())
    }

    /// Looks at what changed since the last look; false, if the view must be made again.
    fn catch_up(
        &self,
        view: &mut View,
        apps: &Apps,
        rollout: usize,
        own: &Rollout,
        now_ms: u64,
    ) -> Option<bool> {
        let live = self.live();
        self.head(&mut view.snapshot, own, rollout);
        view.is_stale |= view.edition != own.edition;
        let begin = view.seen - self.changes.before;
        view.seen = self.changes.end();
        let changes = self.changes.devices.get(begin..)?;
        for (number, (device, change)) in (self.changes.before + begin..).zip(changes) {
            let is_own = view.own.contains(&number);
            let index = *device as usize;
            let record = self.kept.records.get(index)?;
            // Whoever looks at a device sees all that changed until now.
            let looked = view.looked.get_mut(index)?;
            if *looked > number && *change != Change::Back {
                continue;
            }
            if *change != Change::More {
                view.hear(index, record.seen_ms);
                // Who was away is there again.
                view.is_stale |= *change == Change::Back;
                continue;
            }
            *looked = view.seen;
            if !record.windows.is_empty()
                && !std::mem::replace(view.is_windowed.get_mut(index)?, true)
            {
                view.windowed.push(*device);
            }
            match *view.seats.get(index)? {
                Seat::Member(seat) if self.concerns(own, index, record) => {
                    let device = view.snapshot.devices.get_mut(seat)?;
                    let is_new = self.member(apps, &live, rollout, index, now_ms, device)?;
                    // What a device said before the hub was restored may answer what it is given now.
                    let is_answered = !is_at_it(&device.reported);
                    view.is_stale |= is_new && (!is_own || is_answered);
                }
                Seat::Bystander(seat) if !self.concerns(own, index, record) => {
                    let bystander = view.snapshot.bystanders.get_mut(seat)?;
                    view.is_stale |= self.bystander(&live, index, bystander)?;
                }
                Seat::Nowhere if !self.concerns(own, index, record) => {}
                _ => return Some(false),
            }
        }
        for index in &view.windowed {
            let index = *index as usize;
            if let Seat::Member(seat) = view.seats.get(index)? {
                let device = view.snapshot.devices.get_mut(*seat)?;
                let is_still_closed =
                    matches!(device.window, WindowState::OpensAt(at) if unix(now_ms) < at);
                if !is_still_closed {
                    device.window = window(self.kept.records.get(index)?, unix(now_ms));
                }
            }
        }
        Some(true)
    }

    fn live(&self) -> Vec<usize> {
        (0..self.kept.rollouts.len())
            .filter(|place| self.is_live(*place))
            .collect()
    }

    /// Rollouts that have a change of a device open.
    fn open_of<'a>(
        &'a self,
        live: &'a [usize],
        index: usize,
    ) -> impl Iterator<Item = (usize, &'a Rollout)> + 'a {
        let rollouts = live
            .iter()
            .filter_map(|place| Some((*place, self.kept.rollouts.get(*place)?)));
        rollouts.filter(move |(_, one)| one.rows.get(index).is_some_and(Row::is_pending))
    }

    /// Brings a bystander up to date. Returns whether a budget may have room since.
    fn bystander(&self, live: &[usize], index: usize, into: &mut Bystander) -> Option<bool> {
        let record = self.kept.records.get(index)?;
        let was_down = into.is_unhealthy || into.is_busy || into.last_seen.is_none();
        into.is_unhealthy = record.is_unhealthy;
        into.is_busy = record.is_retrying || self.open_of(live, index).next().is_some();
        into.last_seen = record.seen_ms.map(unix);
        Some(was_down && !into.is_unhealthy && !into.is_busy)
    }

    /// Brings a device of a rollout up to date. Returns whether something may come of what is new.
    fn member(
        &self,
        apps: &Apps,
        live: &[usize],
        rollout: usize,
        index: usize,
        now_ms: u64,
        into: &mut Device,
    ) -> Option<bool> {
        let own = self.kept.rollouts.get(rollout)?;
        let record = self.kept.records.get(index)?;
        let row = own.rows.get(index)?;
        let app = |deployment: usize| apps.deployments.get(deployment).map(|one| &one.placed.app);
        let mut of_app = record
            .items
            .iter()
            .filter(|(one, _)| app(*one) == app(own.deployment));
        let reported = match &row.attempt {
            Some(attempt) if row.is_pending() => reported(apps, record, row, attempt),
            _ => Reported::Nothing,
        };
        let mut open = self
            .open_of(live, index)
            .filter(|(place, _)| *place != rollout);
        let busy = open.next().map(|(_, other)| Busy {
            rollout: other.id,
            may_take_over: !is_under_way(other.progress.state)
                && other.deployment == own.deployment
                && open.next().is_none(),
        });
        let mut earlier = self.kept.rollouts.iter().filter(|other| {
            other.id != own.id
                && (other.deployment, other.revision) == (own.deployment, own.revision)
        });
        let assigned = of_app
            .next()
            .map(|(one, revision)| super::plan::assigned(*one, *revision));
        let mut is_new = into.attempt != row.attempt;
        if is_new {
            into.attempt.clone_from(&row.attempt);
        }
        is_new |= replaced(&mut into.assigned, assigned);
        is_new |= replaced(&mut into.wave, row.wave);
        let was_at_it = is_at_it(&into.reported);
        is_new |=
            replaced(&mut into.reported, reported) && !(was_at_it && is_at_it(&into.reported));
        is_new |= replaced(&mut into.is_unhealthy, record.is_unhealthy);
        // What only takes more room lets nothing begin.
        is_new |= replaced(&mut into.is_retrying, record.is_retrying) && !into.is_retrying;
        is_new |= replaced(&mut into.hold, record.hold());
        is_new |= replaced(&mut into.window, window(record, unix(now_ms)));
        is_new |= replaced(&mut into.failures, record.failures);
        is_new |= replaced(&mut into.busy, busy) && into.busy.is_none_or(|busy| busy.may_take_over);
        let has_failed_before =
            earlier.any(|other| other.rows.get(index).is_some_and(|row| row.has_failed));
        is_new |= replaced(&mut into.has_failed_before, has_failed_before);
        let waits_for = self.waits_for(apps, own, record);
        is_new |= replaced(&mut into.waits_for, waits_for);
        let was_heard = into.last_seen.replace(unix(record.seen_ms.unwrap_or(0)));
        into.last_seen = record.seen_ms.map(unix);
        Some(is_new || was_heard.is_some() != into.last_seen.is_some())
    }
}

impl View {
    /// A plan was kept that did all these changes.
    pub(super) fn keep(
        &mut self,
        plan: &Plan,
        at_ms: u64,
        edition: u64,
        own: std::ops::Range<usize>,
    ) {
        self.edition = edition;
        // What became of the rollout itself may let more begin at once.
        self.is_stale = !plan.transitions.is_empty();
        self.planned_ms = at_ms;
        self.next_look = plan.next_look;
        self.own = own;
    }

    /// A device was heard.
    fn hear(&mut self, index: usize, seen_ms: Option<u64>) {
        let last = match self.seats.get(index) {
            Some(Seat::Member(seat)) => {
                let device = self.snapshot.devices.get_mut(*seat);
                device.map(|device| &mut device.last_seen)
            }
            Some(Seat::Bystander(seat)) => {
                let bystander = self.snapshot.bystanders.get_mut(*seat);
                bystander.map(|bystander| &mut bystander.last_seen)
            }
            Some(Seat::Nowhere) | None => None,
        };
        if let Some(last) = last {
            *last = seen_ms.map(unix);
        }
    }
}

/// Whether a device says no more than that it may be at it.
const fn is_at_it(said: &Reported) -> bool {
    matches!(said, Reported::Nothing | Reported::Working)
}

fn replaced<T: PartialEq>(into: &mut T, by: T) -> bool {
    let is_new = *into != by;
    if is_new {
        *into = by;
    }
    is_new
}
