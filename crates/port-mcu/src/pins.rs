//! The pins of a real board, over `embedded-hal`: a board names them, containers take them.
//!
//! An input that is watched is looked at every few milliseconds, which any chip can do. What is shorter than that is not
//! seen. A pin belongs to one container at a time.

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;

use embedded_hal::digital::{InputPin, OutputPin};
use spin::MutexGuard;
use thimble_abi::Errno;
use thimble_runtime::config::ContainerId;
use thimble_runtime::port::{Board, Direction, Level, PinEdge, PinName, SensorReading};
use thimble_runtime::time::Instant;

use crate::machine::Lock;

/// How often watched inputs are looked at: as slow as a finger, so that contacts do not bounce.
const SAMPLE: Duration = Duration::from_millis(10);

/// A pin as the board names it.
#[derive(Clone, Copy, Debug)]
pub struct PinPlace {
    /// Its name.
    pub name: &'static str,
    /// The port that it belongs to.
    pub port: u32,
    /// Its number there.
    pub pin: u32,
    /// What its levels mean.
    pub polarity: Polarity,
}

/// Which voltage a container's high level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// High is high.
    ActiveHigh,
    /// High is low: for lamps that a pin pulls down.
    ActiveLow,
}

/// Pins of a board.
pub struct Pins<Output, Input>(Lock<Vec<Pin<Output, Input>>>);

struct Pin<Output, Input> {
    place: PinPlace,
    line: Line<Output, Input>,
    holder: Option<ContainerId>,
    /// The level that was seen last, if edges are wanted.
    watched: Option<Level>,
}

enum Line<Output, Input> {
    Output { driver: Output, level: Level },
    Input(Input),
}

impl<Output: OutputPin, Input: InputPin> Pins<Output, Input> {
    /// Pins with their drivers. Outputs are driven low at once, in the sense of their polarity.
    pub fn new(
        outputs: impl IntoIterator<Item = (PinPlace, Output)>,
        inputs: impl IntoIterator<Item = (PinPlace, Input)>,
    ) -> Self {
        let outputs = outputs.into_iter().map(|(place, driver)| {
            let level = Level::Low;
            (place, Line::Output { driver, level })
        });
        let inputs = inputs
            .into_iter()
            .map(|(place, driver)| (place, Line::Input(driver)));
        let pins = outputs.chain(inputs).map(|(place, line)| Pin {
            place,
            line,
            holder: None,
            watched: None,
        });
        let mut pins: Vec<_> = pins.collect();
        for pin in &mut pins {
            // What cannot be driven now says so when it is set.
            let _ = pin.drive(Level::Low);
        }
        Self(Lock::new(pins))
    }

    /// The pins. They are in use further up the stack only if a method calls itself, which none does.
    fn pins(&self) -> Result<MutexGuard<'_, Vec<Pin<Output, Input>>>, Errno> {
        self.0.take().map_err(|_| Errno::Again)
    }

    /// Does something with a pin that a container holds.
    fn with_held<T>(
        &self,
        container: ContainerId,
        (port, pin): (u32, u32),
        use_pin: impl FnOnce(&mut Pin<Output, Input>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut pins = self.pins()?;
        let pin = find(&mut pins, port, pin)?;
        match pin.holder == Some(container) {
            true => use_pin(pin),
            false => Err(Errno::Permission),
        }
    }
}

fn find<Output, Input>(
    pins: &mut [Pin<Output, Input>],
    port: u32,
    pin: u32,
) -> Result<&mut Pin<Output, Input>, Errno> {
    pins.iter_mut()
        .find(|found| (found.place.port, found.place.pin) == (port, pin))
        .ok_or(Errno::NoDevice)
}

impl PinPlace {
    fn name(&self) -> PinName {
        PinName {
            name: Some(String::from(self.name)),
            port: self.port,
            pin: self.pin,
        }
    }

    fn turn(&self, level: Level) -> Level {
        match (self.polarity, level) {
            (Polarity::ActiveHigh, level) => level,
            (Polarity::ActiveLow, Level::Low) => Level::High,
            (Polarity::ActiveLow, Level::High) => Level::Low,
        }
    }
}

impl<Output: OutputPin, Input: InputPin> Pin<Output, Input> {
    fn direction(&self) -> Direction {
        match self.line {
            Line::Output { .. } => Direction::Output,
            Line::Input(_) => Direction::Input,
        }
    }

    fn drive(&mut self, wish: Level) -> Result<(), Errno> {
        let turned = self.place.turn(wish);
        let Line::Output { driver, level } = &mut self.line else {
            return Err(Errno::Permission);
        };
        let done = match turned {
            Level::Low => driver.set_low(),
            Level::High => driver.set_high(),
        };
        done.map_err(|_| Errno::Io)?;
        *level = wish;
        Ok(())
    }

    fn level(&mut self) -> Result<Level, Errno> {
        let found = match &mut self.line {
            Line::Output { level, .. } => return Ok(*level),
            Line::Input(driver) => driver.is_high().map_err(|_| Errno::Io)?,
        };
        Ok(self.place.turn(match found {
            true => Level::High,
            false => Level::Low,
        }))
    }
}

impl<Output: OutputPin + Send, Input: InputPin + Send> Board for Pins<Output, Input> {
    fn pin_named(&self, name: &str) -> Option<PinName> {
        let pins = self.pins().ok()?;
        let pin = pins.iter().find(|pin| pin.place.name == name)?;
        Some(pin.place.name())
    }

    fn pin_at(&self, port: u32, pin: u32) -> Option<PinName> {
        let mut pins = self.pins().ok()?;
        Some(find(&mut pins, port, pin).ok()?.place.name())
    }

    fn has_pins(&self) -> bool {
        self.pins().is_ok_and(|pins| !pins.is_empty())
    }

    fn configure(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        direction: Direction,
        _now: Instant,
    ) -> Result<(), Errno> {
        let mut pins = self.pins()?;
        let pin = find(&mut pins, port, pin)?;
        if pin.direction() != direction {
            return Err(Errno::NotSupported);
        }
        match *pin.holder.get_or_insert(container) == container {
            true => Ok(()),
            false => Err(Errno::Busy),
        }
    }

    fn set(&self, container: ContainerId, port: u32, pin: u32, level: Level) -> Result<(), Errno> {
        self.with_held(container, (port, pin), |pin| pin.drive(level))
    }

    fn get(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        _now: Instant,
    ) -> Result<Level, Errno> {
        self.with_held(container, (port, pin), Pin::level)
    }

    fn watch(
        &self,
        container: ContainerId,
        port: u32,
        pin: u32,
        on: bool,
        _now: Instant,
    ) -> Result<(), Errno> {
        self.with_held(container, (port, pin), |pin| {
            if pin.direction() != Direction::Input {
                return Err(Errno::Permission);
            }
            pin.watched = match on {
                true => Some(pin.level()?),
                false => None,
            };
            Ok(())
        })
    }

    fn next_edge(
        &self,
        container: ContainerId,
        now: Instant,
        _waker: &Waker,
    ) -> Result<PinEdge, Option<Instant>> {
        let mut pins = self.pins().map_err(|_| None)?;
        let mut again = None;
        for pin in pins.iter_mut().filter(|pin| pin.holder == Some(container)) {
            let Some(before) = pin.watched else {
                continue;
            };
            again = Some(now + SAMPLE);
            match pin.level() {
                Ok(level) if level != before => {
                    pin.watched = Some(level);
                    return Ok(PinEdge {
                        port: pin.place.port,
                        pin: pin.place.pin,
                        level,
                        at: now,
                    });
                }
                _ => {}
            }
        }
        Err(again)
    }

    fn release(&self, container: ContainerId) {
        let Ok(mut pins) = self.pins() else {
            return;
        };
        for pin in pins.iter_mut().filter(|pin| pin.holder == Some(container)) {
            pin.holder = None;
            pin.watched = None;
            // An input has no first state to go back to.
            let _ = pin.drive(Level::Low);
        }
    }

    fn sensors(&self) -> Vec<SensorReading> {
        Vec::new()
    }

    fn read_sensor(&self, _id: u32, _channel: u32) -> Result<f64, Errno> {
        Err(Errno::NoDevice)
    }
}
