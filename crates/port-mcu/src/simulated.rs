//! A simulated board, described by tables: pins that change at given times and sensors that give given values, so that
//! the same test gives the same result on every board.
//!
//! A pin's times count from the moment a container takes it. A pin belongs to one container at a time. What port-linux
//! reads from a file, firmware has as constants.

#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::task::Waker;

use spin::MutexGuard;
use thimble_abi::Errno;
use thimble_runtime::config::ContainerId;
use thimble_runtime::port::{
    Board, Direction, EDGE_BACKLOG, Level, PinEdge, PinName, SensorReading,
};
use thimble_runtime::time::Instant;

use crate::machine::Lock;

pub use thimble_runtime::port::Pulses;

/// A pin.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    /// Its name.
    pub name: &'static str,
    /// The port that it belongs to.
    pub port: u32,
    /// Its number there.
    pub pin: u32,
    /// What it is.
    pub direction: Direction,
    /// When it changes, if it is an input.
    pub pulses: Pulses<'static>,
}

/// A sensor.
#[derive(Clone, Copy, Debug)]
pub struct Sensor {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub id: u32,
    /// The type of each channel, by Zephyr's numbers, and its values, one after the other and then from the beginning.
    pub channels: &'static [(u32, &'static [f64])],
}

/// A board made of tables.
pub struct Simulated {
    pins: &'static [Pin],
    sensors: &'static [Sensor],
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    held: BTreeMap<usize, Held>,
    /// Readings taken of each channel of each sensor.
    taken: BTreeMap<(usize, usize), usize>,
}

/// A pin in a container's hands.
struct Held {
    container: ContainerId,
    since: Instant,
    level: Level,
    /// The number of the next edge to tell, if edges are wanted.
    next_edge: Option<u64>,
}

impl Simulated {
    /// A board with these pins and sensors.
    #[must_use]
    pub fn new(pins: &'static [Pin], sensors: &'static [Sensor]) -> Self {
        Self {
            pins,
            sensors,
            state: Lock::new(State::default()),
        }
    }

    /// The state. It is in use further up the stack only if a method calls itself, which none does.
    fn state(&self) -> Result<MutexGuard<'_, State>, Errno> {
        self.state.take().map_err(|_| Errno::Again)
    }

    fn find(&self, port: u32, pin: u32) -> Result<(usize, &'static Pin), Errno> {
        self.pins
            .iter()
            .enumerate()
            .find(|(_, found)| (found.port, found.pin) == (port, pin))
            .ok_or(Errno::NoDevice)
    }
}

/// A pin as containers know it.
fn name_of(pin: &Pin) -> PinName {
    PinName {
        name: Some(String::from(pin.name)),
        port: pin.port,
        pin: pin.pin,
    }
}

impl Board for Simulated {
    fn pin_named(&self, name: &str) -> Option<PinName> {
        self.pins.iter().find(|pin| pin.name == name).map(name_of)
    }

    fn pin_at(&self, port: u32, pin: u32) -> Option<PinName> {
        self.find(port, pin).ok().map(|(_, pin)| name_of(pin))
    }

    fn has_pins(&self) -> bool {
        !self.pins.is_empty()
    }

    fn configure(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        direction: Direction,
        now: Instant,
    ) -> Result<(), Errno> {
        let (index, pin) = self.find(port, pin)?;
        if pin.direction != direction {
            return Err(Errno::NotSupported);
        }
        let mut state = self.state()?;
        let held = state.held.entry(index).or_insert(Held {
            container,
            since: now,
            level: Level::Low,
            next_edge: None,
        });
        match held.container == container {
            true => Ok(()),
            false => Err(Errno::Busy),
        }
    }

    fn set(&self, container: ContainerId, port: u32, pin: u32, level: Level) -> Result<(), Errno> {
        let (index, pin) = self.find(port, pin)?;
        let mut state = self.state()?;
        let held = state
            .held
            .get_mut(&index)
            .filter(|held| held.container == container && pin.direction == Direction::Output)
            .ok_or(Errno::Permission)?;
        held.level = level;
        Ok(())
    }

    fn get(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        now: Instant,
    ) -> Result<Level, Errno> {
        let (index, pin) = self.find(port, pin)?;
        let state = self.state()?;
        let held = state
            .held
            .get(&index)
            .filter(|held| held.container == container)
            .ok_or(Errno::Permission)?;
        Ok(match pin.direction {
            Direction::Output => held.level,
            Direction::Input => Pulses::level_after(pin.pulses.edges_until(now.since(held.since))),
        })
    }

    fn watch(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        on: bool,
        now: Instant,
    ) -> Result<(), Errno> {
        let (index, pin) = self.find(port, pin)?;
        let mut state = self.state()?;
        let held = state
            .held
            .get_mut(&index)
            .filter(|held| held.container == container && pin.direction == Direction::Input)
            .ok_or(Errno::Permission)?;
        if !on {
            held.next_edge = None;
        } else if held.next_edge.is_none() {
            held.next_edge = Some(pin.pulses.edges_until(now.since(held.since)));
        }
        Ok(())
    }

    fn next_edge(
        &self,
        container: ContainerId,
        now: Instant,
        _waker: &Waker,
    ) -> Result<PinEdge, Option<Instant>> {
        let mut state = self.state().map_err(|_| None)?;
        let mut first: Option<(Instant, u64, &Pin, &mut Held)> = None;
        for (index, held) in &mut state.held {
            if held.container != container {
                continue;
            }
            let (Some(next), Some(pin)) = (held.next_edge, self.pins.get(*index)) else {
                continue;
            };
            let happened = pin.pulses.edges_until(now.since(held.since));
            let edge = next.max(happened.saturating_sub(EDGE_BACKLOG));
            let Some(time) = pin.pulses.time_of(edge) else {
                continue;
            };
            let at = held.since + time;
            if first.as_ref().is_none_or(|(earliest, ..)| at < *earliest) {
                first = Some((at, edge, pin, held));
            }
        }
        match first {
            Some((at, edge, pin, held)) if at <= now => {
                let count = edge.saturating_add(1);
                held.next_edge = Some(count);
                Ok(PinEdge {
                    port: pin.port,
                    pin: pin.pin,
                    level: Pulses::level_after(count),
                    at,
                })
            }
            first => Err(first.map(|(at, ..)| at)),
        }
    }

    fn release(&self, container: ContainerId) {
        if let Ok(mut state) = self.state() {
            state.held.retain(|_, held| held.container != container);
        }
    }

    fn sensors(&self) -> Vec<SensorReading> {
        self.sensors
            .iter()
            .map(|sensor| SensorReading {
                name: String::from(sensor.name),
                id: sensor.id,
                channels: sensor.channels.iter().map(|(kind, _)| *kind).collect(),
            })
            .collect()
    }

    fn read_sensor(&self, id: u32, channel: u32) -> Result<f64, Errno> {
        let (place, sensor) = { self.sensors.iter().enumerate() }
            .find(|(_, sensor)| sensor.id == id)
            .ok_or(Errno::NoDevice)?;
        let channel = usize::try_from(channel).map_err(|_| Errno::Invalid)?;
        let (_, values) = sensor.channels.get(channel).ok_or(Errno::Invalid)?;
        let mut state = self.state()?;
        let taken = state.taken.entry((place, channel)).or_default();
        let value = values.get(*taken).copied().ok_or(Errno::Io)?;
        *taken = (*taken + 1) % values.len().max(1);
        Ok(value)
    }
}
