//! Calls: of the module's functions, of the host, through tables.

use thimble_runtime::engine::TrapKind;

use super::registers::Registers;
use super::{Called, Calls, Halt, Machine, Stop};
use crate::table::Function;

/// Fuel that entering a function costs.
const CALL_FUEL: i32 = 8;
/// Fuel that a call of the host costs: about what the way out and back takes, so that a guest which does nothing but
/// call cannot stretch its slice.
const HOST_CALL_FUEL: i32 = 100;

/// How a loop goes on after a call.
pub(super) type Went = Result<(), Halt>;

impl Machine {
    /// `return_call`, with the place in the code behind it; `at` is its opcode's.
    pub(super) fn return_call(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        at: *const u8,
    ) -> Went {
        let index = r.u32();
        let function = r.function_entry(index);
        self.leave_for(r, calls, index, function, at, 0)
    }

    /// `call_indirect`.
    pub(super) fn call_indirect(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        at: *const u8,
    ) -> Went {
        let (index, function) = self.through_table(r)?;
        if function.is_imported() {
            return self.call_host(r, calls, function, at, 1);
        }
        r.forget(1);
        enter(r, index, function)
    }

    /// `return_call_indirect`.
    pub(super) fn return_call_indirect(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        at: *const u8,
    ) -> Went {
        let (index, function) = self.through_table(r)?;
        self.leave_for(r, calls, index, function, at, 1)
    }

    /// The function that the topmost operand names in a table, if it has the type that follows in the code.
    fn through_table(&self, r: &mut Registers) -> Result<(u32, Function), TrapKind> {
        let ty = r.u32();
        let table = r.u32();
        let place: u32 = r.peek(0);
        let elements = self
            .instance
            .tables
            .get(table as usize)
            .map(|table| table.elements.as_slice());
        let element = elements.unwrap_or_default().get(place as usize);
        let reference = *element.ok_or(TrapKind::TableOutOfBounds)?;
        let index = reference
            .checked_sub(1)
            .ok_or(TrapKind::IndirectCallToNull)?;
        let side_table = self
            .instance
            .program
            .table()
            .map_err(|_| TrapKind::Engine)?;
        // Who calls functions one by one can pass anything as a reference.
        if index >= side_table.head.function_count {
            return Err(TrapKind::BadSignature);
        }
        let function = r.function_entry(index);
        if side_table.same_type(ty) != function.ty.into() {
            return Err(TrapKind::BadSignature);
        }
        Ok((index, function))
    }

    fn leave_for(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        index: u32,
        function: Function,
        at: *const u8,
        above: usize,
    ) -> Went {
        if !function.is_imported() {
            r.forget(above);
            r.enter_instead(index, function)?;
            return burn(r, CALL_FUEL);
        }
        // The host answers while the function is still there, whose results they become.
        let went = self.call_host(r, calls, function, at, above);
        if matches!(went, Ok(()) | Err(Halt::Stop(Stop::Preempted)))
            && !r.leave(function.results.into())
        {
            return Err(Halt::Stop(Stop::Returned));
        }
        went
    }

    /// Asks the host. `above` operands, which are not for it, lie over the arguments. If it waits, everything is as it
    /// was before the call, which is made again.
    pub(super) fn call_host(
        &mut self,
        r: &mut Registers,
        calls: &mut dyn Calls,
        function: Function,
        at: *const u8,
        above: usize,
    ) -> Went {
        let (parameters, results) = (
            usize::from(function.parameters),
            usize::from(function.results),
        );
        let slots = r.slots(above + parameters, parameters.max(results));
        let memory = self.instance.memory.slice();
        let called = calls.call(function.code, slots, memory);
        r.bind_memory(&mut self.instance);
        match called {
            Called::Done => {
                r.forget(above + parameters);
                r.keep(results);
                if calls.is_interrupted() {
                    return Err(Halt::Stop(Stop::Preempted));
                }
                burn(r, HOST_CALL_FUEL)
            }
            Called::Blocked => {
                r.code = at;
                Err(Halt::Stop(Stop::Blocked))
            }
            Called::Exit(code) => Err(Halt::Stop(Stop::Exit(code))),
            Called::Trap(mut trap) => {
                if trap.backtrace.is_empty() {
                    self.registers = *r;
                    trap.backtrace = self.backtrace();
                }
                Err(Halt::Stop(Stop::Trap(trap)))
            }
        }
    }
}

/// Enters a function of the module.
#[inline(always)]
pub(super) fn enter(r: &mut Registers, index: u32, function: Function) -> Went {
    r.enter(index, function)?;
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
