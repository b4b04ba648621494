//! Finding pins and asking for their edges, for every module that offers them.

use alloc::format;
use alloc::string::String;

use thimble_abi::{Errno, GrantKind};

use crate::port::PinName;

use super::Context;

/// The pin of this name, if the container may use it.
pub(super) fn named(context: &mut Context<'_>, name: &str) -> Result<PinName, Errno> {
    match context.ports.board.pin_named(name) {
        Some(pin) => granted(context, pin),
        None => absent(context, &format!("gpio:{name}"), Errno::NoEntry),
    }
}

/// The pin at this place, if the container may use it.
pub(super) fn placed(context: &mut Context<'_>, port: u32, pin: u32) -> Result<PinName, Errno> {
    match context.ports.board.pin_at(port, pin) {
        Some(pin) => granted(context, pin),
        None => absent(context, &format!("gpio:{port}.{pin}"), Errno::NoDevice),
    }
}

/// Turns the edges of a pin on or off.
pub(super) fn watch(context: &mut Context<'_>, port: u32, pin: u32, on: bool) -> Result<(), Errno> {
    let now = context.ports.clock.now();
    context
        .ports
        .board
        .watch(context.state.id, port, pin, on, now)?;
    let events = &mut context.state.events;
    if on {
        events.watched.insert((port, pin), ());
    } else {
        events.watched.remove(&(port, pin));
        if events
            .edge
            .as_ref()
            .is_some_and(|edge| (edge.port, edge.pin) == (port, pin))
        {
            events.edge = None;
        }
    }
    Ok(())
}

fn granted(context: &mut Context<'_>, pin: PinName) -> Result<PinName, Errno> {
    if context.state.config.grants.gpio(&pin) {
        return Ok(pin);
    }
    let scope: String = pin
        .name
        .unwrap_or_else(|| format!("{}.{}", pin.port, pin.pin));
    context.refuse(&format!("gpio:{scope}"));
    Err(Errno::Permission)
}

/// What a container hears about a pin that is not there: only those with some pins learn that.
fn absent(context: &mut Context<'_>, grant: &str, error: Errno) -> Result<PinName, Errno> {
    if context.state.config.grants.any(GrantKind::Gpio) {
        return Err(error);
    }
    context.refuse(grant);
    Err(Errno::Permission)
}
