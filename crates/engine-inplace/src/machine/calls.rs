//! Calls: of the module's functions, of the host, through tables.

use thimble_runtime::engine::TrapKind;

use super::registers::{Entry, Registers};
use super::{Called, Calls, Halt, Stop};
use crate::instance::Instance;
use crate::table::Function;

/// Fuel that entering a function costs.
pub(super) const CALL_FUEL: i32 = 8;
/// Fuel that a call of the host costs: about what the way out and back takes, so that a guest which does nothing but
/// call cannot stretch its slice.
pub(super) const HOST_CALL_FUEL: i32 = 100;

/// How a loop goes on after a call.
pub(super) type Went = Result<(), Halt>;

impl Instance {
    /// `return_call`, with the place in the code behind it; `at` is its opcode's.
    pub(super) fn return_call(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        at: *const u8,
    ) -> Went {
        let index = r.u32();
        let entry = r.entry_of(index);
        self.leave_for(r, calls, entry, at, 0)
    }

    /// `call_indirect`.
    pub(super) fn call_indirect(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        at: *const u8,
    ) -> Went {
        let entry = self.through_table(r)?;
        let function = Registers::function_at(entry);
        if function.is_imported() {
            return call_host(r, calls, function, at, 1);
        }
        r.forget(1);
        enter(r, entry, function)
    }

    /// `return_call_indirect`.
    pub(super) fn return_call_indirect(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        at: *const u8,
    ) -> Went {
        let entry = self.through_table(r)?;
        self.leave_for(r, calls, entry, at, 1)
    }

    /// The function that the topmost operand names in a table, if it has the type that follows in the code.
    fn through_table(&self, r: &mut Registers) -> Result<Entry, TrapKind> {
        let ty = r.u32();
        let table = r.u32();
        let place: u32 = r.peek(0);
        let elements = self
            .tables
            .get(table as usize)
            .map(|table| table.elements.as_slice());
        let element = elements.unwrap_or_default().get(place as usize);
        let reference = *element.ok_or(TrapKind::TableOutOfBounds)?;
        let index = reference
            .checked_sub(1)
            .ok_or(TrapKind::IndirectCallToNull)?;
        // Who calls functions one by one can pass anything as a reference.
        if index >= r.function_count {
            return Err(TrapKind::BadSignature);
        }
        let entry = r.entry_of(index);
        let function = Registers::function_at(entry);
        if r.same_type(ty) != function.ty.into() {
            return Err(TrapKind::BadSignature);
        }
        Ok(entry)
    }

    fn leave_for(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        entry: Entry,
        at: *const u8,
        above: usize,
    ) -> Went {
        let function = Registers::function_at(entry);
        if !function.is_imported() {
            r.forget(above);
            r.enter_instead(entry, function)?;
            return burn(r, CALL_FUEL);
        }
        // The host answers while the function is still there, whose results they become.
        let went = call_host(r, calls, function, at, above);
        if matches!(went, Ok(()) | Err(Halt::Stop(Stop::Preempted)))
            && !r.leave(function.results.into())
        {
            return Err(Halt::Stop(Stop::Returned));
        }
        went
    }
}

/// Asks the host. `above` operands, which are not for it, lie over the arguments. If it waits, everything is as it was
/// before the call, which is made again.
#[inline(always)]
pub(super) fn call_host(
    r: &mut Registers,
    calls: &mut dyn Calls,
    function: Function,
    at: *const u8,
    above: usize,
) -> Went {
    match ask_host(r, calls, function, above) {
        Called::Done => burn(r, HOST_CALL_FUEL),
        Called::DoneAndInterrupted => Err(Halt::Stop(Stop::Preempted)),
        other => Err(not_done(r, calls, other, at)),
    }
}

/// The same, without fuel and ends. The memory stays where it is.
#[inline(always)]
pub(super) fn ask_host(
    r: &mut Registers,
    calls: &mut dyn Calls,
    function: Function,
    above: usize,
) -> Called {
    let (parameters, results) = (
        usize::from(function.parameters),
        usize::from(function.results),
    );
    let (slots, memory) = r.slots_and_memory(above + parameters, parameters.max(results));
    let called = calls.call(function.code, slots, memory);
    if matches!(called, Called::Done | Called::DoneAndInterrupted) {
        r.forget(above + parameters);
        r.keep(results);
    }
    called
}

/// Why the guest is stopped in a call, which is made again if it goes on.
#[cold]
pub(super) fn not_done(
    r: &mut Registers,
    calls: &mut dyn Calls,
    called: Called,
    at: *const u8,
) -> Halt {
    if called == Called::Ended {
        return Halt::Stop(calls.ending());
    }
    r.code = at;
    Halt::Stop(Stop::Blocked)
}

/// Enters a function of the module.
#[inline(always)]
pub(super) fn enter(r: &mut Registers, entry: Entry, function: Function) -> Went {
    r.enter(entry, function)?;
    burn(r, CALL_FUEL)
}

/// Takes fuel; without any left, the guest is suspended where it is.
#[inline(always)]
pub(super) fn burn(r: &mut Registers, fuel: i32) -> Went {
    r.fuel = r.fuel.wrapping_sub(fuel);
    if r.fuel < 0 {
        return Err(Halt::Stop(Stop::Preempted));
    }
    Ok(())
}
