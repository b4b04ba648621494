//! Between devices and the hub: requests and answers that are late, lost, doubled, or wait at the hub.

use thimble_agent::Event as AgentEvent;
use thimble_protocol::DesiredState;
use thimble_protocol::session::{Exchange, Failure, Kind, Outcome, Response};
use thimble_protocol::sign::{Envelope, Kind as Signed};

use super::{Event, Fate, World};
use crate::apps::place_of;
use crate::device::{Answer, Flight};
use crate::hub::{Answered, Reply};
use crate::tally::Trouble;

/// Milliseconds until a device gives an answer up, beyond those that the hub may take on purpose.
const PATIENCE_MS: u64 = 30_000;

impl World {
    pub(super) fn send(&mut self, device: u32, exchange: Exchange) {
        self.counts.exchanges += 1;
        let now_ms = self.now_ms;
        let one = &mut self.devices[device as usize];
        let given_up_ms = PATIENCE_MS + u64::from(exchange.wait_s) * 1000;
        let (boot, latency_ms) = (one.boot, one.habits.latency_ms);
        if !one.is_linked || !self.hub.is_up {
            let flight = one.take_off(exchange, now_ms + 1_000);
            let fate = Fate::Failed(Failure::Connection);
            self.queue
                .put(now_ms + 1_000, Event::Response(device, boot, flight, fate));
            return;
        }
        if one.random.chance(one.habits.loss) {
            self.lose(device, exchange, now_ms + given_up_ms);
            return;
        }
        one.is_unchanged = false;
        if one.random.chance(one.habits.twice) {
            self.troubles.note(Trouble::Double);
            let late_ms = one.random.within(10, 90_000);
            self.queue.put(
                now_ms + late_ms,
                Event::Again(device, Box::new(exchange.clone())),
            );
        }
        // The answer, or the connection while it waits at the hub, is lost without a word.
        let is_lost = one.random.chance(one.habits.loss);
        let jitter_ms = one.random.below(latency_ms + 1);
        let answered = self
            .hub
            .take(&self.apps, &self.key, device, &exchange, now_ms);
        match answered {
            _ if is_lost => self.lose(device, exchange, now_ms + given_up_ms),
            Answered::Reply(reply) => {
                let reply = self.replayed(device, &exchange, reply);
                let fate = Fate::Reply(reply, self.hub.life);
                let at_ms = now_ms + 2 * latency_ms + jitter_ms;
                let flight = self.devices[device as usize].take_off(exchange, at_ms);
                self.queue
                    .put(at_ms, Event::Response(device, boot, flight, fate));
            }
            Answered::Parked(wait_s) => {
                let at_ms = now_ms + u64::from(wait_s) * 1000;
                let flight = self.devices[device as usize].take_off(exchange, at_ms);
                self.hub.parked[device as usize] = Some(flight);
                self.queue.put(at_ms, Event::Unpark(device, flight));
            }
        }
    }

    /// Nothing comes of a request.
    fn lose(&mut self, device: u32, exchange: Exchange, at_ms: u64) {
        self.troubles.note(Trouble::Loss);
        let one = &mut self.devices[device as usize];
        let (boot, flight) = (one.boot, one.take_off(exchange, at_ms));
        let fate = Fate::Failed(Failure::Timeout);
        self.queue
            .put(at_ms, Event::Response(device, boot, flight, fate));
    }

    /// What an attacker makes of an answer, if there is one.
    fn replayed(&mut self, device: u32, exchange: &Exchange, reply: Reply) -> Reply {
        let Some(sent) = self.sent.as_mut().filter(|_| exchange.kind == Kind::Poll) else {
            return reply;
        };
        let Some(sent) = sent.get_mut(device as usize) else {
            return reply;
        };
        if reply.status == 200
            && let Some(tag) = reply.tag
        {
            sent.push((tag, reply.body.clone()));
        }
        let one = &mut self.devices[device as usize];
        match (std::mem::take(&mut one.is_replayed), sent.first()) {
            (true, Some((tag, body))) => Reply {
                status: 200,
                tag: Some(*tag),
                delay_apply_s: None,
                next_poll_s: None,
                body: body.clone(),
            },
            _ => reply,
        }
    }

    /// Answers a poll that waits, if it still does: there is something new, or its time is over.
    pub(super) fn unpark(&mut self, device: u32, flight: Option<u32>) {
        let Some(parked) = self.hub.parked[device as usize] else {
            return;
        };
        if flight.is_some_and(|flight| flight != parked) {
            return;
        }
        self.hub.parked[device as usize] = None;
        let one = &mut self.devices[device as usize];
        let Some(exchange) = one.landed(parked) else {
            return;
        };
        let (boot, latency_ms) = (one.boot, one.habits.latency_ms);
        let is_rebound = std::mem::take(&mut one.is_rebound);
        let is_lost = !one.is_linked || one.random.chance(one.habits.loss) || is_rebound;
        if is_lost {
            self.troubles.note(Trouble::Loss);
        }
        self.hub.hear(device, self.now_ms);
        let fate = if is_lost {
            Fate::Failed(Failure::Timeout)
        } else {
            let reply = self
                .hub
                .state(&self.apps, &self.key, device, &exchange, self.now_ms);
            Fate::Reply(self.replayed(device, &exchange, reply), self.hub.life)
        };
        let at_ms = self.now_ms + if is_lost { PATIENCE_MS } else { latency_ms };
        let one = &mut self.devices[device as usize];
        one.flights.push(Flight {
            number: parked,
            exchange,
            lands_ms: at_ms,
        });
        self.queue
            .put(at_ms, Event::Response(device, boot, parked, fate));
        self.drive(device);
    }

    pub(super) fn respond(&mut self, device: u32, flight: u32, fate: Fate) {
        let now_ms = self.now_ms;
        let hub_life = self.hub.life;
        let one = &mut self.devices[device as usize];
        let now = one.now(now_ms);
        let Some(exchange) = one.landed(flight) else {
            return;
        };
        let reply = match fate {
            Fate::Reply(reply, life) if life == hub_life && one.is_linked => reply,
            Fate::Reply(..) => return self.fail(device, &exchange, Failure::Connection),
            Fate::Failed(failure) => return self.fail(device, &exchange, failure),
        };
        one.truth.heard_ms = now_ms;
        if !std::mem::replace(&mut one.is_clock_known, true) {
            one.answers.push_back(Answer::Tick);
        }
        let headers = reply.headers();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let response = Response {
            status: reply.status,
            headers: &headers,
            body: &reply.body,
        };
        match one.session.answered(now.ms, &exchange, &response) {
            Outcome::State(state) => {
                one.truth.note_state(&state.envelope);
                let event = AgentEvent::StateReceived {
                    envelope: &state.envelope,
                    delay_apply_s: state.delay_apply_s,
                };
                self.tell(device, event);
            }
            Outcome::NotModified { .. } => {
                one.is_unchanged = true;
                self.tell(device, AgentEvent::HubAnswered);
            }
            Outcome::Reported(reply) => {
                if let Kind::Report { sequence } = exchange.kind {
                    let send_all = reply.send_all;
                    self.tell(device, AgentEvent::ReportSent { sequence, send_all });
                }
            }
            Outcome::Problem(_) | Outcome::Invalid(_) => self.say_failed(device, &exchange),
            _ => {}
        }
    }

    fn fail(&mut self, device: u32, exchange: &Exchange, failure: Failure) {
        let one = &mut self.devices[device as usize];
        let now = one.now(self.now_ms);
        one.session.failed(now.ms, exchange, failure);
        self.say_failed(device, exchange);
    }

    fn say_failed(&mut self, device: u32, exchange: &Exchange) {
        self.tell(device, AgentEvent::HubFailed);
        if matches!(exchange.kind, Kind::Report { .. }) && self.devices[device as usize].is_on {
            self.tell(device, AgentEvent::ReportFailed);
        }
    }
}

impl crate::device::Truth {
    /// A state comes to the device; it counts once the agent kept it.
    fn note_state(&mut self, envelope: &[u8]) {
        let envelope = Envelope::parse(envelope, Signed::State).ok();
        let state = envelope.and_then(|envelope| DesiredState::decode(envelope.payload()).ok());
        if let Some(state) = state {
            let items = state
                .items
                .iter()
                .filter(|item| item.override_reason.is_some());
            self.next = Some(crate::device::Declared {
                version: state.version.0,
                overridden: items.map(|item| place_of(item.deployment)).collect(),
                policy: state.policy,
                ladder: state.ladder,
            });
        }
    }
}
