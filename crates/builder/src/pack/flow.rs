//! Follows the stack pointer, and numbers that may be addresses in the heap, through a function: an abstract
//! interpretation of its code until nothing new is found.
//!
//! What it tells holds for every run, as long as pointers stay in the objects they were made from, which C and Rust
//! demand of every program. Where it cannot tell, it says so.

mod access;
mod arity;
mod labels;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{BlockType, Operator};

use super::shape::Shape;
use super::value::{Value, Watched};
use labels::{Label, Labels, State};

/// Rounds over a function until it counts as too involved. Compilers' code needs three or four.
const ROUNDS_MAX: u32 = 64;
/// Values copied for one function at most. What compilers make of C needs some thousands.
const WORK_MAX: u64 = 10_000_000;

/// What is followed, and what is known of the functions that are called.
pub(super) struct Question<'a> {
    /// The module.
    pub(super) shape: &'a Shape<'a>,
    /// The global that is the stack pointer.
    pub(super) pointer: Option<u32>,
    /// Numbers that may be addresses in the heap.
    pub(super) watched: Watched,
    /// Parameters that may be addresses in the heap: function and position, and the number.
    pub(super) heap_parameters: BTreeMap<(u32, u32), u32>,
    /// Functions whose results may be.
    pub(super) heap_results: BTreeMap<u32, u32>,
    /// Functions that give one of their arguments back, as `memset` does, and its position.
    pub(super) returned: BTreeMap<u32, u32>,
}

/// Whom a call reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// This function.
    Function(u32),
    /// Every function of this type that a table may hold.
    Type(u32),
}

/// What a function does with the stack and the heap.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Bytes below the stack pointer it was called with that it may use itself.
    pub(super) frame_bytes: u32,
    /// Whether it lowers the stack pointer and leaves it as it was.
    pub(super) lowers: bool,
    /// Calls, and bytes that the stack pointer is lower then.
    pub(super) calls: BTreeMap<Target, u32>,
    /// Why nothing of that holds.
    pub(super) doubt: Option<FlowDoubt>,
    /// The first number that may be used as an address in the heap.
    pub(super) heap_use: Option<u32>,
    /// Arguments that may be addresses in the heap.
    pub(super) heap_arguments: BTreeMap<(Target, u32), u32>,
    /// A result that may be.
    pub(super) heap_result: Option<u32>,
    /// The argument that it gives back.
    pub(super) returned: Option<u32>,
}

/// Why a function's use of the stack is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlowDoubt {
    /// It moves the stack pointer by what is computed.
    Computed,
    /// It does not leave the stack pointer as it was.
    Unbalanced,
    /// It is too large or too involved.
    TooInvolved,
}

/// Follows a function. `work_left` goes down with what it costs; where nothing is left, the answer is a doubt.
pub(super) fn follow(question: &Question<'_>, function: u32, work_left: &mut u64) -> Summary {
    let mut walk = Walk {
        question,
        function,
        summary: Summary::default(),
        current: None,
        labels: Labels::default(),
        work: 0,
        work_max: WORK_MAX.min(*work_left),
    };
    let mut is_done = false;
    for _ in 0..ROUNDS_MAX {
        match walk.round() {
            Some(true) => {}
            Some(false) => {
                is_done = true;
                break;
            }
            None => break,
        }
    }
    *work_left = work_left.saturating_sub(walk.work);
    if is_done {
        walk.summary
    } else {
        walk.give_up()
    }
}

/// One function on the way.
struct Walk<'a> {
    question: &'a Question<'a>,
    function: u32,
    summary: Summary,
    /// What is known here; `None` where the program never comes.
    current: Option<State>,
    labels: Labels,
    work: u64,
    work_max: u64,
}

impl Walk<'_> {
    /// Goes through the code once. Whether something new was found; `None` if it is too much.
    fn round(&mut self) -> Option<bool> {
        self.summary = Summary::default();
        let shape = self.question.shape;
        let ty = shape.function_type(self.function)?;
        let body = shape.body(self.function)?;
        self.labels.begin(ty.results().len());
        self.current = Some(self.entry(ty.params().len())?);
        for operator in body.get_operators_reader().ok()? {
            self.operator(&operator.ok()?)?;
            self.work += 1;
            if self.work > self.work_max {
                return None;
            }
        }
        Some(self.labels.changed)
    }

    /// What is known when the function is called.
    fn entry(&self, parameters: usize) -> Option<State> {
        let body = self.question.shape.body(self.function)?;
        let mut locals: Vec<Value> = (0..)
            .take(parameters)
            .map(|position| {
                self.question
                    .heap_parameters
                    .get(&(self.function, position))
                    .map_or(Value::Argument(position), |number| Value::Heap(*number))
            })
            .collect();
        for group in body.get_locals_reader().ok()? {
            let (count, ty) = group.ok()?;
            let zero = match ty {
                wasmparser::ValType::I32 => Value::Number(0),
                _ => Value::Any,
            };
            locals.resize(locals.len().checked_add(count as usize)?, zero);
        }
        Some(State {
            locals,
            stack: Vec::new(),
            pointer: Value::ENTRY,
        })
    }

    /// The answer where there is none: anything is possible.
    fn give_up(mut self) -> Summary {
        self.summary.doubt = Some(FlowDoubt::TooInvolved);
        if let Some(watched) = &self.question.watched {
            self.summary.heap_use = Some(*watched.start());
        }
        self.summary
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Option<()> {
        match operator {
            Operator::Block { blockty } => self.open(*blockty, Opening::Block),
            Operator::Loop { blockty } => self.open(*blockty, Opening::Loop),
            Operator::If { blockty } => {
                self.pop();
                self.open(*blockty, Opening::If)
            }
            Operator::Else => self.otherwise(),
            Operator::End => self.close(),
            _ if self.current.is_none() => Some(()),
            Operator::Br { relative_depth } => self.leave(*relative_depth),
            Operator::BrIf { relative_depth } => {
                self.pop();
                self.branch(*relative_depth)
            }
            Operator::BrTable { targets } => {
                self.pop();
                let depths: Result<BTreeSet<u32>, _> = targets.targets().collect();
                for depth in depths.ok()? {
                    self.branch(depth)?;
                }
                self.leave(targets.default())
            }
            Operator::Return => self.leave(self.labels.outermost()?),
            Operator::Unreachable => {
                self.current = None;
                Some(())
            }
            operator => self.step(operator),
        }
    }

    fn open(&mut self, ty: BlockType, opening: Opening) -> Option<()> {
        let (parameters, results) = match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let ty = self.question.shape.types.get(index as usize)?;
                (ty.params().len(), ty.results().len())
            }
        };
        let height = match &self.current {
            Some(state) => state.stack.len().checked_sub(parameters)?,
            None => 0,
        };
        let mut label = Label::new(height, results);
        match opening {
            Opening::Block => {}
            Opening::If => label.otherwise = self.copy(),
            Opening::Loop => {
                let entered = self.current.take();
                let watched = &self.question.watched;
                (label.header, self.current) = self.labels.enter_loop(entered, parameters, watched);
                self.work += self.current.as_ref().map_or(0, State::size);
            }
        }
        self.labels.open.push(label);
        Some(())
    }

    fn otherwise(&mut self) -> Option<()> {
        let watched = &self.question.watched;
        let label = self.labels.open.last_mut()?;
        if let Some(state) = self.current.take() {
            label.arrive(state, watched);
        }
        self.current = label.otherwise.take();
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        let watched = &self.question.watched;
        let mut label = self.labels.open.pop()?;
        let arriving = [self.current.take(), label.otherwise.take()];
        for state in arriving.into_iter().flatten() {
            label.arrive(state, watched);
        }
        self.current = label.behind;
        if self.labels.open.is_empty() {
            self.exit(label.results);
        }
        Some(())
    }

    /// The program goes on behind or at the beginning of a block, and here as well.
    fn branch(&mut self, depth: u32) -> Option<()> {
        let Some(state) = self.copy() else {
            return Some(());
        };
        self.labels.arrive(depth, state, &self.question.watched)
    }

    /// The program goes on there and not here.
    fn leave(&mut self, depth: u32) -> Option<()> {
        let state = self.current.take()?;
        self.labels.arrive(depth, state, &self.question.watched)
    }

    fn copy(&mut self) -> Option<State> {
        self.work += self.current.as_ref().map_or(0, State::size) + 1;
        self.current.clone()
    }

    /// The function ends.
    fn exit(&mut self, results: usize) {
        let Some(state) = self.current.take() else {
            return;
        };
        if state.pointer != Value::ENTRY {
            self.doubt(FlowDoubt::Unbalanced);
        }
        let watched = &self.question.watched;
        let first = state.stack.len().saturating_sub(results);
        if let Some([Value::Argument(position)]) = state.stack.get(first..) {
            self.summary.returned = Some(*position);
        }
        for result in state.stack.iter().skip(first) {
            if let Some(number) = result.heap_origin(watched) {
                self.summary.heap_result = Some(number);
            }
        }
    }

    fn doubt(&mut self, doubt: FlowDoubt) {
        self.summary.doubt.get_or_insert(doubt);
    }

    fn pop(&mut self) -> Value {
        self.current
            .as_mut()
            .and_then(|state| state.stack.pop())
            .unwrap_or(Value::Any)
    }

    fn push(&mut self, value: Value) {
        if let Some(state) = &mut self.current {
            state.stack.push(value);
        }
    }
}

/// What kind of block begins.
#[derive(Clone, Copy)]
enum Opening {
    Block,
    Loop,
    If,
}
