//! The simulated pins and sensors: those of `tests/guests/board.toml`, so that the same tests pass.

use core::time::Duration;

use thimble_port_mcu::simulated::{Pin, Pulses, Sensor, Simulated};
use thimble_runtime::port::Direction;

static PINS: [Pin; 3] = [
    Pin {
        name: "led0",
        port: 0,
        pin: 13,
        direction: Direction::Output,
        pulses: Pulses::NONE,
    },
    Pin {
        name: "sw0",
        port: 0,
        pin: 11,
        direction: Direction::Input,
        pulses: Pulses {
            times: &[Duration::from_millis(2), Duration::from_millis(4)],
            repeat: Some(Duration::from_millis(6)),
        },
    },
    // Granted to nobody.
    Pin {
        name: "hidden",
        port: 1,
        pin: 3,
        direction: Direction::Output,
        pulses: Pulses::NONE,
    },
];

/// Zephyr's channel numbers of an ambient temperature and of humidity.
const TEMPERATURE: u32 = 13;
const HUMIDITY: u32 = 16;

static SENSORS: [Sensor; 3] = [
    Sensor {
        name: "hidden",
        id: 0,
        channels: &[(TEMPERATURE, &[0.0])],
    },
    Sensor {
        name: "temp",
        id: 7,
        channels: &[(TEMPERATURE, &[21.0, 21.5])],
    },
    Sensor {
        name: "climate",
        id: 9,
        channels: &[(TEMPERATURE, &[-19.25]), (HUMIDITY, &[40.0])],
    },
];

/// The board.
pub(crate) fn simulated() -> Simulated {
    Simulated::new(&PINS, &SENSORS)
}
