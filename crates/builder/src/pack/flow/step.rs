//! What each instruction does to what is known.

use thimble_abi::calls::ParameterKind;
use wasmparser::Operator;

use super::super::value::{Value, Watched};
use super::access::{self, Access};
use super::arity::arity;
use super::{FlowDoubt, Question, Target, Walk};

impl Walk<'_> {
    /// An instruction that is no branch. `None` if it is not known.
    pub(super) fn step(&mut self, operator: &Operator<'_>) -> Option<()> {
        match operator {
            Operator::LocalGet { local_index } => {
                let value = self.local(*local_index)?;
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.set_local(*local_index, value)?;
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.set_local(*local_index, value)?;
                self.push(value);
            }
            Operator::GlobalGet { global_index } => self.get_global(*global_index),
            Operator::GlobalSet { global_index } => self.set_global(*global_index),
            Operator::I32Const { value } => self.push(Value::Number(value.cast_unsigned())),
            Operator::Drop => drop(self.pop()),
            Operator::Select | Operator::TypedSelect { .. } => {
                self.pop();
                let (b, a) = (self.pop(), self.pop());
                self.push(a.join(b, false, &self.question.watched));
            }
            Operator::Call { function_index } => {
                self.call(Target::Function(*function_index), false)?;
            }
            Operator::ReturnCall { function_index } => {
                self.call(Target::Function(*function_index), true)?;
            }
            Operator::CallIndirect { type_index, .. } => {
                self.pop();
                let ty = self.question.shape.same_type(*type_index);
                self.call(Target::Type(ty), false)?;
            }
            Operator::ReturnCallIndirect { type_index, .. } => {
                self.pop();
                let ty = self.question.shape.same_type(*type_index);
                self.call(Target::Type(ty), true)?;
            }
            operator => match access::of(operator) {
                Some(access) => self.access(operator, &access)?,
                None => self.compute(operator)?,
            },
        }
        Some(())
    }

    fn local(&self, index: u32) -> Option<Value> {
        self.current.as_ref()?.locals.get(index as usize).copied()
    }

    fn set_local(&mut self, index: u32, value: Value) -> Option<()> {
        *self.current.as_mut()?.locals.get_mut(index as usize)? = value;
        Some(())
    }

    fn get_global(&mut self, index: u32) {
        if self.question.pointer == Some(index) {
            let pointer = self.pointer();
            return self.push(pointer);
        }
        let global = self.question.shape.globals.get(index as usize);
        let number = global
            .filter(|global| !global.ty.mutable)
            .and_then(|global| global.begins);
        self.push(number.map_or(Value::Any, Value::Number));
    }

    fn set_global(&mut self, index: u32) {
        let value = self.pop();
        if self.question.pointer != Some(index) {
            return self.may_be_used(value);
        }
        match value {
            Value::Stack { low, high } => {
                self.summary.lowers |= low < 0;
                // Above what it was, it would give the caller's frame away.
                if high > 0 {
                    self.doubt(FlowDoubt::Unbalanced);
                }
            }
            _ => self.doubt(FlowDoubt::Computed),
        }
        if let Some(state) = &mut self.current {
            state.pointer = value;
        }
    }

    fn pointer(&self) -> Value {
        self.current
            .as_ref()
            .map_or(Value::Any, |state| state.pointer)
    }

    /// The value goes where it is not followed.
    fn may_be_used(&mut self, value: Value) {
        if let Some(number) = value.heap_origin(&self.question.watched) {
            self.summary.heap_use.get_or_insert(number);
        }
    }

    fn call(&mut self, target: Target, is_last: bool) -> Option<()> {
        let shape = self.question.shape;
        let ty = match target {
            Target::Function(function) => shape.function_type(function)?,
            Target::Type(ty) => shape.types.get(ty as usize)?,
        };
        let (parameters, results) = (ty.params().len(), ty.results().len());
        let first = self.current.as_ref()?.stack.len().checked_sub(parameters)?;
        let arguments = self.current.as_mut()?.stack.split_off(first);
        self.pass(target, &arguments);
        match self.pointer() {
            Value::Stack { low, .. } => {
                let deepest = self.summary.calls.entry(target).or_default();
                *deepest = (*deepest).max(low.min(0).unsigned_abs());
            }
            _ => self.doubt(FlowDoubt::Computed),
        }
        let result = self.result_of(target, &arguments);
        for _ in 0..results {
            self.push(result);
        }
        if is_last {
            self.leave(self.labels.outermost()?)?;
        }
        Some(())
    }

    /// Arguments go to whoever is called.
    fn pass(&mut self, target: Target, arguments: &[Value]) {
        let shape = self.question.shape;
        let import = match target {
            Target::Function(function) => shape.imports.get(function as usize),
            Target::Type(_) => None,
        };
        for (position, argument) in (0..).zip(arguments) {
            let Some(number) = argument.heap_origin(&self.question.watched) else {
                continue;
            };
            match import {
                None => {
                    self.summary
                        .heap_arguments
                        .insert((target, position), number);
                }
                Some(call) => {
                    let kind = call
                        .and_then(|call| call.parameters.get(position as usize))
                        .copied();
                    let is_address = kind.is_none_or(|kind| {
                        matches!(kind, ParameterKind::Pointer | ParameterKind::String)
                    });
                    if is_address {
                        self.summary.heap_use.get_or_insert(number);
                    }
                }
            }
        }
    }

    fn result_of(&self, target: Target, arguments: &[Value]) -> Value {
        let Question {
            shape,
            heap_results: results,
            returned,
            ..
        } = self.question;
        let number = match target {
            Target::Function(function) => {
                let position = returned.get(&function);
                let argument = position.and_then(|position| arguments.get(*position as usize));
                if let Some(argument) = argument {
                    return *argument;
                }
                results.get(&function).copied()
            }
            Target::Type(ty) => shape
                .taken_of_type(ty)
                .find_map(|function| results.get(&function).copied()),
        };
        number.map_or(Value::Any, Value::Heap)
    }

    /// An instruction that reads or writes memory.
    fn access(&mut self, operator: &Operator<'_>, access: &Access) -> Option<()> {
        let (pops, pushes) = arity(operator)?;
        let first = self.current.as_ref()?.stack.len().checked_sub(pops)?;
        let operands = self.current.as_mut()?.stack.split_off(first);
        for (position, operand) in operands.into_iter().enumerate() {
            if access.addresses.contains(&position) {
                self.address(operand, access.offset);
            } else if access.keeps == Some(position) {
                self.may_be_used(operand);
            }
        }
        for _ in 0..pushes {
            self.push(Value::Any);
        }
        Some(())
    }

    fn address(&mut self, address: Value, offset: u64) {
        // Offsets of an access are numbers as well: of an array, the index is the operand.
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let watched = &self.question.watched;
        let reached = match address {
            Value::Number(number) => Value::Number(number).plus(Value::Number(offset), watched),
            Value::Stack { .. } => Value::Any,
            value => value.join(Value::Number(offset), false, watched),
        };
        self.may_be_used(reached);
    }

    /// An instruction that computes.
    fn compute(&mut self, operator: &Operator<'_>) -> Option<()> {
        let binary: Option<fn(Value, Value, &Watched) -> Value> = match operator {
            Operator::I32Add => Some(Value::plus),
            Operator::I32Sub => Some(Value::minus),
            Operator::I32And => Some(Value::and),
            Operator::I32Or => Some(Value::or),
            _ => None,
        };
        if let Some(binary) = binary {
            let (b, a) = (self.pop(), self.pop());
            self.push_computed(binary(a, b, &self.question.watched));
            return Some(());
        }
        let (pops, pushes) = arity(operator)?;
        let mut result = Value::Any;
        for _ in 0..pops {
            let operand = self.pop();
            if !access::loses_address(operator)
                && let Some(number) = operand.heap_origin(&self.question.watched)
            {
                result = Value::Heap(number);
            }
        }
        for _ in 0..pushes {
            self.push(result);
        }
        Some(())
    }

    fn push_computed(&mut self, value: Value) {
        if let Value::Stack { low, .. } = value {
            let bytes = low.min(0).unsigned_abs();
            self.summary.frame_bytes = self.summary.frame_bytes.max(bytes);
        }
        self.push(value);
    }
}
