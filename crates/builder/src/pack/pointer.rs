//! Finds the global that is the stack pointer.

use wasmparser::{ExternalKind, ValType};

use super::flow::FlowDoubt;
use super::heap;
use super::report::Doubt;
use super::shape::Shape;

/// What linkers call it.
const NAME: &str = "__stack_pointer";
/// The stack's top is a multiple of this many bytes.
const ALIGNMENT: u32 = 16;

/// Globals that are looked at. Linkers make one that code sets, or a few.
const POSSIBLE_MAX: usize = 8;

/// The global that is the stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StackPointer {
    /// The global.
    pub(super) global: u32,
    /// Where the stack begins: its highest end.
    pub(super) top: u32,
    /// Whether a name says so, and not only how it is used.
    pub(super) is_named: bool,
}

/// Finds it; `None` if the module has none. How a global is used counts only where `by_use` says so.
pub(super) fn find(shape: &Shape<'_>, by_use: bool) -> Result<Option<StackPointer>, Doubt> {
    if let Some(global) = named(shape) {
        let top = number(shape, global).ok_or(Doubt::StackUnplaced)?;
        return Ok(Some(StackPointer {
            global,
            top,
            is_named: true,
        }));
    }
    let possible: Vec<(u32, u32)> = (0..)
        .zip(&shape.globals)
        .filter(|(global, _)| shape.set_globals.contains(global))
        .filter_map(|(global, _)| Some((global, number(shape, global)?)))
        .collect();
    match possible.as_slice() {
        [] => return Ok(None),
        possible if !by_use || possible.len() > POSSIBLE_MAX => return Err(Doubt::NoStackPointer),
        _ => {}
    }
    let mut found: Vec<StackPointer> = possible
        .into_iter()
        .filter(|(global, top)| top.is_multiple_of(ALIGNMENT) && is_used_as_one(shape, *global))
        .map(|(global, top)| StackPointer {
            global,
            top,
            is_named: false,
        })
        .collect();
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(Some(only)),
        (Some(_), others) => Err(Doubt::StackPointers { count: others + 1 }),
        (None, _) => Err(Doubt::NoStackPointer),
    }
}

fn named(shape: &Shape<'_>) -> Option<u32> {
    let symbol = shape
        .relocations
        .as_ref()
        .and_then(|relocations| relocations.stack_pointer);
    let named = || {
        let mut names = shape.global_names.iter();
        names.find_map(|(global, name)| (*name == NAME).then_some(*global))
    };
    let exported = || {
        shape.exports.iter().find_map(|(name, kind, index)| {
            (*kind == ExternalKind::Global && *name == NAME).then_some(*index)
        })
    };
    symbol.or_else(named).or_else(exported)
}

/// Where a stack begins whose pointer is this global.
fn number(shape: &Shape<'_>, global: u32) -> Option<u32> {
    let global = shape.globals.get(global as usize)?;
    global
        .begins
        .filter(|_| global.ty.mutable && global.ty.content_type == ValType::I32)
}

/// Whether functions lower it and leave it as it was, and none does otherwise.
fn is_used_as_one(shape: &Shape<'_>, global: u32) -> bool {
    let summaries = heap::follow(shape, Some(global), None).summaries;
    summaries.values().any(|summary| summary.lowers)
        && summaries
            .values()
            .all(|summary| summary.doubt != Some(FlowDoubt::Unbalanced))
}
