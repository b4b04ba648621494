//! Pins and sensors of the board, by the names that the board gives them.

use crate::{Error, Result, host};

/// An open pin. Grant: `gpio:NAME`.
#[derive(Debug)]
pub struct Pin {
    id: i32,
}

impl Pin {
    /// Opens a pin, such as `led0`.
    ///
    /// # Errors
    /// [`Error::NOT_PERMITTED`], [`Error::NOT_FOUND`].
    pub fn open(name: &str) -> Result<Self> {
        let id = host::gpio_open(name);
        Error::check(id).map(|_| Self { id })
    }

    /// What [`crate::Event::Pin`] carries.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id.unsigned_abs()
    }

    /// Drives an output.
    ///
    /// # Errors
    /// [`Error::INVALID`] on an input.
    pub fn set(&self, high: bool) -> Result<()> {
        Error::check(host::gpio_set(self.id, i32::from(high))).map(drop)
    }

    /// Whether the pin is high.
    ///
    /// # Errors
    /// What the device reports.
    pub fn is_high(&self) -> Result<bool> {
        Error::check(host::gpio_get(self.id)).map(|level| level != 0)
    }

    /// Turns events at every change on or off.
    ///
    /// # Errors
    /// [`Error::INVALID`] on an output.
    pub fn watch(&self, on: bool) -> Result<()> {
        Error::check(host::gpio_watch(self.id, i32::from(on))).map(drop)
    }
}

/// An open sensor. Grant: `sensor:NAME`.
#[derive(Debug)]
pub struct Sensor {
    id: i32,
}

impl Sensor {
    /// Opens a sensor, such as `temp`.
    ///
    /// # Errors
    /// [`Error::NOT_PERMITTED`], [`Error::NOT_FOUND`].
    pub fn open(name: &str) -> Result<Self> {
        let id = host::sensor_open(name);
        Error::check(id).map(|_| Self { id })
    }

    /// Reads a channel by its index: an SI unit, degrees Celsius for temperatures.
    ///
    /// # Errors
    /// [`Error::INVALID`] if there is no such channel, or what the device reports.
    pub fn read(&self, channel: u16) -> Result<f64> {
        let mut value = 0.0;
        Error::check(host::sensor_read(self.id, i32::from(channel), &mut value)).map(|_| value)
    }
}
