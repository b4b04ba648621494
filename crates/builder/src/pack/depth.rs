//! How deep the stack can get: the worst chain of calls, from what each function does.

use std::collections::{BTreeMap, BTreeSet};

use thimble_abi::Call;
use thimble_abi::calls::EnvCall;
use wasmparser::ExternalKind;

use super::flow::{FlowDoubt, Summary, Target};
use super::report::Doubt;
use super::shape::Shape;

/// The function that a command begins with.
const ENTRY: &str = "_start";

/// A proven bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    /// Bytes below the stack's top that may be used.
    pub(super) bytes: u64,
    /// The functions of the worst chain, the first that is called first.
    pub(super) chain: Vec<u32>,
}

/// Finds the bound, or says why there is none.
pub(super) fn bound(shape: &Shape<'_>, summaries: &BTreeMap<u32, Summary>) -> Result<Bound, Doubt> {
    let roots = roots(shape);
    let reached = reached(shape, summaries, &roots);
    for function in &reached {
        let doubt = summaries.get(function).and_then(|summary| summary.doubt);
        if let Some(doubt) = doubt {
            return Err(doubt_of(shape, *function, doubt));
        }
    }
    let depths = Depths::of(shape, summaries, &reached)?;
    let worst = deepest(&depths, &roots).unwrap_or(Bound {
        bytes: 0,
        chain: Vec::new(),
    });
    // A host may call the functions that a guest has named to it while the guest waits in a call.
    if !shape
        .imports
        .iter()
        .flatten()
        .any(|import| import.call == Call::Env(EnvCall::RegisterDispatcher))
    {
        return Ok(worst);
    }
    let handlers: Vec<u32> = shape
        .exports
        .iter()
        .filter(|(name, kind, _)| *kind == ExternalKind::Func && *name != ENTRY)
        .map(|(_, _, index)| *index)
        .collect();
    let handler = deepest(&depths, &handlers);
    Ok(match handler {
        Some(handler) => Bound {
            bytes: worst.bytes.saturating_add(handler.bytes),
            chain: worst.chain.into_iter().chain(handler.chain).collect(),
        },
        None => worst,
    })
}

fn doubt_of(shape: &Shape<'_>, function: u32, doubt: FlowDoubt) -> Doubt {
    let function = shape.name(function);
    match doubt {
        FlowDoubt::Computed => Doubt::StackComputed { function },
        FlowDoubt::Unbalanced => Doubt::StackUnbalanced { function },
        FlowDoubt::TooInvolved => Doubt::TooInvolved { function },
    }
}

/// Functions that are called from outside.
fn roots(shape: &Shape<'_>) -> Vec<u32> {
    let exported = shape
        .exports
        .iter()
        .filter(|(_, kind, _)| matches!(kind, ExternalKind::Func | ExternalKind::FuncExact))
        .map(|(_, _, index)| *index);
    exported.chain(shape.start).collect()
}

/// The functions that a call may reach.
fn targets<'a>(shape: &'a Shape<'_>, target: Target) -> Box<dyn Iterator<Item = u32> + 'a> {
    match target {
        Target::Function(function) => Box::new(std::iter::once(function)),
        Target::Type(ty) => Box::new(shape.taken_of_type(ty)),
    }
}

fn reached(shape: &Shape<'_>, summaries: &BTreeMap<u32, Summary>, roots: &[u32]) -> BTreeSet<u32> {
    let mut reached: BTreeSet<u32> = roots.iter().copied().collect();
    let mut seen_targets = BTreeSet::new();
    let mut open: Vec<u32> = reached.iter().copied().collect();
    while let Some(function) = open.pop() {
        let Some(summary) = summaries.get(&function) else {
            continue;
        };
        for target in summary.calls.keys() {
            if seen_targets.insert(*target) {
                open.extend(targets(shape, *target).filter(|function| reached.insert(*function)));
            }
        }
    }
    reached
}

/// How deep each function and each type of function gets.
struct Depths {
    functions: BTreeMap<u32, Depth>,
    types: BTreeMap<u32, Depth>,
}

/// How deep, and through which call.
#[derive(Clone, Copy, Default)]
struct Depth {
    bytes: u64,
    through: Option<Target>,
}

impl Depths {
    /// Raises every depth until none changes. Where there is no bound, that never ends; but then the calls that
    /// raised something last come to form a circle.
    fn of(
        shape: &Shape<'_>,
        summaries: &BTreeMap<u32, Summary>,
        reached: &BTreeSet<u32>,
    ) -> Result<Self, Doubt> {
        let mut depths = Self::begin(summaries, reached);
        let rounds_max = depths.functions.len() + depths.types.len() + 1;
        let mut circle = Vec::new();
        for _ in 0..rounds_max {
            let Some(raised) = depths.round(shape, summaries) else {
                return Ok(depths);
            };
            circle = depths.circle(raised);
            if !circle.is_empty() {
                break;
            }
        }
        Err(Doubt::Recursion {
            functions: circle.into_iter().map(|it| shape.name(it)).collect(),
        })
    }

    fn begin(summaries: &BTreeMap<u32, Summary>, reached: &BTreeSet<u32>) -> Self {
        let mut depths = Self {
            functions: BTreeMap::new(),
            types: BTreeMap::new(),
        };
        for function in reached {
            let Some(summary) = summaries.get(function) else {
                continue;
            };
            depths.functions.insert(
                *function,
                Depth {
                    bytes: u64::from(summary.frame_bytes),
                    through: None,
                },
            );
            for target in summary.calls.keys() {
                if let Target::Type(ty) = target {
                    depths.types.entry(*ty).or_default();
                }
            }
        }
        depths
    }

    /// A function whose depth was raised, if there is one.
    fn round(&mut self, shape: &Shape<'_>, summaries: &BTreeMap<u32, Summary>) -> Option<u32> {
        let mut raised = None;
        for (ty, depth) in &mut self.types {
            for function in shape.taken_of_type(*ty) {
                let below = self.functions.get(&function).map_or(0, |depth| depth.bytes);
                if below > depth.bytes {
                    *depth = Depth {
                        bytes: below,
                        through: Some(Target::Function(function)),
                    };
                }
            }
        }
        let functions: Vec<u32> = self.functions.keys().copied().collect();
        for function in functions {
            let Some(summary) = summaries.get(&function) else {
                continue;
            };
            let mut depth = self.functions.get(&function).copied().unwrap_or_default();
            for (target, lowered) in &summary.calls {
                let bytes = self.below(*target).saturating_add(u64::from(*lowered));
                if bytes > depth.bytes {
                    depth = Depth {
                        bytes,
                        through: Some(*target),
                    };
                    raised = Some(function);
                }
            }
            self.functions.insert(function, depth);
        }
        raised
    }

    fn below(&self, target: Target) -> u64 {
        let depth = match target {
            Target::Function(function) => self.functions.get(&function),
            Target::Type(ty) => self.types.get(&ty),
        };
        depth.map_or(0, |depth| depth.bytes)
    }

    /// The function that is called next in a function's worst chain.
    fn next(&self, function: u32) -> Option<u32> {
        match self.functions.get(&function)?.through? {
            Target::Function(next) => Some(next),
            Target::Type(ty) => match self.types.get(&ty)?.through? {
                Target::Function(next) => Some(next),
                Target::Type(_) => None,
            },
        }
    }

    /// A function's worst chain.
    fn chain(&self, function: u32) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = Some(function);
        while let Some(function) = next.filter(|function| seen.insert(*function)) {
            if self.functions.contains_key(&function) {
                chain.push(function);
            }
            next = self.next(function);
        }
        chain
    }

    /// The circle that this function's worst chain runs into, if it does.
    fn circle(&self, function: u32) -> Vec<u32> {
        let chain = self.chain(function);
        let back = chain.last().and_then(|last| self.next(*last));
        let first = chain.iter().position(|function| Some(*function) == back);
        first.map_or_else(Vec::new, |first| chain.into_iter().skip(first).collect())
    }
}

fn deepest(depths: &Depths, functions: &[u32]) -> Option<Bound> {
    let function = functions
        .iter()
        .copied()
        .max_by_key(|function| depths.below(Target::Function(*function)))?;
    Some(Bound {
        bytes: depths.below(Target::Function(function)),
        chain: depths.chain(function),
    })
}
