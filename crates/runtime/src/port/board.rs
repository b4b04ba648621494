//! Pins and sensors of the device.

use alloc::string::String;
use alloc::vec::Vec;
use core::task::Waker;

use thimble_abi::Errno;

use crate::config::ContainerId;
use crate::time::Instant;

/// A pin: its port, its number there, and the board's name for it, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinName {
    /// The port.
    pub port: u32,
    /// The number within the port.
    pub pin: u32,
    /// The board's name.
    pub name: Option<String>,
}

/// What a pin is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Read, with pull-up.
    Input,
    /// Driven.
    Output,
}

/// A pin's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// 0.
    Low,
    /// 1.
    High,
}

/// A change of an input pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinEdge {
    /// The port.
    pub port: u32,
    /// The number within the port.
    pub pin: u32,
    /// The level after it.
    pub level: Level,
    /// When it happened.
    pub at: Instant,
}

/// A sensor as the board describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SensorReading {
    /// The board's name for it.
    pub name: String,
    /// Its number.
    pub id: u32,
    /// The types of its channels (Zephyr's channel numbers).
    pub channels: Vec<u32>,
}

/// The pins and sensors of a device.
///
/// Pins belong to one container at a time: the first that configures one holds it until it is released.
pub trait Board: Sync {
    /// The pin of this name.
    fn pin_named(&self, name: &str) -> Option<PinName>;

    /// The pin at this place.
    fn pin_at(&self, port: u32, pin: u32) -> Option<PinName>;

    /// Whether it has any pins.
    fn has_pins(&self) -> bool;

    /// Takes a pin for a container, as input or output.
    ///
    /// # Errors
    /// [`Errno::Busy`] if another container holds it, [`Errno::NoDevice`] if there is none,
    /// [`Errno::NotSupported`] if it cannot be that; it stays as it was then.
    fn configure(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        direction: Direction,
        now: Instant,
    ) -> Result<(), Errno>;

    /// Drives a pin the container holds as an output.
    ///
    /// # Errors
    /// [`Errno::Permission`] if it does not hold it so, [`Errno::NoDevice`] if there is none.
    fn set(&self, container: ContainerId, port: u32, pin: u32, level: Level) -> Result<(), Errno>;

    /// The level of a pin the container holds, at this time.
    ///
    /// # Errors
    /// [`Errno::Permission`] if it does not hold it, [`Errno::NoDevice`] if there is none.
    fn get(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        now: Instant,
    ) -> Result<Level, Errno>;

    /// Turns edges of a pin the container holds as an input on, from now on, or off.
    ///
    /// # Errors
    /// [`Errno::Permission`] if it does not hold it so, [`Errno::NoDevice`] if there is none.
    fn watch(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        on: bool,
        now: Instant,
    ) -> Result<(), Errno>;

    /// The next edge of the pins a container watches that has happened by now.
    ///
    /// # Errors
    /// If there is none: the time of the next one where that is known; `waker` is woken at others.
    fn next_edge(
        &self,
        container: ContainerId,
        now: Instant,
        waker: &Waker,
    ) -> Result<PinEdge, Option<Instant>>;

    /// Gives back everything a container holds; outputs go back to their first state.
    fn release(&self, container: ContainerId);

    /// The sensors.
    fn sensors(&self) -> Vec<SensorReading>;

    /// Reads a channel of a sensor; channels are numbered from 0, in the order of
    /// [`SensorReading::channels`].
    ///
    /// # Errors
    /// [`Errno::NoDevice`] if there is no such sensor, [`Errno::Invalid`] if it has no such channel.
    fn read_sensor(&self, id: u32, channel: u32) -> Result<f64, Errno>;
}

/// The board of a device that has neither pins nor sensors.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBoard;

impl Board for NoBoard {
    fn pin_named(&self, _: &str) -> Option<PinName> {
        None
    }

    fn pin_at(&self, _: u32, _: u32) -> Option<PinName> {
        None
    }

    fn has_pins(&self) -> bool {
        false
    }

    fn configure(
        &self,
        _: ContainerId,
        _: u32,
        _: u32,
        _: Direction,
        _: Instant,
    ) -> Result<(), Errno> {
        Err(Errno::NoDevice)
    }

    fn set(&self, _: ContainerId, _: u32, _: u32, _: Level) -> Result<(), Errno> {
        Err(Errno::NoDevice)
    }

    fn get(&self, _: ContainerId, _: u32, _: u32, _: Instant) -> Result<Level, Errno> {
        Err(Errno::NoDevice)
    }

    fn watch(&self, _: ContainerId, _: u32, _: u32, _: bool, _: Instant) -> Result<(), Errno> {
        Err(Errno::NoDevice)
    }

    fn next_edge(&self, _: ContainerId, _: Instant, _: &Waker) -> Result<PinEdge, Option<Instant>> {
        Err(None)
    }

    fn release(&self, _: ContainerId) {}

    fn sensors(&self) -> Vec<SensorReading> {
        Vec::new()
    }

    fn read_sensor(&self, _: u32, _: u32) -> Result<f64, Errno> {
        Err(Errno::NoDevice)
    }
}
