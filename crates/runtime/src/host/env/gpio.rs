//! Ocre's pins, by place and by the board's name.

use thimble_abi::calls::EnvCall;
use thimble_abi::{Errno, GrantKind, env as abi};

use crate::port::{Direction, Level, PinName};

use super::super::pins;
use super::{Arguments, Context, NAME_BYTES_MAX, level, text};

/// Carries out a call about pins; `None` if it is about something else.
pub(super) fn call(
    context: &mut Context<'_>,
    call: EnvCall,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Option<Result<i32, Errno>> {
    use EnvCall as E;
    let (pin, value) = match call {
        E::GpioInit => return Some(init(context)),
        E::GpioConfigure
        | E::GpioPinSet
        | E::GpioPinGet
        | E::GpioPinToggle
        | E::GpioRegisterCallback
        | E::GpioUnregisterCallback => (placed(context, arguments), arguments.u32(2)),
        E::GpioConfigureByName
        | E::GpioSetByName
        | E::GpioGetByName
        | E::GpioToggleByName
        | E::GpioRegisterCallbackByName
        | E::GpioUnregisterCallbackByName => (named(context, arguments, memory), arguments.u32(1)),
        _ => return None,
    };
    Some(pin.and_then(|pin| apply(context, call, &pin, value)))
}

fn init(context: &mut Context<'_>) -> Result<i32, Errno> {
    if !context.state.config.grants.any(GrantKind::Gpio) {
        context.refuse("gpio");
        return Err(Errno::Permission);
    }
    if context.ports.board.has_pins() {
        Ok(0)
    } else {
        Err(Errno::NoDevice)
    }
}

fn placed(context: &mut Context<'_>, arguments: Arguments<'_>) -> Result<PinName, Errno> {
    let port = u32::try_from(arguments.i32(0)).map_err(|_| Errno::Invalid)?;
    let pin = u32::try_from(arguments.i32(1)).map_err(|_| Errno::Invalid)?;
    pins::placed(context, port, pin)
}

fn named(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<PinName, Errno> {
    let name = text(memory, arguments.u32(0), NAME_BYTES_MAX).map_err(|_| Errno::Invalid)?;
    pins::named(context, name)
}

fn apply(
    context: &mut Context<'_>,
    call: EnvCall,
    pin: &PinName,
    value: u32,
) -> Result<i32, Errno> {
    use EnvCall as E;
    let now = context.ports.clock.now();
    let id = context.state.id;
    let board = context.ports.board;
    match call {
        E::GpioConfigure | E::GpioConfigureByName => {
            let direction = match value {
                abi::GPIO_INPUT => Direction::Input,
                abi::GPIO_OUTPUT => Direction::Output,
                _ => return Err(Errno::Invalid),
            };
            board.configure(id, pin.port, pin.pin, direction, now)?;
        }
        E::GpioPinSet | E::GpioSetByName => board.set(id, pin.port, pin.pin, level(value)?)?,
        E::GpioPinGet | E::GpioGetByName => {
            return Ok(i32::from(
                board.get(id, pin.port, pin.pin, now)? == Level::High,
            ));
        }
        E::GpioPinToggle | E::GpioToggleByName => {
            let inverted = match board.get(id, pin.port, pin.pin, now)? {
                Level::Low => Level::High,
                Level::High => Level::Low,
            };
            board.set(id, pin.port, pin.pin, inverted)?;
        }
        E::GpioRegisterCallback | E::GpioRegisterCallbackByName => {
            pins::watch(context, pin.port, pin.pin, true)?
        }
        _ => pins::watch(context, pin.port, pin.pin, false)?,
    }
    Ok(0)
}
