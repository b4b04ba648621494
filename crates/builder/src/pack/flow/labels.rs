//! Blocks that are open, and what is known where their branches lead.

use super::super::value::{Value, Watched};

/// Times that the bounds of a loop's values may grow before they are given up.
const GROWTHS_MAX: u32 = 3;

/// What is known at a place in the code.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) locals: Vec<Value>,
    pub(super) stack: Vec<Value>,
    pub(super) pointer: Value,
}

/// An open block.
pub(super) struct Label {
    /// Values on the stack below the block's own.
    height: usize,
    /// Values that it leaves.
    pub(super) results: usize,
    /// A loop's number.
    pub(super) header: Option<usize>,
    /// What is known at its `else`.
    pub(super) otherwise: Option<State>,
    /// What is known behind it.
    pub(super) behind: Option<State>,
}

/// The open blocks of a function, and what is known at the beginning of each of its loops.
#[derive(Default)]
pub(super) struct Labels {
    pub(super) open: Vec<Label>,
    /// Whether a branch brought something new to the beginning of a loop.
    pub(super) changed: bool,
    loops: Vec<Header>,
    loops_seen: usize,
}

#[derive(Default)]
struct Header {
    state: Option<State>,
    height: usize,
    parameters: usize,
    growths: u32,
}

impl State {
    /// A measure for the work of copying it.
    pub(super) fn size(&self) -> u64 {
        (self.locals.len() as u64).saturating_add(self.stack.len() as u64)
    }

    /// The same with `count` values on a stack of this height.
    fn at(mut self, height: usize, count: usize) -> Self {
        let from = self.stack.len().saturating_sub(count);
        let values = self.stack.split_off(from);
        self.stack.truncate(height);
        self.stack.extend(values);
        self
    }

    /// Takes what another state knows into account; whether that is new.
    fn join(&mut self, other: &Self, widen: bool, watched: &Watched) -> bool {
        let mut changed = false;
        let ours = self.locals.iter_mut().chain(&mut self.stack);
        let theirs = other.locals.iter().chain(&other.stack);
        for (value, theirs) in ours.zip(theirs) {
            let joined = value.join(*theirs, widen, watched);
            changed |= joined != *value;
            *value = joined;
        }
        let joined = self.pointer.join(other.pointer, widen, watched);
        changed |= joined != self.pointer;
        self.pointer = joined;
        changed
    }
}

impl Label {
    pub(super) fn new(height: usize, results: usize) -> Self {
        Self {
            height,
            results,
            header: None,
            otherwise: None,
            behind: None,
        }
    }

    /// The program comes to the end of the block.
    pub(super) fn arrive(&mut self, state: State, watched: &Watched) {
        let state = state.at(self.height, self.results);
        match &mut self.behind {
            Some(behind) => {
                behind.join(&state, false, watched);
            }
            None => self.behind = Some(state),
        }
    }
}

impl Labels {
    /// A round through the function begins.
    pub(super) fn begin(&mut self, results: usize) {
        self.open.clear();
        self.open.push(Label::new(0, results));
        self.changed = false;
        self.loops_seen = 0;
    }

    /// The depth of the function itself.
    pub(super) fn outermost(&self) -> Option<u32> {
        u32::try_from(self.open.len().checked_sub(1)?).ok()
    }

    /// A loop begins: its number, and what is known there whichever way the program comes.
    pub(super) fn enter_loop(
        &mut self,
        entered: Option<State>,
        parameters: usize,
        watched: &Watched,
    ) -> (Option<usize>, Option<State>) {
        let number = self.loops_seen;
        self.loops_seen += 1;
        if self.loops.len() <= number {
            self.loops.resize_with(number + 1, Header::default);
        }
        let Some(header) = self.loops.get_mut(number) else {
            return (None, None);
        };
        let Some(state) = entered else {
            return (Some(number), None);
        };
        header.height = state.stack.len().saturating_sub(parameters);
        header.parameters = parameters;
        header.take(state, watched);
        (Some(number), header.state.clone())
    }

    /// The program branches.
    pub(super) fn arrive(&mut self, depth: u32, state: State, watched: &Watched) -> Option<()> {
        let index = self.open.len().checked_sub(depth as usize + 1)?;
        let label = self.open.get_mut(index)?;
        match label.header {
            None => label.arrive(state, watched),
            Some(number) => {
                let header = self.loops.get_mut(number)?;
                let state = state.at(header.height, header.parameters);
                self.changed |= header.take(state, watched);
            }
        }
        Some(())
    }
}

impl Header {
    fn take(&mut self, state: State, watched: &Watched) -> bool {
        let Some(known) = &mut self.state else {
            self.state = Some(state);
            return true;
        };
        let changed = known.join(&state, self.growths >= GROWTHS_MAX, watched);
        self.growths += u32::from(changed);
        changed
    }
}
