//! Whether a module uses memory behind its stack, and what each of its functions does: the whole module is
//! followed until nothing new is found.

use std::collections::BTreeMap;

use super::flow::{self, Question, Summary, Target};
use super::report::Doubt;
use super::shape::Shape;
use super::value::{Value, Watched};

/// Bytes of an address in data.
const WORD_BYTES: u32 = 4;

/// Values copied for a whole module at most: seconds.
const WORK_MAX: u64 = 200_000_000;

/// What the functions of a module do.
pub(super) struct Followed {
    /// Each function that is not imported.
    pub(super) summaries: BTreeMap<u32, Summary>,
    /// Why memory behind the stack may be in use.
    pub(super) heap_use: Option<Doubt>,
}

/// Follows every function. `watched` are the numbers that may be addresses in the heap.
pub(super) fn follow(shape: &Shape<'_>, pointer: Option<u32>, watched: Watched) -> Followed {
    let mut question = Question {
        shape,
        pointer,
        watched,
        heap_parameters: BTreeMap::new(),
        heap_results: BTreeMap::new(),
        returned: BTreeMap::new(),
    };
    let first = u32::try_from(shape.imports.len()).unwrap_or(u32::MAX);
    let defined = first..first.saturating_add(u32::try_from(shape.bodies.len()).unwrap_or(0));
    let mut work_left = WORK_MAX;
    loop {
        let summaries: BTreeMap<u32, Summary> = defined
            .clone()
            .map(|function| (function, flow::follow(&question, function, &mut work_left)))
            .collect();
        if let Some(heap_use) = first_use(&question, &summaries) {
            return Followed {
                summaries,
                heap_use: Some(heap_use),
            };
        }
        if !learn(&mut question, &summaries) {
            return Followed {
                summaries,
                heap_use: None,
            };
        }
    }
}

/// Takes over which parameters and results may be addresses, and which are given back; whether that is new.
fn learn(question: &mut Question<'_>, summaries: &BTreeMap<u32, Summary>) -> bool {
    let known = |question: &Question<'_>| {
        question.heap_parameters.len() + question.heap_results.len() + question.returned.len()
    };
    let before = known(question);
    for (function, summary) in summaries {
        if let Some(position) = summary.returned {
            question.returned.entry(*function).or_insert(position);
        }
        if let Some(number) = summary.heap_result {
            question.heap_results.entry(*function).or_insert(number);
        }
        for ((target, position), number) in &summary.heap_arguments {
            let functions: Vec<u32> = match target {
                Target::Function(function) => vec![*function],
                Target::Type(ty) => question.shape.taken_of_type(*ty).collect(),
            };
            for function in functions {
                question
                    .heap_parameters
                    .entry((function, *position))
                    .or_insert(*number);
            }
        }
    }
    known(question) > before
}

fn first_use(question: &Question<'_>, summaries: &BTreeMap<u32, Summary>) -> Option<Doubt> {
    let shape = question.shape;
    let in_code = summaries.iter().find_map(|(function, summary)| {
        summary.heap_use.map(|number| Doubt::HeapInCode {
            function: shape.name(*function),
            number,
        })
    });
    in_code
        .or_else(|| in_globals(shape, &question.watched, question.pointer))
        .or_else(|| in_data(shape, &question.watched))
        .or_else(|| to_imports(question))
}

/// A host that is called through a table takes what it gets.
fn to_imports(question: &Question<'_>) -> Option<Doubt> {
    let shape = question.shape;
    question
        .heap_parameters
        .iter()
        .find_map(|((function, _), number)| {
            shape
                .imports
                .get(*function as usize)
                .map(|_| Doubt::HeapInCode {
                    function: shape.name(*function),
                    number: *number,
                })
        })
}

fn in_globals(shape: &Shape<'_>, watched: &Watched, pointer: Option<u32>) -> Option<Doubt> {
    (0..).zip(&shape.globals).find_map(|(index, global)| {
        let number = Value::Number(global.begins?).heap_origin(watched)?;
        (global.ty.mutable && pointer != Some(index)).then_some(Doubt::HeapInGlobal { number })
    })
}

fn in_data(shape: &Shape<'_>, watched: &Watched) -> Option<Doubt> {
    shape.segments.iter().find_map(|segment| {
        let begins = segment.address.unwrap_or(0);
        // Addresses in data lie at multiples of their size.
        let first = begins.checked_next_multiple_of(WORD_BYTES)?;
        let skip = (first - begins) as usize;
        let words = segment.bytes.get(skip..).unwrap_or_default();
        words
            .chunks_exact(WORD_BYTES as usize)
            .zip((first..).step_by(WORD_BYTES as usize))
            .find_map(|(word, address)| {
                let number = u32::from_le_bytes(word.try_into().ok()?);
                Value::Number(number).heap_origin(watched)?;
                Some(Doubt::HeapInData { address, number })
            })
    })
}
