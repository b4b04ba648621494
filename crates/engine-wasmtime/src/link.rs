//! Answers a guest's imports: each becomes a native function that asks the host.
//!
//! Calls that never wait are plain functions. Calls that may wait are asynchronous ones: while the host
//! says that it waits, the guest's future is pending, and the same call is made again at the next poll.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::task::Poll;

use thimble_abi::calls::Pace;
use thimble_abi::{Call, CallSpec, ValueType};
use thimble_runtime::engine::{CallOutcome, Trap, TrapKind, Yield};
use thimble_runtime::module::Import;
use wasmtime::{
    AsContextMut as _, Caller, Engine, FuncType, Instance, InstancePre, Linker, Module, Store, Val,
    ValRaw, ValType,
};

use crate::lend::LendError;
use crate::state::{State, note_memory};

/// No call of the table has more parameters.
const PARAMETERS_MAX: usize = 12;

/// A module's imports, each with the function that answers it.
pub(crate) enum Links {
    /// Found once and for all.
    Ready(InstancePre<State>),
    /// A module that imports one name with two signatures: a linker has room for one of them, so there
    /// are several, and each guest finds its functions in turn.
    InTurn(Vec<(usize, &'static CallSpec)>, Vec<Linker<State>>),
}

impl Links {
    /// Makes the functions that answer these imports.
    pub(crate) fn new(
        engine: &Engine,
        native: &Module,
        imports: &[Import],
    ) -> wasmtime::Result<Self> {
        let mut linkers: Vec<(Linker<State>, Vec<&'static CallSpec>)> = Vec::new();
        let mut order = Vec::with_capacity(imports.len());
        for Import { spec } in imports {
            let conflicts = |linked: &[&CallSpec]| {
                linked.iter().any(|other| {
                    other.module == spec.module
                        && other.name == spec.name
                        && other.call != spec.call
                })
            };
            let free = linkers.iter().position(|(_, linked)| !conflicts(linked));
            let index = free.unwrap_or(linkers.len());
            if free.is_none() {
                linkers.push((Linker::new(engine), Vec::new()));
            }
            order.push((index, *spec));
            if let Some((linker, linked)) = linkers.get_mut(index)
                && !linked.iter().any(|other| other.call == spec.call)
            {
                link(linker, engine, spec)?;
                linked.push(spec);
            }
        }
        let mut linkers: Vec<_> = linkers.into_iter().map(|(linker, _)| linker).collect();
        if linkers.len() > 1 {
            return Ok(Self::InTurn(order, linkers));
        }
        linkers
            .pop()
            .unwrap_or_else(|| Linker::new(engine))
            .instantiate_pre(native)
            .map(Self::Ready)
    }

    /// Makes an instance. No code of the guest runs.
    pub(crate) async fn instantiate(
        &self,
        native: &Module,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Instance> {
        match self {
            Self::Ready(instance) => instance.instantiate_async(store).await,
            Self::InTurn(order, linkers) => {
                let mut imports = Vec::with_capacity(order.len());
                for (index, spec) in order {
                    if let Some(linker) = linkers.get(*index) {
                        imports.push(linker.get(&mut *store, spec.module, spec.name)?);
                    }
                }
                Instance::new_async(store, native, &imports).await
            }
        }
    }
}

fn link(
    linker: &mut Linker<State>,
    engine: &Engine,
    spec: &'static CallSpec,
) -> wasmtime::Result<()> {
    if spec.parameters.len() > PARAMETERS_MAX {
        let reason = format!(
            "`{}.{}` has more than {PARAMETERS_MAX} parameters",
            spec.module, spec.name
        );
        return Err(wasmtime::Error::msg(reason));
    }
    let signature = FuncType::new(
        engine,
        spec.parameters
            .iter()
            .map(|parameter| value_type(parameter.value_type())),
        spec.returns.value_type().map(value_type),
    );
    match spec.pace {
        Pace::Prompt => link_prompt(linker, spec, signature),
        Pace::Waits => link_waiting(linker, spec, signature),
    }
}

/// A call that completes at once.
fn link_prompt(
    linker: &mut Linker<State>,
    spec: &'static CallSpec,
    signature: FuncType,
) -> wasmtime::Result<()> {
    let shape = Shape::of(spec);
    let function = move |mut caller: Caller<'_, State>, slots: &mut [MaybeUninit<ValRaw>]| {
        let mut arguments = [0_u64; PARAMETERS_MAX];
        for ((argument, slot), mask) in arguments.iter_mut().zip(slots.iter()).zip(shape.masks()) {
            // SAFETY: a function made without checks finds its parameters in the first slots, and there
            // are as many masks as parameters.
            let raw = unsafe { slot.assume_init_ref() };
            *argument = raw.get_u64() & mask;
        }
        let arguments = arguments.get(..shape.parameters).unwrap_or_default();
        match ask(&mut caller, shape.call, arguments) {
            Answer::Done(value) => {
                if let (Some(returns), Some(slot)) = (shape.returns, slots.first_mut()) {
                    slot.write(raw_value(returns, value));
                }
                Ok(())
            }
            Answer::Wait => Err(end(
                caller.data_mut(),
                Yield::Trapped(Trap::with_detail(
                    TrapKind::Engine,
                    "the host waits in a call that never waits",
                )),
            )),
            Answer::End(ending) => Err(end(caller.data_mut(), ending)),
        }
    };
    // SAFETY: `function` reads the parameters of `signature`, which `shape` was made from as well, and
    // writes its result to the first slot, as functions without checks must.
    unsafe { linker.func_new_unchecked(spec.module, spec.name, signature, function) }?;
    Ok(())
}

/// A call that may suspend the guest.
fn link_waiting(
    linker: &mut Linker<State>,
    spec: &'static CallSpec,
    signature: FuncType,
) -> wasmtime::Result<()> {
    let shape = Shape::of(spec);
    linker.func_new_async(
        spec.module,
        spec.name,
        signature,
        move |mut caller, parameters, results| {
            let mut arguments = [0_u64; PARAMETERS_MAX];
            for (argument, value) in arguments.iter_mut().zip(parameters) {
                *argument = bits(value);
            }
            Box::new(async move {
                let arguments = arguments.get(..shape.parameters).unwrap_or_default();
                let answer = poll_fn(|_| match ask(&mut caller, shape.call, arguments) {
                    Answer::Wait => {
                        note_memory(&caller.as_context_mut());
                        caller.data().shared.set_blocked();
                        Poll::Pending
                    }
                    answer => Poll::Ready(answer),
                });
                match answer.await {
                    Answer::Done(value) => {
                        if let (Some(returns), Some(result)) = (shape.returns, results.first_mut())
                        {
                            *result = typed_value(returns, value);
                        }
                        Ok(())
                    }
                    Answer::End(ending) => Err(end(caller.data_mut(), ending)),
                    Answer::Wait => Err(wasmtime::Error::from(Ended)),
                }
            })
        },
    )?;
    Ok(())
}

/// A call's signature, ready for use on each call.
#[derive(Clone, Copy)]
struct Shape {
    call: Call,
    parameters: usize,
    /// Bit n: parameter n has 32 bits.
    narrow: u32,
    returns: Option<ValueType>,
}

impl Shape {
    fn of(spec: &CallSpec) -> Self {
        let mut narrow = 0;
        for (index, parameter) in spec.parameters.iter().enumerate() {
            if matches!(parameter.value_type(), ValueType::I32 | ValueType::F32) {
                narrow |= 1 << index;
            }
        }
        Self {
            call: spec.call,
            parameters: spec.parameters.len(),
            narrow,
            returns: spec.returns.value_type(),
        }
    }

    /// For each parameter, the bits of its slot that count.
    fn masks(self) -> impl Iterator<Item = u64> {
        (0..self.parameters).map(move |index| {
            if self.narrow >> index & 1 == 1 {
                u64::from(u32::MAX)
            } else {
                u64::MAX
            }
        })
    }
}

/// What the host said.
enum Answer {
    Done(u64),
    Wait,
    End(Yield),
}

fn ask(caller: &mut Caller<'_, State>, call: Call, arguments: &[u64]) -> Answer {
    let outcome = match caller.data().memory {
        Some(memory) => {
            let (memory, state) = memory.data_and_store_mut(caller);
            state
                .shared
                .host
                .with(|host| host.call(call, arguments, memory))
        }
        None => caller
            .data()
            .shared
            .host
            .with(|host| host.call(call, arguments, &mut [])),
    };
    match outcome {
        Ok(CallOutcome::Done(value)) => Answer::Done(value),
        Ok(CallOutcome::Blocked) => Answer::Wait,
        Ok(CallOutcome::Exit(code)) => Answer::End(Yield::Exited(code)),
        Ok(CallOutcome::Trap(trap)) => Answer::End(Yield::Trapped(trap)),
        Err(error) => Answer::End(Yield::Trapped(lend_trap(error))),
    }
}

#[cold]
fn lend_trap(error: LendError) -> Trap {
    let detail = match error {
        LendError::Absent => "a call was made while no host was lent".into(),
        LendError::Panicked(text) => format!("the host panicked: {text}"),
    };
    Trap::with_detail(TrapKind::Engine, detail)
}

/// Unwinds the guest's stack after noting why.
#[cold]
fn end(state: &mut State, ending: Yield) -> wasmtime::Error {
    state.ending = Some(ending);
    wasmtime::Error::from(Ended)
}

/// Marks an error that only unwinds a guest's stack; why is in its [`State`].
#[derive(Clone, Copy, Debug)]
struct Ended;

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the host ended the guest")
    }
}

impl std::error::Error for Ended {}

fn value_type(value_type: ValueType) -> ValType {
    match value_type {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::F32 => ValType::F32,
        ValueType::F64 => ValType::F64,
    }
}

/// The low 32 bits of a slot.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the contract keeps 32-bit values in the low half"
)]
const fn low(value: u64) -> u32 {
    value as u32
}

fn raw_value(value_type: ValueType, value: u64) -> ValRaw {
    match value_type {
        ValueType::I32 => ValRaw::u32(low(value)),
        ValueType::I64 => ValRaw::u64(value),
        ValueType::F32 => ValRaw::f32(low(value)),
        ValueType::F64 => ValRaw::f64(value),
    }
}

fn typed_value(value_type: ValueType, value: u64) -> Val {
    match value_type {
        ValueType::I32 => Val::I32(low(value).cast_signed()),
        ValueType::I64 => Val::I64(value.cast_signed()),
        ValueType::F32 => Val::F32(low(value)),
        ValueType::F64 => Val::F64(value),
    }
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(value.cast_unsigned()),
        Val::I64(value) => value.cast_unsigned(),
        Val::F32(bits) => u64::from(*bits),
        Val::F64(bits) => *bits,
        _ => 0,
    }
}
