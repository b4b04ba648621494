//! What is said of a device itself, and of all devices of a tenant: labels, windows, holds, the ladder.

use serde::Deserialize;
use thimble_hub_api::device::{Weekday, Window as ApiWindow};
use thimble_hub_store::{Device, Tenant};
use thimble_protocol::state::{Escalation, Rung, UpdatePolicy, Window};
use thimble_protocol::{Capabilities, UnixSeconds};
use thimble_rollout::Labels;

use super::PublishError;
use super::load::parse;

/// What all devices of a tenant have in common: the part `fleet` of [`Tenant::settings`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FleetSettings {
    /// What a device does when the hub does not answer: seconds, and the step.
    pub ladder: Vec<(u32, LadderStep)>,
    /// Where else it may ask for its state.
    pub recovery_urls: Vec<String>,
}

/// What a device does when the hub does not answer; see [`Escalation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LadderStep {
    /// Connects anew.
    Reconnect,
    /// Asks at the recovery URLs too.
    Recovery,
    /// Goes back to the state before.
    RollBack,
    /// Restarts the agent.
    RestartAgent,
    /// Restarts the device.
    RestartDevice,
}

impl FleetSettings {
    /// Reads those of a tenant; none are the default.
    ///
    /// # Errors
    /// [`PublishError::Damaged`]: they say what is not known.
    pub fn of(tenant: &Tenant) -> Result<Self, PublishError> {
        match tenant.settings.get("fleet") {
            Some(settings) => parse(settings.clone(), || {
                format!("settings of tenant {}", tenant.id)
            }),
            None => Ok(Self::default()),
        }
    }

    pub(super) fn rungs(&self) -> Vec<Rung> {
        let step = |step| match step {
            LadderStep::Reconnect => Escalation::Reconnect,
            LadderStep::Recovery => Escalation::Recovery,
            LadderStep::RollBack => Escalation::RollBack,
            LadderStep::RestartAgent => Escalation::RestartAgent,
            LadderStep::RestartDevice => Escalation::RestartDevice,
        };
        self.ladder
            .iter()
            .map(|(after_s, rung)| Rung {
                after_s: *after_s,
                step: step(*rung),
            })
            .collect()
    }
}

/// Returns the labels by which selectors know a device: those that are kept, and what it is: `model`, `device/arch`.
pub(crate) fn labels(device: &Device, kept: Vec<(String, String)>) -> Labels {
    let capabilities = device.capabilities.as_deref().map(Capabilities::decode);
    let architecture = capabilities.and_then(|capabilities| Some(capabilities.ok()?.architecture));
    labels_of(&device.model, architecture, kept)
}

/// As [`labels`], of a device of this hardware type and architecture.
pub(crate) fn labels_of(
    model: &str,
    architecture: Option<String>,
    kept: Vec<(String, String)>,
) -> Labels {
    let architecture = architecture.map(|value| ("device/arch".to_owned(), value));
    let model = ("model".to_owned(), model.to_owned());
    // Of two with the same key the first stays.
    Labels::of_kept([model].into_iter().chain(architecture).chain(kept))
}

pub(super) fn seconds(now_ms: i64) -> UnixSeconds {
    UnixSeconds(u64::try_from(now_ms / 1000).unwrap_or(0))
}

/// Returns when a device may change.
pub(super) fn policy(device: &Device) -> Result<UpdatePolicy, PublishError> {
    let what = || format!("windows of device {}", device.id);
    let windows: Vec<ApiWindow> = parse(device.windows.clone(), what)?;
    let windows = windows.iter().map(|window| {
        wire_window(window).ok_or_else(|| PublishError::Damaged {
            what: what(),
            reason: format!("{:?} is no time of the day", window.begin),
        })
    });
    Ok(UpdatePolicy {
        windows: windows.collect::<Result<_, _>>()?,
        hold_until: device.hold_until_ms.map(seconds),
        is_held: device.is_held,
    })
}

/// Returns a window as devices know it; none if its time is none.
pub(crate) fn wire_window(window: &ApiWindow) -> Option<Window> {
    let (hour, minute) = window.begin.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let days = Weekday::ALL.iter().zip(0_u8..);
    Some(Window {
        days: days
            .filter(|(day, _)| window.days.contains(day))
            .fold(0, |days, (_, bit)| days | (1 << bit)),
        begin_minute: (hour < 24 && minute < 60).then_some(hour * 60 + minute)?,
        minutes: window.minutes,
        utc_offset_minutes: window.utc_offset_minutes,
    })
}
