//! Pins and sensors by handle. Opening needs the grant; a handle is the proof of it.

use alloc::format;
use alloc::vec::Vec;

use thimble_abi::{Errno, GrantKind};

use crate::memory;
use crate::port::{Direction, Level};
use crate::seldom::Unused;

use super::super::{Arguments, Context, pins};
use super::{number, text};

/// Pins and sensors that a container has opened. Handles count from 1; a board's pins and sensors bound
/// their number, since opening one again gives the same handle.
#[derive(Default)]
pub(super) struct Handles {
    pins: Vec<Pin>,
    sensors: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Pin {
    port: u32,
    pin: u32,
    direction: Direction,
}

impl Unused for Handles {
    const UNUSED: &'static Self = &Self {
        pins: Vec::new(),
        sensors: Vec::new(),
    };
}

impl Handles {
    /// The handle of a pin, 0 if it has none.
    pub(super) fn pin_at(&self, port: u32, pin: u32) -> u32 {
        handle(
            self.pins
                .iter()
                .position(|own| (own.port, own.pin) == (port, pin)),
        )
    }

    fn pin(&mut self, handle: u32) -> Result<&mut Pin, Errno> {
        index(handle)
            .and_then(|index| self.pins.get_mut(index))
            .ok_or(Errno::BadDescriptor)
    }
}

pub(super) fn open_pin(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let name = text(memory, arguments.u32(0), arguments.u32(1))?;
    let pin = pins::named(context, name)?;
    let known = context.state.thimble.handles.pin_at(pin.port, pin.pin);
    if known != 0 {
        return Ok(number(known));
    }
    // As an input it harms nothing; it becomes an output when it is first driven, or if it is only that.
    let direction = match configure(context, pin.port, pin.pin, Direction::Input) {
        Err(Errno::NotSupported) => {
            configure(context, pin.port, pin.pin, Direction::Output)?;
            Direction::Output
        }
        result => result.map(|()| Direction::Input)?,
    };
    let handles = &mut context.state.thimble.handles;
    handles.pins.push(Pin {
        port: pin.port,
        pin: pin.pin,
        direction,
    });
    Ok(number(handle(handles.pins.len().checked_sub(1))))
}

pub(super) fn set(context: &mut Context<'_>, arguments: Arguments<'_>) -> Result<i32, Errno> {
    let level = match arguments.u32(1) {
        0 => Level::Low,
        1 => Level::High,
        _ => return Err(Errno::Invalid),
    };
    let pin = turn(context, arguments.u32(0), Direction::Output)?;
    context
        .ports
        .board
        .set(context.state.id, pin.port, pin.pin, level)?;
    Ok(0)
}

pub(super) fn get(context: &mut Context<'_>, arguments: Arguments<'_>) -> Result<i32, Errno> {
    let now = context.ports.clock.now();
    let id = context.state.id;
    let pin = context.state.thimble.handles.pin(arguments.u32(0))?;
    let level = context.ports.board.get(id, pin.port, pin.pin, now)?;
    Ok(i32::from(level == Level::High))
}

pub(super) fn watch(context: &mut Context<'_>, arguments: Arguments<'_>) -> Result<i32, Errno> {
    let on = match arguments.u32(1) {
        0 => false,
        1 => true,
        _ => return Err(Errno::Invalid),
    };
    let pin = turn(context, arguments.u32(0), Direction::Input)?;
    pins::watch(context, pin.port, pin.pin, on)?;
    Ok(0)
}

pub(super) fn open_sensor(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let name = text(memory, arguments.u32(0), arguments.u32(1))?;
    let grants = &context.state.config.grants;
    let sensors = context.ports.board.sensors();
    let sensor = sensors.iter().find(|sensor| sensor.name == name);
    if !grants.sensor(name) && (sensor.is_some() || !grants.any(GrantKind::Sensor)) {
        context.refuse(&format!("sensor:{name}"));
        return Err(Errno::Permission);
    }
    let id = sensor.ok_or(Errno::NoEntry)?.id;
    let opened = &mut context.state.thimble.handles.sensors;
    let place = opened.iter().position(|own| *own == id).unwrap_or_else(|| {
        opened.push(id);
        opened.len().saturating_sub(1)
    });
    Ok(number(handle(Some(place))))
}

pub(super) fn read_sensor(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Result<i32, Errno> {
    const VALUE_BYTES: u32 = 8;
    // A reading that cannot be given must not be taken.
    let value = memory::bytes_mut(memory, arguments.u32(2), VALUE_BYTES)?;
    let sensors = &context.state.thimble.handles.sensors;
    let id = index(arguments.u32(0))
        .and_then(|index| sensors.get(index))
        .ok_or(Errno::BadDescriptor)?;
    let reading = context.ports.board.read_sensor(*id, arguments.u32(1))?;
    value.copy_from_slice(&reading.to_le_bytes());
    Ok(0)
}

/// The pin of a handle, made an input or output if it can be.
fn turn(context: &mut Context<'_>, handle: u32, direction: Direction) -> Result<Pin, Errno> {
    let pin = *context.state.thimble.handles.pin(handle)?;
    if pin.direction == direction {
        return Ok(pin);
    }
    configure(context, pin.port, pin.pin, direction).map_err(|errno| match errno {
        Errno::NotSupported => Errno::Invalid,
        errno => errno,
    })?;
    if direction == Direction::Output {
        context.state.events.watched.remove(&(pin.port, pin.pin));
    }
    context.state.thimble.handles.pin(handle)?.direction = direction;
    Ok(pin)
}

fn configure(
    context: &Context<'_>,
    port: u32,
    pin: u32,
    direction: Direction,
) -> Result<(), Errno> {
    context.ports.board.configure(
        context.state.id,
        port,
        pin,
        direction,
        context.ports.clock.now(),
    )
}

fn handle(index: Option<usize>) -> u32 {
    index
        .and_then(|index| u32::try_from(index).ok()?.checked_add(1))
        .unwrap_or(0)
}

fn index(handle: u32) -> Option<usize> {
    usize::try_from(handle.checked_sub(1)?).ok()
}
