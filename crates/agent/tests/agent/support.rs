//! A device around an agent: its storage, its containers and its hub, each of which can misbehave. It holds the agent to what
//! must never happen, whatever the test is about.

mod act;
mod build;
mod invariants;

pub(crate) use build::{app, sealed, with_apps, with_secret};

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use p256::SecretKey;
use thimble_agent::{Action, Agent, Consent, Event, Now, Settings, Signatures};
use thimble_image::Digest;
use thimble_protocol::keyring::P256;
use thimble_protocol::report::{ContainerStatus, DeploymentState, Phase, ReasonCode, Report};
use thimble_protocol::sign::{P256Signer, sign_manifest, sign_state};
use thimble_protocol::state::{Escalation, SealedSecret, UpdatePolicy};
use thimble_protocol::{
    DeploymentId, DesiredState, DeviceId, Item, Keyring, Manifest, StateVersion, UnixSeconds,
};

use act::Answer;
use invariants::Invariants;

pub(crate) const DEVICE: DeviceId = DeviceId([7; 16]);

/// Monday 2026-11-30T00:00:00Z.
pub(crate) const MONDAY: u64 = 1_795_996_800;

pub(crate) const fn id(number: u8) -> DeploymentId {
    DeploymentId([number; 16])
}

/// What is wrong with a version of an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    Crashes,
    Unhealthy,
    DoesNotStart,
    Untrusted,
    Unavailable,
}

/// An app that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
    pub(crate) is_running: bool,
    pub(crate) restarts: u32,
    pub(crate) secrets: Vec<SealedSecret>,
}

/// What a device has that outlives a power cut, and what it has not.
pub(crate) struct Device {
    pub(crate) agent: Agent,
    pub(crate) now: Now,
    pub(crate) saved: Option<Vec<u8>>,
    pub(crate) saves: u32,
    /// Manifests that are signed, and what is wrong with them.
    pub(crate) manifests: BTreeMap<Digest, (Vec<u8>, Manifest, Fault)>,
    pub(crate) stored: BTreeSet<Digest>,
    /// Manifests that storage gives back damaged until they are fetched again.
    pub(crate) rotten: BTreeSet<Digest>,
    /// Blobs that the hub does not have.
    pub(crate) unavailable: BTreeSet<Digest>,
    pub(crate) kept: Vec<Digest>,
    pub(crate) installed: BTreeMap<DeploymentId, Installed>,
    pub(crate) is_hub_up: bool,
    pub(crate) ram_bytes: u64,
    pub(crate) storage_bytes: u64,
    /// What apps say when they are asked; silent apps do not answer at all.
    pub(crate) consents: BTreeMap<DeploymentId, Consent>,
    /// The open question, if nobody answered it.
    pub(crate) question: Option<thimble_agent::Ticket>,
    pub(crate) reports: Vec<Report>,
    pub(crate) escalations: Vec<Escalation>,
    pub(crate) recovery_urls: Vec<String>,
    pub(crate) state: Option<(DesiredState, Vec<u8>)>,
    /// What was done, in words.
    pub(crate) log: Vec<String>,
    /// Actions until the power is cut.
    pub(crate) actions_left: Option<u32>,
    pub(crate) cuts: u32,
    /// So many of the next stops, removals and applications fail.
    pub(crate) failing: u32,
    /// Whether reports are lost.
    pub(crate) loses_reports: bool,
    pub(crate) policies: BTreeMap<u64, UpdatePolicy>,
    /// Answers are given when [`Device::work`] is called, not at once.
    pub(crate) is_slow: bool,
    answers: VecDeque<Answer>,
    /// Answers within answers.
    depth: u32,
    pub(crate) invariants: Invariants,
    pub(crate) trust: Signatures<P256>,
    signer: P256Signer,
}

impl Device {
    pub(crate) fn new() -> Self {
        let signer = P256Signer::new(&SecretKey::from_slice(&[9; 32]).unwrap());
        let keyring = Keyring::new(&[signer.signing_key()]).unwrap();
        let now = Now {
            ms: 1_000,
            clock: Some(UnixSeconds(MONDAY)),
        };
        Self {
            agent: Agent::new(Settings::new(DEVICE, 1), now),
            now,
            saved: None,
            saves: 0,
            manifests: BTreeMap::new(),
            stored: BTreeSet::new(),
            rotten: BTreeSet::new(),
            unavailable: BTreeSet::new(),
            kept: Vec::new(),
            installed: BTreeMap::new(),
            is_hub_up: true,
            ram_bytes: 1 << 20,
            storage_bytes: 1 << 20,
            consents: BTreeMap::new(),
            question: None,
            reports: Vec::new(),
            escalations: Vec::new(),
            recovery_urls: Vec::new(),
            state: None,
            log: Vec::new(),
            actions_left: None,
            cuts: 0,
            failing: 0,
            loses_reports: false,
            policies: BTreeMap::new(),
            is_slow: false,
            answers: VecDeque::new(),
            depth: 0,
            invariants: Invariants::default(),
            trust: Signatures {
                keyring,
                verify: P256,
            },
            signer,
        }
    }

    /// The certificate was renewed, and with it came another key instead of the one before.
    pub(crate) fn replace_key(&mut self) {
        self.signer = P256Signer::new(&SecretKey::from_slice(&[11; 32]).unwrap());
        self.trust.keyring = Keyring::new(&[self.signer.signing_key()]).unwrap();
    }

    /// Signs a manifest and has the hub offer it.
    pub(crate) fn publish(&mut self, manifest: &Manifest, fault: Fault) -> Item {
        let envelope = sign_manifest(manifest, &self.signer).unwrap();
        let digest = Digest::of(&envelope);
        let manifest_bytes = u32::try_from(envelope.len()).unwrap();
        if fault == Fault::Unavailable {
            self.unavailable.insert(manifest.containers[0].image.layer);
        }
        self.manifests
            .insert(digest, (envelope, manifest.clone(), fault));
        Item {
            deployment: manifest.deployment,
            manifest: digest,
            manifest_bytes,
            override_reason: None,
        }
    }

    /// Signs a state with the next version.
    pub(crate) fn sign(&mut self, items: &[Item], policy: UpdatePolicy) -> Vec<u8> {
        let version = self.state.as_ref().map_or(0, |(state, _)| state.version.0) + 1;
        self.sign_as(version, items, policy, |_| {})
    }

    pub(crate) fn sign_as(
        &mut self,
        version: u64,
        items: &[Item],
        policy: UpdatePolicy,
        change: impl FnOnce(&mut DesiredState),
    ) -> Vec<u8> {
        let mut state = DesiredState {
            device: DEVICE,
            version: StateVersion(version),
            issued_at: UnixSeconds(MONDAY),
            items: items.to_vec(),
            policy,
            secrets: Vec::new(),
            ladder: Vec::new(),
            recovery_urls: Vec::new(),
            next_keys: Vec::new(),
        };
        change(&mut state);
        let envelope = sign_state(&state, &self.signer).unwrap();
        if state.device == DEVICE {
            self.policies
                .entry(version)
                .or_insert_with(|| state.policy.clone());
        }
        self.state = Some((state, envelope.clone()));
        envelope
    }

    /// The hub declares this, and the device gets it at once.
    pub(crate) fn declare(&mut self, items: &[Item]) {
        let envelope = self.sign(items, UpdatePolicy::default());
        self.receive(&envelope);
    }

    pub(crate) fn declare_with(
        &mut self,
        items: &[Item],
        policy: UpdatePolicy,
        change: impl FnOnce(&mut DesiredState),
    ) {
        let version = self.state.as_ref().map_or(0, |(state, _)| state.version.0) + 1;
        let envelope = self.sign_as(version, items, policy, change);
        self.receive(&envelope);
    }

    pub(crate) fn receive(&mut self, envelope: &[u8]) {
        self.handle(Event::StateReceived {
            envelope,
            delay_apply_s: 0,
        });
    }

    /// Gives the agent an event, does what it asks for, and gives it the answers.
    pub(crate) fn handle(&mut self, event: Event<'_>) {
        let mut actions = Vec::new();
        self.invariants
            .before(self.now, self.state.as_ref().map(|(state, _)| state));
        self.agent
            .handle(self.now, event, &self.trust, &mut actions);
        self.depth += 1;
        assert!(
            self.depth < 500,
            "the agent asks without end: {actions:?}\n{}",
            self.log.join("\n")
        );
        self.carry_out(actions);
        self.depth -= 1;
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        let mut answers = Vec::new();
        for action in actions {
            if self.actions_left == Some(0) {
                self.actions_left = None;
                self.cut_power();
                return;
            }
            self.actions_left = self.actions_left.map(|left| left - 1);
            self.check(&action);
            answers.extend(self.act(action));
        }
        if self.is_slow {
            self.answers.extend(answers);
            return;
        }
        let cuts = self.cuts;
        for answer in answers {
            if cuts == self.cuts {
                answer.give(self);
            }
        }
    }

    /// The power goes and comes back: what is in memory is gone, containers start as they were made.
    pub(crate) fn cut_power(&mut self) {
        self.log.push("-- power --".into());
        self.cuts += 1;
        self.question = None;
        self.answers.clear();
        self.now.ms = 1_000;
        for app in self.installed.values_mut() {
            app.restarts = 0;
        }
        let settings = Settings::new(DEVICE, u64::from(self.cuts));
        self.agent = match &self.saved {
            Some(saved) => Agent::restore(settings, saved, self.now).unwrap(),
            None => Agent::new(settings, self.now),
        };
        self.invariants.restarted();
    }

    /// Gives so many answers that are due.
    pub(crate) fn work(&mut self, answers: u64) {
        for _ in 0..answers {
            match self.answers.pop_front() {
                Some(answer) => answer.give(self),
                None => return,
            }
        }
    }

    /// Lets time pass, tick by tick.
    pub(crate) fn pass(&mut self, seconds: u64) {
        let mut left_ms = seconds * 1000;
        let mut ticks_in_place = 0;
        loop {
            let cuts = self.cuts;
            let wait_ms = self
                .agent
                .deadline()
                .map_or(u64::MAX, |deadline| deadline.saturating_sub(self.now.ms));
            if wait_ms > left_ms {
                break;
            }
            ticks_in_place = if wait_ms == 0 { ticks_in_place + 1 } else { 0 };
            assert!(
                ticks_in_place < 100,
                "the agent wants to be woken without end:\n{}",
                self.log.join("\n")
            );
            self.advance(wait_ms);
            left_ms -= wait_ms;
            self.handle(Event::Tick);
            if cuts != self.cuts {
                continue;
            }
        }
        self.advance(left_ms);
    }

    fn advance(&mut self, ms: u64) {
        let before_s = self.now.ms / 1000;
        self.now.ms += ms;
        let passed_s = self.now.ms / 1000 - before_s;
        self.now.clock = self.now.clock.map(|clock| UnixSeconds(clock.0 + passed_s));
    }

    /// The device polls its hub.
    pub(crate) fn poll(&mut self) {
        if !self.is_hub_up {
            self.handle(Event::HubFailed);
            return;
        }
        let has_it = self.agent.tag().is_some_and(|tag| {
            self.state
                .as_ref()
                .is_some_and(|(state, _)| tag.version() == state.version)
        });
        match self.state.clone() {
            Some((_, envelope)) if !has_it => self.receive(&envelope),
            Some(_) | None => self.handle(Event::HubAnswered),
        }
    }

    /// Lets time pass with a poll every so many seconds.
    pub(crate) fn pass_polling(&mut self, seconds: u64, every_s: u64) {
        for _ in 0..seconds / every_s {
            self.pass(every_s);
            self.poll();
        }
    }

    pub(crate) fn running(&self, deployment: DeploymentId) -> Option<&str> {
        let installed = self
            .installed
            .get(&deployment)
            .filter(|installed| installed.is_running)?;
        Some(&installed.manifest.version)
    }

    pub(crate) fn phase(
        &self,
        deployment: DeploymentId,
    ) -> (DeploymentState, Phase, Option<ReasonCode>) {
        let status = self.agent.status(self.now);
        let (_, status) = status
            .deployments
            .iter()
            .find(|(_, status)| status.deployment == deployment)
            .unwrap();
        (
            status.state,
            status.phase,
            status.reason.as_ref().map(|reason| reason.code),
        )
    }

    pub(crate) fn reason(&self, deployment: DeploymentId) -> String {
        let status = self.agent.status(self.now);
        let (_, status) = status
            .deployments
            .iter()
            .find(|(_, status)| status.deployment == deployment)
            .unwrap();
        status
            .reason
            .as_ref()
            .map(|reason| reason.text.clone())
            .unwrap_or_default()
    }

    /// Takes what was done so far.
    pub(crate) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    pub(crate) fn say(&mut self, deployment: DeploymentId) {
        let containers = self.containers(deployment);
        self.handle(Event::AppStatus {
            deployment,
            containers: &containers,
        });
    }

    fn fault(&self, digest: Digest) -> Fault {
        self.manifests
            .get(&digest)
            .map_or(Fault::None, |(_, _, fault)| *fault)
    }

    fn containers(&mut self, deployment: DeploymentId) -> Vec<ContainerStatus> {
        let faults: BTreeMap<Digest, Fault> = self
            .manifests
            .iter()
            .map(|(digest, (_, _, fault))| (*digest, *fault))
            .collect();
        let Some(app) = self.installed.get_mut(&deployment) else {
            return Vec::new();
        };
        let fault = faults[&app.digest];
        app.restarts += u32::from(fault == Fault::Crashes && app.is_running);
        let names = app
            .manifest
            .containers
            .iter()
            .map(|container| container.name.clone());
        names
            .map(|name| ContainerStatus {
                name,
                state: if app.is_running { "running" } else { "created" }.into(),
                health: if fault == Fault::Unhealthy {
                    "unhealthy"
                } else {
                    "healthy"
                }
                .into(),
                restarts: app.restarts,
                last_end: (app.restarts > 0).then(|| "trapped: unreachable".into()),
            })
            .collect()
    }
}
