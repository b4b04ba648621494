//! Host functions: one for each import, which hand the guest's calls to the host.

use alloc::vec::Vec;
use core::fmt;

use thimble_abi::{CallSpec, ValueType};
use thimble_runtime::engine::{CallOutcome, Trap, TrapKind};
use wasmi::errors::HostError;
use wasmi::{
    AsContextMut, Caller, Error, Extern, F64, Func, FuncType, Store, StoreContextMut, Val, ValType,
};

use crate::state::{PARAMETERS_MAX, PendingCall, State, Stop};

/// Fuel that a host call costs: about what the way out and back takes, so that a guest which does nothing
/// but call cannot stretch its slice.
const HOST_CALL_FUEL: u64 = 100;

/// The type of a call.
pub(crate) fn function_type(spec: &CallSpec) -> FuncType {
    FuncType::new(
        spec.parameters
            .iter()
            .map(|parameter| value_type(parameter.value_type())),
        spec.returns.value_type().map(value_type),
    )
}

/// The host functions for these imports, in order.
pub(crate) fn functions(store: &mut Store<State>, imports: &[&'static CallSpec]) -> Vec<Extern> {
    imports
        .iter()
        .map(|spec| Extern::Func(function(store, spec)))
        .collect()
}

/// Makes one call, or makes it again.
pub(crate) fn ask(
    context: &mut StoreContextMut<'_, State>,
    spec: &CallSpec,
    args: &[u64],
) -> CallOutcome {
    let (bytes, state) = match context.data().memory {
        Some(memory) => memory.data_and_store_mut(&mut *context),
        None => (&mut [][..], context.data_mut()),
    };
    state
        .host
        .with(|host| host.call(spec.call, args, bytes))
        .unwrap_or_else(|| {
            CallOutcome::Trap(Trap::with_detail(
                TrapKind::Engine,
                "host call outside of a slice",
            ))
        })
}

/// The result of a call as a value.
pub(crate) fn result(spec: &CallSpec, slot: u64) -> Option<Val> {
    spec.returns.value_type().map(|ty| match ty {
        ValueType::I32 => Val::I32(low_half(slot).cast_signed()),
        ValueType::I64 => Val::I64(slot.cast_signed()),
        ValueType::F32 => Val::F32(wasmi::F32::from_bits(low_half(slot))),
        ValueType::F64 => Val::F64(F64::from_bits(slot)),
    })
}

/// The value of an `i32` in a slot.
#[expect(
    clippy::cast_possible_truncation,
    reason = "an i32 is the lower half of its slot"
)]
pub(crate) const fn low_half(slot: u64) -> u32 {
    slot as u32
}

/// Stops the guest's code; the store's [`Stop`] says why.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("stopped by the host")
    }
}

impl HostError for Stopped {}

/// Answers one call of the guest.
fn answer(
    mut caller: Caller<'_, State>,
    spec: &'static CallSpec,
    args: &[u64],
) -> Result<u64, Error> {
    let outcome = ask(&mut caller.as_context_mut(), spec, args);
    let stop = match outcome {
        CallOutcome::Done(slot) => {
            let fuel = if caller.data().flag.is_set() {
                0
            } else {
                caller.get_fuel()?.saturating_sub(HOST_CALL_FUEL)
            };
            caller.set_fuel(fuel)?;
            return Ok(slot);
        }
        CallOutcome::Blocked => Stop::Waits(PendingCall::new(spec, args)),
        CallOutcome::Exit(code) => Stop::Exit(code),
        CallOutcome::Trap(trap) => Stop::Trap(trap),
    };
    caller.data_mut().stop = Some(stop);
    Err(Error::host(Stopped))
}

/// Makes a host function whose parameters and result have Rust types: wasmi then needs no buffer of values.
macro_rules! typed {
    ($store:expr, $spec:expr, $($name:ident: $ty:ty),*) => {
        Func::wrap($store, move |caller: Caller<'_, State>, $($name: $ty),*| -> Result<u32, Error> {
            answer(caller, $spec, &[$(u64::from($name)),*]).map(low_half)
        })
    };
}

/// The host function for one import: typed for the shapes that are called most, else with values.
fn function(store: &mut Store<State>, spec: &'static CallSpec) -> Func {
    use ValueType::{I32, I64};
    if spec.returns.value_type() != Some(I32) {
        return untyped(store, spec);
    }
    let mut types = [I32; PARAMETERS_MAX];
    types
        .iter_mut()
        .zip(spec.parameters)
        .for_each(|(ty, parameter)| *ty = parameter.value_type());
    match types.get(..spec.parameters.len()).unwrap_or_default() {
        [] => typed!(store, spec,),
        [I32] => typed!(store, spec, a: u32),
        [I32, I32] => typed!(store, spec, a: u32, b: u32),
        [I32, I32, I32] => typed!(store, spec, a: u32, b: u32, c: u32),
        [I32, I32, I32, I32] => typed!(store, spec, a: u32, b: u32, c: u32, d: u32),
        [I32, I64, I32] => typed!(store, spec, a: u32, b: u64, c: u32),
        [I64, I32, I32] => typed!(store, spec, a: u64, b: u32, c: u32),
        [I32, I64, I32, I32] => typed!(store, spec, a: u32, b: u64, c: u32, d: u32),
        _ => untyped(store, spec),
    }
}

fn untyped(store: &mut Store<State>, spec: &'static CallSpec) -> Func {
    Func::new(
        store,
        function_type(spec),
        move |caller, values, results| {
            let mut slots = [0; PARAMETERS_MAX];
            slots
                .iter_mut()
                .zip(values)
                .for_each(|(slot, value)| *slot = bits(value));
            let slot = answer(caller, spec, slots.get(..values.len()).unwrap_or(&slots))?;
            if let (Some(place), Some(value)) = (results.first_mut(), result(spec, slot)) {
                *place = value;
            }
            Ok(())
        },
    )
}

/// A value as a slot. References do not occur: the call table has none.
fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned(),
        Val::F32(value) => value.to_bits().into(),
        Val::F64(value) => value.to_bits(),
        _ => 0,
    }
}

const fn value_type(ty: ValueType) -> ValType {
    match ty {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::F32 => ValType::F32,
        ValueType::F64 => ValType::F64,
    }
}
