//! What is written down and played: a command a line, and after it everything that happened.
//!
//! `devices N`, `app NAME`, `revision APP N FAULT` and `rollout APP N` set the stage; `run 10m` lets time pass; the others are
//! what operators, the weather and the power company do. `show` says what every device has in truth, and where it stands.

mod words;

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use thimble_protocol::manifest::UpdateRules;
use thimble_protocol::session::Settings;
use thimble_protocol::state::{Escalation, Rung, Window};
use thimble_rollout::policy::{Amount, ApprovalRule, OnFailures, Threshold, Wave};
use thimble_rollout::{Labels, Policy};

use crate::apps::{Among, Fault};
use crate::device::{Device, Habits};
use crate::hub::Facts;
use crate::life::{budget, offer};
use crate::signature::Signatures;
use crate::trace::{Trace, clock};
use crate::world::{Order, World};
use words::Words;

/// Plays a script; everything that happened, line by line.
///
/// # Errors
/// A line that is no command, and why.
pub fn play(text: &str) -> Result<Vec<String>> {
    let mut said = Vec::new();
    let mut world: Option<World> = None;
    for (number, line) in text.lines().enumerate() {
        let command = line.split('#').next().unwrap_or_default().trim();
        if command.is_empty() {
            continue;
        }
        said.push(format!("> {command}"));
        let words = Words::of(command);
        let place = || format!("line {}: `{command}`", number + 1);
        match (&mut world, words.word(0)) {
            (None, "devices") => world = Some(stage(&words).with_context(place)?),
            (None, _) => bail!("line {}: a script begins with `devices N`", number + 1),
            (Some(world), _) => {
                obey(world, &words, &mut said).with_context(place)?;
                said.append(&mut world.trace.take());
            }
        }
    }
    Ok(said)
}

fn stage(words: &Words<'_>) -> Result<World> {
    let count: u32 = words.word(1).parse()?;
    let lines = words.number("lines")?.unwrap_or(1).max(1);
    let poll_s = words.seconds("poll")?.unwrap_or(60);
    let wait_s = words.seconds("wait")?.unwrap_or(300);
    let facts: Result<Vec<Facts>> = (0..count)
        .map(|device| {
            let line = device % lines;
            Ok(Facts {
                labels: Labels::new([("line".into(), format!("l{line}"))])?,
                line,
                site: 0,
                hardware: if device % 2 == 0 { "m4" } else { "m33" }.into(),
                offer: offer(),
            })
        })
        .collect();
    let settings = Settings {
        poll_s,
        wait_s,
        is_parallel: wait_s > 0,
        ..Settings::default()
    };
    let device = |index| Device::new(index, 1, Habits::GOOD, settings.clone(), 0);
    let mut world = World::new(1, facts?, Signatures::P256, device)?;
    world.trace = Trace::on(None);
    if wait_s > 0 {
        world.hub.next_poll_s = Some(1);
    }
    world.sent = Some(vec![Vec::new(); count as usize]);
    Ok(world)
}

fn obey(world: &mut World, words: &Words<'_>, said: &mut Vec<String>) -> Result<()> {
    match words.word(0) {
        "app" => app(world, words)?,
        "revision" => revision(world, words)?,
        "rollout" => rollout(world, words)?,
        "run" => world.run_until(world.now_ms + words.milliseconds(1)?),
        "end" => {
            world.order_at(world.now_ms, Order::Heal);
            world.run_until(world.now_ms + words.milliseconds(1)?);
            world.judge_end();
        }
        "show" => show(world, said),
        _ => {
            let order = order(world, words)?;
            world.order_at(world.now_ms, order);
            world.run_until(world.now_ms);
        }
    }
    Ok(())
}

fn app(world: &mut World, words: &Words<'_>) -> Result<()> {
    let seconds = |name| words.seconds(name);
    let rules = UpdateRules {
        consent_ms: seconds("consent")?.unwrap_or(10) * 1000,
        ask_again_s: seconds("ask-again")?.unwrap_or(600),
        probation_s: seconds("probation")?.unwrap_or(60),
        hub_within_s: seconds("hub-within")?.unwrap_or(0),
    };
    let name = words.word(1);
    let priority = words.number("priority")?.unwrap_or(0);
    let needs = match words.value("needs") {
        Some(needed) => vec![deployment(world, needed)?],
        None => Vec::new(),
    };
    let app = words.value("app").unwrap_or(name);
    let selector = words.value("selector").unwrap_or_default();
    world
        .apps
        .add(name, app, selector, i32::try_from(priority)?, rules, &needs)?;
    world.hub.place(&world.apps)
}

fn revision(world: &mut World, words: &Words<'_>) -> Result<()> {
    let place = deployment(world, words.word(1))?;
    let fault = match words.word(3) {
        "" => Fault::None,
        "crashes" => Fault::Crashes,
        "is-unhealthy" => Fault::Unhealthy,
        "fails-later" => Fault::FailsLater,
        "does-not-start" => Fault::DoesNotStart,
        "is-untrusted" => Fault::Untrusted,
        "is-unavailable" => Fault::Unavailable,
        "is-wrong-once" => Fault::WrongOnce,
        "is-slow" => Fault::Slow,
        other => bail!("there is no fault `{other}`"),
    };
    let among = match words.value("on") {
        None => Among::All,
        Some(list) if list.starts_with('d') => {
            let devices: Result<Vec<u32>> = list.split(',').map(words::device).collect();
            Among::Devices(devices?)
        }
        Some(hardware) => Among::Hardware(hardware.into()),
    };
    world
        .apps
        .publish(place, words.word(2).parse()?, fault, among, &world.key)
}

fn rollout(world: &mut World, words: &Words<'_>) -> Result<()> {
    let place = deployment(world, words.word(1))?;
    let revision = match words.word(2) {
        "none" => None,
        number => Some(number.parse()?),
    };
    if revision.is_some_and(|revision| world.apps.number(place, revision).is_none()) {
        bail!("there is no such revision");
    }
    let mut waves = Vec::new();
    let persons = words.number("approval")?.map(u8::try_from).transpose()?;
    if let Some(canary) = words.number("canary")? {
        waves.push(Wave {
            name: "canary".into(),
            amount: Amount::count(canary),
            soak_s: words.seconds("soak")?.unwrap_or(0),
            failures_max: Threshold {
                count: Some(words.number("failures")?.unwrap_or(0)),
                percent: None,
            },
            ..Wave::default()
        });
    }
    waves.push(Wave {
        name: "rest".into(),
        approval: persons.map(|persons| ApprovalRule {
            persons,
            roles: Vec::new(),
            excludes_author: false,
        }),
        ..Wave::default()
    });
    let bound = words
        .number("budget")?
        .map(|count| budget("line", Some(count), None));
    if world.budgets.is_empty() {
        world.budgets.extend(bound.clone());
    }
    let policy = Policy {
        waves,
        budgets: bound.into_iter().collect(),
        attempt_timeout_s: words.seconds("timeout")?.unwrap_or(3_600),
        on_failures: match words.value("on-failures") {
            None | Some("pause") => OnFailures::Pause,
            Some("abort") => OnFailures::Abort,
            Some("roll-back") => OnFailures::RollBack,
            Some(other) => bail!("on-failures is pause, abort or roll-back, not `{other}`"),
        },
        ..Policy::default()
    };
    world.order_at(
        world.now_ms,
        Order::Begin(place, revision, Arc::new(policy)),
    );
    world.run_until(world.now_ms);
    Ok(())
}

fn order(world: &World, words: &Words<'_>) -> Result<Order> {
    let device = || words::device(words.word(1));
    let number = || -> Result<usize> { Ok(words.word(1).parse::<usize>()?.saturating_sub(1)) };
    Ok(match words.word(0) {
        "hold" => Order::Hold(device()?, true),
        "release" => Order::Hold(device()?, false),
        "hold-here" => Order::HoldHere(device()?, true),
        "release-here" => Order::HoldHere(device()?, false),
        "hold-for" => Order::HoldUntil(device()?, Some(world.now_ms + words.milliseconds(2)?)),
        "window" => Order::Windows(device()?, vec![window(words)?]),
        "ladder" => Order::Ladder(device()?, ladder(words)?),
        "override" => Order::Override(device()?, deployment(world, words.word(2))?, true),
        "veto" => Order::Veto(device()?, world.now_ms + words.milliseconds(2)?),
        "consent" => Order::Veto(device()?, 0),
        "silent" => Order::Silent(device()?, true),
        "down" => Order::Link(device()?, false),
        "up" => Order::Link(device()?, true),
        "cut" => match words.word(2) {
            "" => Order::Cut(device()?, 5_000),
            "at" => Order::CutAt(device()?, words::phase(words.word(3))?),
            _ => Order::Cut(device()?, words.milliseconds(2)?),
        },
        "replay" => Order::Replay(device()?),
        "hub" => match words.word(1) {
            "down" => Order::HubDown,
            "up" => Order::HubUp,
            "backup" => Order::BackUp,
            "restore" => Order::Restore,
            other => bail!("the hub goes down or up, or does backup or restore, and not `{other}`"),
        },
        "stall" => Order::Stall(words.word(1).parse()?, words.milliseconds(2)?),
        "approve" => Order::Approve(number()?, words.word(2).into()),
        "pause" => Order::Pause(number()?),
        "resume" => Order::Resume(number()?),
        "abort" => Order::Abort(number()?),
        "roll-back" => Order::RollBack(number()?),
        other => bail!("there is no command `{other}`"),
    })
}

fn window(words: &Words<'_>) -> Result<Window> {
    let (hour, minute) = words
        .word(2)
        .split_once(':')
        .ok_or_else(|| anyhow!("a window begins at HH:MM"))?;
    Ok(Window {
        days: 0x7f,
        begin_minute: hour.parse::<u16>()? * 60 + minute.parse::<u16>()?,
        minutes: u16::try_from(words.milliseconds(3)? / 60_000)?,
        utc_offset_minutes: 0,
    })
}

fn ladder(words: &Words<'_>) -> Result<Vec<Rung>> {
    let steps = [
        ("reconnect", Escalation::Reconnect),
        ("recovery", Escalation::Recovery),
        ("roll-back", Escalation::RollBack),
        ("restart-agent", Escalation::RestartAgent),
        ("restart-device", Escalation::RestartDevice),
    ];
    let mut ladder = Vec::new();
    for (name, step) in steps {
        if let Some(after_s) = words.seconds(name)? {
            ladder.push(Rung { after_s, step });
        }
    }
    ladder.sort_by_key(|rung| rung.after_s);
    Ok(ladder)
}

fn deployment(world: &World, name: &str) -> Result<usize> {
    world
        .apps
        .named(name)
        .ok_or_else(|| anyhow!("there is no app `{name}`"))
}

/// Says what every device has in truth, and where it stands in the newest rollout of each deployment.
fn show(world: &World, said: &mut Vec<String>) {
    for (place, deployment) in world.apps.deployments.iter().enumerate() {
        let Some(rollout) = world
            .hub
            .kept
            .rollouts
            .iter()
            .rposition(|one| one.deployment == place)
        else {
            continue;
        };
        let own = &world.hub.kept.rollouts[rollout];
        let state = own.progress.state.word();
        said.push(format!(
            "= {} rollout {} of {}: {state}: {}",
            clock(world.now_ms),
            rollout + 1,
            deployment.name,
            own.reason
        ));
        for (device, word, text) in world.hub.standings(&world.apps, rollout, world.now_ms) {
            let running = world.devices[device as usize].running(place);
            let running = running.and_then(|digest| world.apps.found(digest));
            let running =
                running.map_or_else(|| "nothing".into(), |version| version.revision.to_string());
            said.push(format!("=   d{device:02} runs {running}; {word}: {text}"));
        }
    }
}
