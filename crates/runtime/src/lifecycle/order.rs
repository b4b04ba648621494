//! In which order containers start that depend on each other.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// What must be true of a container before another one that depends on it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It was started.
    #[default]
    Started,
    /// It has reported that it is healthy.
    Healthy,
    /// It has ended with success.
    Completed,
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Started => "started",
            Self::Healthy => "healthy",
            Self::Completed => "completed",
        })
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "started" => Ok(Self::Started),
            "healthy" => Ok(Self::Healthy),
            "completed" => Ok(Self::Completed),
            _ => Err(ConditionError),
        }
    }
}

/// A text is no condition; it is the fault of whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionError;

impl fmt::Display for ConditionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "this is no condition for a dependency; write `started`, `healthy` or `completed`",
        )
    }
}

impl core::error::Error for ConditionError {}

/// A container, and those that must come before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Its name, another one than every other node's.
    pub name: &'a str,
    /// The names of the nodes that it depends on.
    pub dependencies: Vec<&'a str>,
}

/// Why there is no order; it is the fault of whoever wrote the dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderError {
    /// Nodes wait for each other.
    Cycle {
        /// Their names, each depending on the next; the last is the first again.
        names: Vec<String>,
    },
    /// A node depends on one that is not there.
    Unknown {
        /// The node.
        name: String,
        /// What it depends on.
        dependency: String,
    },
    /// Two nodes have one name.
    Duplicate {
        /// The name.
        name: String,
    },
}

impl fmt::Display for OrderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle { names } => {
                formatter
                    .write_str("these depend on each other, so that none can start first: ")?;
                write_cycle(formatter, names)
            }
            Self::Unknown { name, dependency } => write!(
                formatter,
                "`{name}` depends on `{dependency}`, which is not there"
            ),
            Self::Duplicate { name } => {
                write!(
                    formatter,
                    "two are called `{name}`; give one of them another name"
                )
            }
        }
    }
}

impl core::error::Error for OrderError {}

/// Writes the names, the middle of many left out.
fn write_cycle(formatter: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    /// More would fill a screen.
    const NAMES_SHOWN_MAX: usize = 12;
    let left_out = names.len().saturating_sub(NAMES_SHOWN_MAX);
    for (index, name) in names.iter().enumerate() {
        if left_out > 0 && index == NAMES_SHOWN_MAX / 2 {
            write!(formatter, " -> … {left_out} more …")?;
        }
        if index >= NAMES_SHOWN_MAX / 2 && index < NAMES_SHOWN_MAX / 2 + left_out {
            continue;
        }
        if index > 0 {
            formatter.write_str(" -> ")?;
        }
        formatter.write_str(name)?;
    }
    Ok(())
}

/// A node on the way from one where the search began.
struct Step {
    node: usize,
    /// How many of its dependencies were looked at.
    looked: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    OnTheWay,
    Placed,
}

/// The places of the nodes in an order in which each comes after all that it depends on; otherwise they stay in the
/// order in which they were given. To stop them, go backwards.
///
/// # Errors
/// [`OrderError`], of the first fault in the order of the nodes.
pub fn start_order(nodes: &[Node<'_>]) -> Result<Vec<usize>, OrderError> {
    let mut places = BTreeMap::new();
    for (place, node) in nodes.iter().enumerate() {
        if places.insert(node.name, place).is_some() {
            return Err(OrderError::Duplicate {
                name: node.name.to_string(),
            });
        }
    }
    let mut marks = alloc::vec![Mark::New; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    let mut way = Vec::new();
    for first in 0..nodes.len() {
        if marks.get(first) == Some(&Mark::New) {
            set(&mut marks, first, Mark::OnTheWay);
            way.push(Step {
                node: first,
                looked: 0,
            });
        }
        // Depth first, without recursion: the way may be as long as there are nodes.
        while let Some(step) = way.last_mut() {
            let (place, looked) = (step.node, step.looked);
            step.looked = looked.saturating_add(1);
            let Some(node) = nodes.get(place) else {
                way.pop();
                continue;
            };
            let Some(dependency) = node.dependencies.get(looked) else {
                set(&mut marks, place, Mark::Placed);
                order.push(place);
                way.pop();
                continue;
            };
            let Some(next) = places.get(dependency).copied() else {
                return Err(OrderError::Unknown {
                    name: node.name.to_string(),
                    dependency: (*dependency).to_string(),
                });
            };
            match marks.get(next) {
                Some(Mark::OnTheWay) => return Err(cycle(nodes, &way, next)),
                Some(Mark::New) => {
                    set(&mut marks, next, Mark::OnTheWay);
                    way.push(Step {
                        node: next,
                        looked: 0,
                    });
                }
                _ => {}
            }
        }
    }
    Ok(order)
}

fn set(marks: &mut [Mark], place: usize, mark: Mark) {
    if let Some(own) = marks.get_mut(place) {
        *own = mark;
    }
}

/// The end of the way, from the node that comes round again.
fn cycle(nodes: &[Node<'_>], way: &[Step], again: usize) -> OrderError {
    let names = way
        .iter()
        .map(|step| step.node)
        .skip_while(|node| *node != again)
        .chain([again])
        .filter_map(|node| nodes.get(node))
        .map(|node| node.name.to_string())
        .collect();
    OrderError::Cycle { names }
}
