//! Ocre's sensors. Ids and handles count the sensors that this container may read, from 0; channels are
//! chosen by type, as Zephyr numbers them.

use alloc::format;

use thimble_abi::calls::EnvCall;
use thimble_abi::{Errno, GrantKind, env as abi};

use crate::engine::CallOutcome;
use crate::memory;
use crate::port::SensorReading;

use super::{Arguments, Context, done, text};

/// Carries out a call about sensors; `None` if it is about something else.
pub(super) fn call(
    context: &mut Context<'_>,
    call: EnvCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Option<CallOutcome> {
    use EnvCall as E;
    let result = match call {
        E::SensorsInit => allowed(context).and_then(|sensors| {
            if sensors.is_empty() {
                Err(Errno::NoDevice)
            } else {
                Ok(0)
            }
        }),
        E::SensorsDiscover => allowed(context).map(|sensors| number(sensors.len())),
        E::SensorsOpen => by_id(context, arguments).map(|_| 0),
        E::SensorsGetHandle => by_id(context, arguments).map(|(handle, _)| number(handle)),
        E::SensorsChannelCount => {
            by_id(context, arguments).map(|(_, sensor)| number(sensor.channels.len()))
        }
        E::SensorsChannelType => {
            by_id(context, arguments).and_then(|(_, sensor)| channel_type(sensor, arguments.u32(1)))
        }
        E::SensorsOpenByName => by_name(context, arguments, memory).map(|_| 0),
        E::SensorsGetHandleByName => {
            by_name(context, arguments, memory).map(|(handle, _)| number(handle))
        }
        E::SensorsChannelCountByName => {
            by_name(context, arguments, memory).map(|(_, sensor)| number(sensor.channels.len()))
        }
        E::SensorsChannelTypeByName => by_name(context, arguments, memory)
            .and_then(|(_, sensor)| channel_type(sensor, arguments.u32(1))),
        E::SensorsGetList => list(context, arguments, memory),
        E::SensorsRead => return Some(read(context, arguments, None)),
        E::SensorsReadByName => return Some(read(context, arguments, Some(memory))),
        _ => return None,
    };
    Some(done(result))
}

/// The sensors that the container may read.
fn allowed<'a>(context: &'a mut Context<'_>) -> Result<&'a [SensorReading], Errno> {
    let grants = &context.state.config.grants;
    if !grants.any(GrantKind::Sensor) {
        context.refuse("sensor");
        return Err(Errno::Permission);
    }
    let board = context.ports.board;
    let sensors = context.state.env.sensors.get_or_insert_with(|| {
        board
            .sensors()
            .into_iter()
            .filter(|sensor| grants.sensor(&sensor.name))
            .collect()
    });
    Ok(sensors)
}

fn by_id<'a>(
    context: &'a mut Context<'_>,
    arguments: Arguments<'_>,
) -> Result<(usize, &'a SensorReading), Errno> {
    let id = usize::try_from(arguments.u32(0)).map_err(|_| Errno::Invalid)?;
    allowed(context)?
        .get(id)
        .map(|sensor| (id, sensor))
        .ok_or(Errno::Invalid)
}

fn by_name<'a>(
    context: &'a mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<(usize, &'a SensorReading), Errno> {
    let name =
        text(memory, arguments.u32(0), abi::SENSOR_NAME_BYTES).map_err(|_| Errno::Invalid)?;
    if !context.state.config.grants.sensor(name) {
        context.refuse(&format!("sensor:{name}"));
        return Err(Errno::Permission);
    }
    allowed(context)?
        .iter()
        .enumerate()
        .find(|(_, sensor)| sensor.name == name)
        .ok_or(Errno::NoEntry)
}

fn channel_type(sensor: &SensorReading, channel: u32) -> Result<i32, Errno> {
    let index = usize::try_from(channel).map_err(|_| Errno::Invalid)?;
    sensor
        .channels
        .get(index)
        .map(|kind| kind.cast_signed())
        .ok_or(Errno::Invalid)
}

/// Reads a channel of the sensor that the first argument names, in `memory`, or numbers.
fn read(context: &mut Context<'_>, arguments: Arguments<'_>, memory: Option<&[u8]>) -> CallOutcome {
    let board = context.ports.board;
    let sensor = match memory {
        Some(memory) => by_name(context, arguments, memory),
        None => by_id(context, arguments),
    };
    let value = sensor.and_then(|(_, sensor)| {
        let index = sensor
            .channels
            .iter()
            .position(|kind| *kind == arguments.u32(1))
            .ok_or(Errno::Invalid)?;
        board.read_sensor(sensor.id, u32::try_from(index).map_err(|_| Errno::Invalid)?)
    });
    let value = value.unwrap_or_else(|errno| -f64::from(errno.ocre_number()));
    CallOutcome::Done(value.to_bits())
}

fn list(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Result<i32, Errno> {
    let capacity = u32::try_from(arguments.i32(1)).map_err(|_| Errno::Invalid)?;
    let size = capacity
        .checked_mul(abi::SENSOR_NAME_BYTES)
        .ok_or(Errno::Fault)?;
    let buffer = memory::bytes_mut(memory, arguments.u32(0), size)?;
    let slot_bytes = usize::try_from(abi::SENSOR_NAME_BYTES).unwrap_or(usize::MAX);
    let mut written = 0;
    for (slot, sensor) in buffer.chunks_exact_mut(slot_bytes).zip(allowed(context)?) {
        slot.fill(0);
        let kept = sensor
            .name
            .floor_char_boundary(slot_bytes.saturating_sub(1));
        let name = sensor.name.as_bytes().get(..kept).unwrap_or_default();
        slot.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        written += 1;
    }
    Ok(number(written))
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
