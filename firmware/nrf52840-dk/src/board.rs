//! The board's lamps and buttons, by the names that Zephyr has for them.

use embassy_nrf::Peri;
use embassy_nrf::gpio::{AnyPin, Input, Level, Output, OutputDrive, Pull};
use thimble_port_mcu::pins::{PinPlace, Pins, Polarity};

/// Where lamps and buttons are connected; all of them pull down.
pub(crate) struct Wires {
    pub(crate) lamps: [Peri<'static, AnyPin>; 4],
    pub(crate) buttons: [Peri<'static, AnyPin>; 4],
}

const LAMPS: [PinPlace; 4] = [
    place("led0", 13),
    place("led1", 14),
    place("led2", 15),
    place("led3", 16),
];
const BUTTONS: [PinPlace; 4] = [
    place("sw0", 11),
    place("sw1", 12),
    place("sw2", 24),
    place("sw3", 25),
];

const fn place(name: &'static str, pin: u32) -> PinPlace {
    PinPlace {
        name,
        port: 0,
        pin,
        polarity: Polarity::ActiveLow,
    }
}

/// The pins with their drivers.
pub(crate) fn pins(wires: Wires) -> Pins<Output<'static>, Input<'static>> {
    let lamps = wires
        .lamps
        .map(|wire| Output::new(wire, Level::High, OutputDrive::Standard));
    let buttons = wires.buttons.map(|wire| Input::new(wire, Pull::Up));
    Pins::new(
        LAMPS.into_iter().zip(lamps),
        BUTTONS.into_iter().zip(buttons),
    )
}
