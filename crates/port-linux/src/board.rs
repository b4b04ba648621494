//! A simulated board, described by a TOML file: pins that change at given times and sensors that give
//! given values, so that the same test gives the same result on every desk.
//!
//! A pin's times count from the moment a container takes it. A pin belongs to one container at a time.

mod file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use thimble_abi::Errno;
use thimble_runtime::port::{
    Board, Direction, EDGE_BACKLOG, Level, PinEdge, PinName, Pulses, SensorReading,
};
use thimble_runtime::{ContainerId, Instant};

pub use file::BoardError;
pub use thimble_runtime::port::NoBoard;

/// Changes of outputs that are kept for [`Simulated::changes`].
const CHANGES_MAX: usize = 1024;
/// A board made of a file.
pub struct Simulated {
    pins: Vec<PinSpec>,
    sensors: Vec<SensorSpec>,
    state: Mutex<State>,
    listener: Option<Listener>,
}

type Listener = Box<dyn Fn(&Change) + Send + Sync>;

/// A change of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who drove it.
    pub container: ContainerId,
    /// The pin.
    pub pin: PinName,
    /// Its level after it.
    pub level: Level,
}

#[derive(Debug)]
struct PinSpec {
    name: PinName,
    direction: Direction,
    /// Times of changes of an input.
    times: Vec<Duration>,
    /// After how long they begin anew.
    repeat: Option<Duration>,
}

#[derive(Debug)]
struct SensorSpec {
    reading: SensorReading,
    values: Vec<Vec<f64>>,
}

#[derive(Default)]
struct State {
    held: BTreeMap<usize, Held>,
    /// Readings taken of each channel of each sensor.
    taken: BTreeMap<(usize, usize), usize>,
    changes: VecDeque<Change>,
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
    /// Reads a board from a file.
    ///
    /// # Errors
    /// [`BoardError`] names the file and the line.
    pub fn load(path: &Path) -> Result<Self, BoardError> {
        file::load(path)
    }

    /// Reads a board from the text of a file.
    ///
    /// # Errors
    /// [`BoardError`] names the line.
    pub fn parse(text: &str) -> Result<Self, BoardError> {
        file::parse(text)
    }

    /// Tells every change of an output to `listener`, at once and on the thread that made it.
    #[must_use]
    pub fn on_change(mut self, listener: impl Fn(&Change) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// The last changes of outputs, oldest first.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.state.lock().changes.iter().cloned().collect()
    }

    /// The pins.
    #[must_use]
    pub fn pins(&self) -> Vec<PinName> {
        self.pins.iter().map(|pin| pin.name.clone()).collect()
    }

    fn new(pins: Vec<PinSpec>, sensors: Vec<SensorSpec>) -> Self {
        Self {
            pins,
            sensors,
            state: Mutex::default(),
            listener: None,
        }
    }

    fn find(&self, port: u32, pin: u32) -> Result<(usize, &PinSpec), Errno> {
        let place = |spec: &PinSpec| (spec.name.port, spec.name.pin) == (port, pin);
        self.pins
            .iter()
            .enumerate()
            .find(|(_, spec)| place(spec))
            .ok_or(Errno::NoDevice)
    }

    /// Notes a change and tells the listener, without the lock.
    fn changed(&self, change: Change) {
        {
            let mut state = self.state.lock();
            if state.changes.len() >= CHANGES_MAX {
                state.changes.pop_front();
            }
            state.changes.push_back(change.clone());
        }
        if let Some(listener) = &self.listener {
            listener(&change);
        }
    }
}

impl Board for Simulated {
    fn pin_named(&self, name: &str) -> Option<PinName> {
        self.pins
            .iter()
            .map(|pin| &pin.name)
            .find(|pin| pin.name.as_deref() == Some(name))
            .cloned()
    }

    fn pin_at(&self, port: u32, pin: u32) -> Option<PinName> {
        self.find(port, pin).ok().map(|(_, spec)| spec.name.clone())
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
        let (index, spec) = self.find(port, pin)?;
        if spec.direction != direction {
            return Err(Errno::NotSupported);
        }
        let mut state = self.state.lock();
        let held = state.held.entry(index).or_insert(Held {
            container,
            since: now,
            level: Level::Low,
            next_edge: None,
        });
        if held.container == container {
            Ok(())
        } else {
            Err(Errno::Busy)
        }
    }

    fn set(&self, container: ContainerId, port: u32, pin: u32, level: Level) -> Result<(), Errno> {
        let (index, spec) = self.find(port, pin)?;
        {
            let mut state = self.state.lock();
            let held = state
                .held
                .get_mut(&index)
                .filter(|held| held.container == container);
            let held = held
                .filter(|_| spec.direction == Direction::Output)
                .ok_or(Errno::Permission)?;
            if held.level == level {
                return Ok(());
            }
            held.level = level;
        }
        self.changed(Change {
            container,
            pin: spec.name.clone(),
            level,
        });
        Ok(())
    }

    fn get(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        now: Instant,
    ) -> Result<Level, Errno> {
        let (index, spec) = self.find(port, pin)?;
        let state = self.state.lock();
        let held = state
            .held
            .get(&index)
            .filter(|held| held.container == container)
            .ok_or(Errno::Permission)?;
        Ok(match spec.direction {
            Direction::Output => held.level,
            Direction::Input => {
                Pulses::level_after(spec.pulses().edges_until(now.since(held.since)))
            }
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
        let (index, spec) = self.find(port, pin)?;
        let mut state = self.state.lock();
        let held = state
            .held
            .get_mut(&index)
            .filter(|held| held.container == container);
        let held = held
            .filter(|_| spec.direction == Direction::Input)
            .ok_or(Errno::Permission)?;
        if !on {
            held.next_edge = None;
        } else if held.next_edge.is_none() {
            held.next_edge = Some(spec.pulses().edges_until(now.since(held.since)));
        }
        Ok(())
    }

    fn next_edge(
        &self,
        container: ContainerId,
        now: Instant,
        _waker: &Waker,
    ) -> Result<PinEdge, Option<Instant>> {
        let mut state = self.state.lock();
        let mut first: Option<(Instant, u64, &PinSpec, &mut Held)> = None;
        for (index, held) in state
            .held
            .iter_mut()
            .filter(|(_, held)| held.container == container)
        {
            let (Some(next), Some(spec)) = (held.next_edge, self.pins.get(*index)) else {
                continue;
            };
            let happened = spec.pulses().edges_until(now.since(held.since));
            let edge = next.max(happened.saturating_sub(EDGE_BACKLOG));
            let Some(time) = spec.pulses().time_of(edge) else {
                continue;
            };
            let at = held.since + time;
            if first.as_ref().is_none_or(|(earliest, ..)| at < *earliest) {
                first = Some((at, edge, spec, held));
            }
        }
        match first {
            Some((at, edge, spec, held)) if at <= now => {
                let count = edge.saturating_add(1);
                held.next_edge = Some(count);
                Ok(PinEdge {
                    port: spec.name.port,
                    pin: spec.name.pin,
                    level: Pulses::level_after(count),
                    at,
                })
            }
            first => Err(first.map(|(at, ..)| at)),
        }
    }

    fn release(&self, container: ContainerId) {
        let mut dark = Vec::new();
        self.state.lock().held.retain(|index, held| {
            if held.container == container && held.level == Level::High {
                dark.extend(self.pins.get(*index).map(|spec| spec.name.clone()));
            }
            held.container != container
        });
        for pin in dark {
            self.changed(Change {
                container,
                pin,
                level: Level::Low,
            });
        }
    }

    fn sensors(&self) -> Vec<SensorReading> {
        self.sensors
            .iter()
            .map(|sensor| sensor.reading.clone())
            .collect()
    }

    fn read_sensor(&self, id: u32, channel: u32) -> Result<f64, Errno> {
        let sensors = self.sensors.iter().enumerate();
        let (place, sensor) = { sensors }
            .find(|(_, sensor)| sensor.reading.id == id)
            .ok_or(Errno::NoDevice)?;
        let channel = usize::try_from(channel).map_err(|_| Errno::Invalid)?;
        let values = sensor.values.get(channel).ok_or(Errno::Invalid)?;
        let mut state = self.state.lock();
        let taken = state.taken.entry((place, channel)).or_default();
        let value = values.get(*taken).copied().ok_or(Errno::Io)?;
        *taken = (*taken + 1) % values.len().max(1);
        Ok(value)
    }
}

impl PinSpec {
    fn pulses(&self) -> Pulses<'_> {
        Pulses {
            times: &self.times,
            repeat: self.repeat,
        }
    }
}

impl std::fmt::Debug for Simulated {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pins, sensors, .. } = self;
        formatter
            .debug_struct("Simulated")
            .field("pins", pins)
            .field("sensors", sensors)
            .finish_non_exhaustive()
    }
}
