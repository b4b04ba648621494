//! What must never happen on a device: looked for at each action, before it is carried out.

use thimble_agent::{Action, Status};
use thimble_protocol::report::{DeploymentState, Phase, ReasonCode};
use thimble_protocol::state::{Escalation, Window};

use crate::apps::{Apps, place_of};
use crate::device::Device;

/// What came of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing.
    Fine,
    /// A change of what runs begins.
    Begins,
    /// This must never happen.
    Never(String),
}

/// Whether a device is in the middle of a change.
pub(crate) fn is_busy(status: &Status) -> bool {
    let mut phases = status.deployments.iter().map(|(_, one)| one.phase);
    phases.any(|phase| {
        matches!(
            phase,
            Phase::Switching | Phase::Probation | Phase::RollingBack
        )
    })
}

/// Whether all that it does is to put back what ran before.
pub(crate) fn goes_back(status: &Status) -> bool {
    let mut phases = status.deployments.iter().map(|(_, one)| one.phase);
    !phases.any(|phase| matches!(phase, Phase::Switching | Phase::Probation))
}

/// Notes what was kept, once a change is over.
pub(crate) fn note_good(device: &mut Device, status: &Status) {
    for (_, one) in &status.deployments {
        let place = place_of(one.deployment);
        let is_back = one.state == DeploymentState::Failed || one.phase == Phase::RolledBack;
        let reason = one.reason.as_ref().map(|reason| reason.code);
        if !is_back || reason == Some(ReasonCode::HubNotReached) {
            let running = device.running(place);
            let good = &mut device.truth.good;
            match good.iter_mut().find(|(other, _)| *other == place) {
                Some((_, [last, before])) if *last != running => {
                    (*last, *before) = (running, *last)
                }
                Some(_) => {}
                None => good.push((place, [running, None])),
            }
        }
    }
}

/// Looks at an action of a device.
pub(crate) fn look(device: &mut Device, apps: &Apps, action: &Action, at_ms: u64) -> Seen {
    match action {
        Action::Save(_) => look_at_save(device, at_ms),
        Action::Report { report, .. } => {
            if report.sequence <= device.truth.sequence {
                return never("a report's sequence does not rise");
            }
            device.truth.sequence = report.sequence;
            Seen::Fine
        }
        Action::Fetch { blob, .. } => {
            let is_manifest = apps.index(blob.digest).is_some();
            if !is_manifest && has_stopped(device, at_ms) {
                return never("something is fetched after something was stopped");
            }
            Seen::Fine
        }
        Action::Verify { manifest, .. } => {
            if has_stopped(device, at_ms) {
                return never("something is verified after something was stopped");
            }
            let number = manifest.version.parse().unwrap_or(0);
            if let Some(version) = apps.number(place_of(manifest.deployment), number) {
                device.truth.verified.push(version.digest);
            }
            Seen::Fine
        }
        Action::Stop { deployment, .. } | Action::Remove { deployment, .. } => {
            let place = place_of(*deployment);
            let is_stop = matches!(action, Action::Stop { .. });
            let seen = look_at_stop(device, place, at_ms);
            device.truth.stopped.retain(|one| *one != place);
            if is_stop && device.installed(place).is_some() {
                device.truth.stopped.push(place);
            }
            seen
        }
        Action::Apply {
            manifest, digest, ..
        } => {
            let place = place_of(manifest.deployment);
            device.truth.stopped.retain(|one| *one != place);
            if !device.truth.is_changing {
                return never("something is started, and no change was begun");
            }
            if !device.truth.verified.contains(digest) {
                return never("something is started that was never verified");
            }
            if device
                .running(place)
                .is_some_and(|running| running != *digest)
            {
                return never("two versions of an app would run");
            }
            let version = apps.found(*digest);
            let has_all =
                version.is_some_and(|one| one.blobs.iter().all(|blob| device.is_stored(blob)));
            if !has_all {
                return never("something is started of which a blob is missing");
            }
            let app = &manifest.app;
            let is_same_app = |one: &&crate::device::Installed| {
                let other = apps.deployments.get(one.deployment);
                one.is_running
                    && one.deployment != place
                    && other.is_some_and(|other| other.placed.app == *app)
            };
            if device.installed.iter().any(|one| is_same_app(&one)) {
                return never("two deployments of one app would run");
            }
            Seen::Fine
        }
        _ => Seen::Fine,
    }
}

fn never(what: &str) -> Seen {
    Seen::Never(what.into())
}

fn look_at_save(device: &mut Device, at_ms: u64) -> Seen {
    let adopted = device.agent.tag().map_or(0, |tag| tag.version().0);
    let status = device.agent.status(device.now(at_ms));
    let truth = &mut device.truth;
    if adopted < truth.adopted || status.committed.0 < truth.committed {
        return Seen::Never(format!(
            "a version goes back: {} to {adopted} adopted, {} to {} committed",
            truth.adopted, truth.committed, status.committed
        ));
    }
    if let Some(next) = truth.next.take_if(|next| next.version == adopted) {
        truth.declared = next;
    }
    truth.was_saved = true;
    if truth.is_changing || !is_busy(&status) {
        return Seen::Fine;
    }
    truth.is_changing = true;
    if goes_back(&status) {
        return Seen::Fine;
    }
    if let Some(why) = closed(device, at_ms) {
        return Seen::Never(format!("a change begins {why}"));
    }
    Seen::Begins
}

fn look_at_stop(device: &Device, place: usize, at_ms: u64) -> Seen {
    let truth = &device.truth;
    if !truth.is_changing {
        return never("something is stopped, and no change was begun");
    }
    let is_refused = truth.refused.contains(&place) && !truth.declared.overridden.contains(&place);
    if is_refused && device.running(place).is_some() {
        let status = device.agent.status(device.now(at_ms));
        if !goes_back(&status) && !is_ladder_over(device, at_ms) {
            return never("something is stopped whose app said no");
        }
    }
    Seen::Fine
}

/// Whether something was stopped that is not broken: what could not be put back waits for its repair.
fn has_stopped(device: &Device, at_ms: u64) -> bool {
    if device.truth.stopped.is_empty() {
        return false;
    }
    let status = device.agent.status(device.now(at_ms));
    let is_broken = |place: usize| {
        let mut statuses = status.deployments.iter().map(|(_, one)| one);
        statuses
            .any(|one| place_of(one.deployment) == place && one.state == DeploymentState::Failed)
    };
    device.truth.stopped.iter().any(|place| !is_broken(*place))
}

/// Whether the hub was silent for so long that the device goes back by itself.
fn is_ladder_over(device: &Device, at_ms: u64) -> bool {
    let truth = &device.truth;
    let mut rungs = truth
        .declared
        .ladder
        .iter()
        .filter(|rung| rung.step == Escalation::RollBack);
    rungs.any(|rung| at_ms.saturating_sub(truth.heard_ms) >= u64::from(rung.after_s) * 1000)
}

/// Why nothing may begin now on a device, if nothing may.
fn closed(device: &Device, at_ms: u64) -> Option<String> {
    let truth = &device.truth;
    if device.is_held_here {
        return Some("while it is held at the device".into());
    }
    if truth.declared.policy.is_held {
        return Some("while it is held".into());
    }
    let clock = device.now(at_ms).clock;
    if truth
        .declared
        .policy
        .hold_until
        .is_some_and(|until| clock.is_none_or(|now| now < until))
    {
        return Some("before its hold is over".into());
    }
    let windows = &truth.declared.policy.windows;
    let is_within = |now: u64| windows.iter().any(|window| is_within(window, now));
    if !windows.is_empty() && !clock.is_some_and(|now| is_within(now.0)) {
        return Some("outside of every window".into());
    }
    None
}

/// A plain model of windows, by the days on which one begins.
fn is_within(window: &Window, now: u64) -> bool {
    let local = now.cast_signed() / 60 + i64::from(window.utc_offset_minutes);
    (0..=1).any(|days_ago| {
        let day = local.div_euclid(1440) - days_ago;
        let begin = day * 1440 + i64::from(window.begin_minute);
        let weekday = (day + 3).rem_euclid(7);
        window.days & (1 << weekday) != 0
            && (begin..begin + i64::from(window.minutes)).contains(&local)
    })
}
