//! The chip's pins for containers, over `embedded-hal`.
//!
//! A board lists its pins ([`Pin`]): a number, a name, and the driver of one that is an input or an output. A pin belongs
//! to one container at a time. Edges come from whoever hears of them, a task or an interrupt handler's bottom half:
//! [`Pins::edge`].

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::task::Waker;

use embedded_hal::digital::{InputPin, OutputPin};
use thimble_abi::Errno;
use thimble_runtime::port::{Board, Direction, Level, PinEdge, PinName, SensorReading};
use thimble_runtime::{ContainerId, Instant};

use crate::machine::Lock;

/// Edges that wait for one container at most; the oldest go first.
const EDGES_MAX: usize = 16;

/// A pin that can be read.
pub trait Readable: Send {
    /// Its level, `None` if the driver failed.
    fn level(&mut self) -> Option<Level>;
}

/// A pin that can be driven.
pub trait Drivable: Send {
    /// Drives it; whether that worked.
    fn drive(&mut self, level: Level) -> bool;
}

impl<P: InputPin + Send> Readable for P {
    fn level(&mut self) -> Option<Level> {
        let is_high = self.is_high().ok()?;
        Some(if is_high { Level::High } else { Level::Low })
    }
}

impl<P: OutputPin + Send> Drivable for P {
    fn drive(&mut self, level: Level) -> bool {
        match level {
            Level::Low => self.set_low().is_ok(),
            Level::High => self.set_high().is_ok(),
        }
    }
}

/// What a pin can do.
pub enum Wire {
    /// It is an input, with its pull-up.
    Input(Box<dyn Readable>),
    /// It is an output.
    Output(Box<dyn Drivable>),
}

/// A pin of a board.
pub struct Pin {
    /// Its port.
    pub port: u32,
    /// Its number within the port.
    pub number: u32,
    /// The board's name for it.
    pub name: Option<&'static str>,
    /// Its driver.
    pub wire: Wire,
    /// The level of an output that nobody drives.
    pub idle: Level,
}

/// The pins of a board, and its sensors.
pub struct Pins {
    state: Lock<State>,
    sensors: Box<dyn Sensors>,
}

struct State {
    pins: Vec<Held>,
    edges: VecDeque<(ContainerId, PinEdge)>,
    /// Who waits for edges.
    wakers: Vec<(ContainerId, Waker)>,
}

struct Held {
    pin: Pin,
    by: Option<ContainerId>,
    /// What an output was driven to.
    level: Level,
    is_watched: bool,
}

/// The sensors of a board.
pub trait Sensors: Send + Sync {
    /// All of them.
    fn all(&self) -> Vec<SensorReading>;

    /// Reads a channel of one.
    ///
    /// # Errors
    /// As [`Board::read_sensor`].
    fn read(&self, id: u32, channel: u32) -> Result<f64, Errno>;
}

/// A board without sensors.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSensors;

impl Sensors for NoSensors {
    fn all(&self) -> Vec<SensorReading> {
        Vec::new()
    }

    fn read(&self, _: u32, _: u32) -> Result<f64, Errno> {
        Err(Errno::NoDevice)
    }
}

impl Pins {
    /// The pins and sensors of a board.
    #[must_use]
    pub fn new(pins: Vec<Pin>, sensors: Box<dyn Sensors>) -> Self {
        let held = |pin: Pin| Held {
            level: pin.idle,
            pin,
            by: None,
            is_watched: false,
        };
        Self {
            state: Lock::new(State {
                pins: pins.into_iter().map(held).collect(),
                edges: VecDeque::new(),
                wakers: Vec::new(),
            }),
            sensors,
        }
    }

    /// Tells that an input changed. Without effect if nobody watches it.
    pub fn edge(&self, port: u32, number: u32, level: Level, at: Instant) {
        let Ok(mut state) = self.state.take() else {
            return;
        };
        let state = &mut *state;
        let Some(held) = state.pins.iter().find(|held| held.is_at(port, number)) else {
            return;
        };
        let Some(container) = held.by.filter(|_| held.is_watched) else {
            return;
        };
        let waiting = state.edges.iter().filter(|(by, _)| *by == container);
        if waiting.count() >= EDGES_MAX {
            let oldest = state.edges.iter().position(|(by, _)| *by == container);
            oldest.and_then(|oldest| state.edges.remove(oldest));
        }
        let edge = PinEdge {
            port,
            pin: number,
            level,
            at,
        };
        state.edges.push_back((container, edge));
        if let Some(place) = state.wakers.iter().position(|(by, _)| *by == container) {
            state.wakers.swap_remove(place).1.wake();
        }
    }

    fn with<T>(
        &self,
        port: u32,
        number: u32,
        used: impl FnOnce(&mut Held) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut state = self.state.take().map_err(|_| Errno::Busy)?;
        let held = state.pins.iter_mut().find(|held| held.is_at(port, number));
        used(held.ok_or(Errno::NoDevice)?)
    }

    fn name_of(&self, wanted: impl Fn(&Pin) -> bool) -> Option<PinName> {
        let state = self.state.take().ok()?;
        let held = state.pins.iter().find(|held| wanted(&held.pin))?;
        Some(PinName {
            port: held.pin.port,
            pin: held.pin.number,
            name: held.pin.name.map(String::from),
        })
    }
}

impl Held {
    fn is_at(&self, port: u32, number: u32) -> bool {
        (self.pin.port, self.pin.number) == (port, number)
    }

    /// # Errors
    /// [`Errno::Permission`] unless the container holds it.
    fn held_by(&mut self, container: ContainerId) -> Result<&mut Self, Errno> {
        if self.by == Some(container) {
            Ok(self)
        } else {
            Err(Errno::Permission)
        }
    }
}

impl Board for Pins {
    fn pin_named(&self, name: &str) -> Option<PinName> {
        self.name_of(|pin| pin.name == Some(name))
    }

    fn pin_at(&self, port: u32, pin: u32) -> Option<PinName> {
        self.name_of(|found| (found.port, found.number) == (port, pin))
    }

    fn has_pins(&self) -> bool {
        self.state.take().is_ok_and(|state| !state.pins.is_empty())
    }

    fn configure(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        direction: Direction,
        _: Instant,
    ) -> Result<(), Errno> {
        self.with(port, pin, |held| {
            let fits = match held.pin.wire {
                Wire::Input(_) => direction == Direction::Input,
                Wire::Output(_) => direction == Direction::Output,
            };
            if !fits {
                return Err(Errno::NotSupported);
            }
            if held.by.is_some_and(|by| by != container) {
                return Err(Errno::Busy);
            }
            held.by = Some(container);
            Ok(())
        })
    }

    fn set(&self, container: ContainerId, port: u32, pin: u32, level: Level) -> Result<(), Errno> {
        self.with(port, pin, |held| {
            let held = held.held_by(container)?;
            let Wire::Output(output) = &mut held.pin.wire else {
                return Err(Errno::Permission);
            };
            if !output.drive(level) {
                return Err(Errno::Io);
            }
            held.level = level;
            Ok(())
        })
    }

    fn get(&self, container: ContainerId, port: u32, pin: u32, _: Instant) -> Result<Level, Errno> {
        self.with(port, pin, |held| {
            let held = held.held_by(container)?;
            match &mut held.pin.wire {
                Wire::Input(input) => input.level().ok_or(Errno::Io),
                Wire::Output(_) => Ok(held.level),
            }
        })
    }

    fn watch(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        on: bool,
        _: Instant,
    ) -> Result<(), Errno> {
        self.with(port, pin, |held| {
            let held = held.held_by(container)?;
            if !matches!(held.pin.wire, Wire::Input(_)) {
                return Err(Errno::Permission);
            }
            held.is_watched = on;
            Ok(())
        })
    }

    fn next_edge(
        &self,
        container: ContainerId,
        _: Instant,
        waker: &Waker,
    ) -> Result<PinEdge, Option<Instant>> {
        let mut state = self.state.take().map_err(|_| None)?;
        let place = state.edges.iter().position(|(by, _)| *by == container);
        if let Some((_, edge)) = place.and_then(|place| state.edges.remove(place)) {
            return Ok(edge);
        }
        let waiting = state.wakers.iter_mut().find(|(by, _)| *by == container);
        match waiting {
            Some((_, known)) => known.clone_from(waker),
            None => state.wakers.push((container, waker.clone())),
        }
        Err(None)
    }

    fn release(&self, container: ContainerId) {
        let Ok(mut state) = self.state.take() else {
            return;
        };
        state.edges.retain(|(by, _)| *by != container);
        state.wakers.retain(|(by, _)| *by != container);
        let mine = |held: &&mut Held| held.by == Some(container);
        for held in state.pins.iter_mut().filter(mine) {
            held.by = None;
            held.is_watched = false;
            held.level = held.pin.idle;
            if let Wire::Output(output) = &mut held.pin.wire {
                // A driver that fails leaves the pin as it is; nobody is there to hear of it.
                output.drive(held.pin.idle);
            }
        }
    }

    fn sensors(&self) -> Vec<SensorReading> {
        self.sensors.all()
    }

    fn read_sensor(&self, id: u32, channel: u32) -> Result<f64, Errno> {
        self.sensors.read(id, channel)
    }
}
