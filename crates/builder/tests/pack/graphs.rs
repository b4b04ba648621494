//! Random graphs of calls between functions with frames: the bound is exactly what a run takes, and what has none is
//! told.

use std::fmt::Write as _;

use thimble_builder::pack::{Doubt, MemoryOutcome, StackOutcome};
use thimble_testkit::random::{Random, seed};

use super::host::run;
use super::{module, packed};

const ROUNDS: u64 = 300;
/// Where the data of these modules ends, and their stack.
const DATA_END: u32 = 1_040;
const TOP: u32 = DATA_END + 65_536;

/// How a function takes its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// The usual way.
    Set(u32),
    /// Without telling anybody, as functions do that call none.
    RedZone(u32),
}

/// How a function calls another.
#[derive(Clone, Copy, Debug)]
enum How {
    Directly,
    Twice,
    ThroughTable,
    InBranch,
}

#[derive(Debug)]
struct Function {
    frame: Frame,
    calls: Vec<(usize, How)>,
}

struct Graph(Vec<Function>);

impl Graph {
    /// Functions that call only those behind them.
    fn random(random: &mut Random) -> Self {
        let count = 2 + random.index(9);
        let functions = (0..count)
            .map(|index| {
                let behind = count - index - 1;
                let calls: Vec<_> = (0..random.index(3).min(behind))
                    .map(|_| {
                        let how = *random.pick(&[
                            How::Directly,
                            How::Twice,
                            How::ThroughTable,
                            How::InBranch,
                        ]);
                        (index + 1 + random.index(behind), how)
                    })
                    .collect();
                let bytes = 16 * random.below(20) as u32;
                let frame = if calls.is_empty() && bytes <= 128 && random.below(2) == 0 {
                    Frame::RedZone(bytes)
                } else {
                    Frame::Set(bytes)
                };
                Function { frame, calls }
            })
            .collect();
        Self(functions)
    }

    /// What the worst chain from this function takes.
    fn depth(&self, index: usize) -> u32 {
        let function = &self.0[index];
        let below = function.calls.iter().map(|(callee, _)| self.depth(*callee));
        let bytes = match function.frame {
            Frame::Set(bytes) | Frame::RedZone(bytes) => bytes,
        };
        bytes + below.max().unwrap_or(0)
    }

    /// As text, with `last` in the last function's body.
    fn text(&self, last: &str) -> String {
        let mut text = format!(
            "(module (import \"env\" \"memory\" (memory 2))
             (global $sp (mut i32) (i32.const {TOP}))
             (table {} funcref) (elem (i32.const 0) {})
             (data (i32.const 1024) \"0123456789abcdef\")\n",
            self.0.len(),
            (0..self.0.len())
                .map(|index| format!("$f{index} "))
                .collect::<String>(),
        );
        // A type of its own for each, so that a call through the table reaches one.
        for index in 0..self.0.len() {
            let _ = writeln!(
                text,
                "(type $t{index} (func (param{})))",
                " i32".repeat(index)
            );
        }
        for (index, function) in self.0.iter().enumerate() {
            let body = if index + 1 == self.0.len() { last } else { "" };
            let _ = writeln!(text, "(func $f{index} (type $t{index}) (local $p i32)");
            text.push_str(&function_text(function, body));
            text.push_str(")\n");
        }
        text.push_str("(func (export \"_start\") (call $f0)))");
        text
    }
}

fn function_text(function: &Function, body: &str) -> String {
    let bytes = match function.frame {
        Frame::RedZone(bytes) => {
            return format!(
                "{body} (local.set $p (i32.sub (global.get $sp) (i32.const {bytes})))
                 (if (i32.const {bytes}) (then (i32.store8 (local.get $p) (i32.const 1))))"
            );
        }
        Frame::Set(bytes) => bytes,
    };
    let mut text = format!(
        "(global.set $sp (local.tee $p (i32.sub (global.get $sp) (i32.const {bytes}))))
         (if (i32.const {bytes}) (then (i32.store8 (local.get $p) (i32.const 1)))) {body}\n"
    );
    for (callee, how) in &function.calls {
        let zeros = "(i32.const 0)".repeat(*callee);
        let _ = match how {
            How::Directly => writeln!(text, "(call $f{callee} {zeros})"),
            How::Twice => writeln!(
                text,
                "(block $out (loop $again (call $f{callee} {zeros})
                   (br_if $out (global.get $sp)) (br $again))) (call $f{callee} {zeros})"
            ),
            How::ThroughTable => writeln!(
                text,
                "(call_indirect (type $t{callee}) {zeros} (i32.const {callee}))"
            ),
            How::InBranch => writeln!(
                text,
                "(if (local.get $p) (then (call $f{callee} {zeros})) (else (unreachable)))"
            ),
        };
    }
    let _ = write!(
        text,
        "(global.set $sp (i32.add (local.get $p) (i32.const {bytes})))"
    );
    text
}

#[test]
fn a_bound_is_what_the_worst_run_takes() {
    let mut random = Random::new(seed(20_261_129));
    let (mut deepest, mut shared) = (0, 0);
    for round in 0..ROUNDS {
        let graph = Graph::random(&mut random);
        let bytes = module(&graph.text(""));
        let depth = graph.depth(0);
        let packed = packed(&bytes);
        let report = &packed.report;
        match &report.stack {
            StackOutcome::Bounded { bytes, .. } => assert_eq!(*bytes, depth, "round {round}"),
            // Nothing in it takes a frame, and so nothing tells its stack pointer.
            StackOutcome::Kept(Doubt::NoStackPointer) => {
                let lowers = |function: &Function| matches!(function.frame, Frame::Set(1..));
                assert!(!graph.0.iter().any(lowers), "round {round}");
                continue;
            }
            other => panic!("round {round}: {other:?}"),
        }
        assert_eq!(report.memory, MemoryOutcome::Exact);
        assert_eq!(
            report.memory_bytes,
            u64::from(DATA_END + depth),
            "round {round}"
        );

        // The lowest byte that a run writes lies exactly where the bound says.
        let stack = DATA_END as usize..TOP as usize;
        let first = run(&bytes, &[(stack.clone(), 0xa5)]);
        let written = first.memory[stack].iter().position(|byte| *byte == 1);
        let reached = written.map_or(0, |at| TOP - DATA_END - at as u32);
        let last = run(&packed.tidied.bytes, &[]);
        assert_eq!(first.end, "returned", "round {round}");
        assert_eq!(last.end, "returned", "round {round}");
        assert_eq!(
            &last.memory[1024..1040],
            b"0123456789abcdef",
            "round {round}"
        );
        // Functions that nobody calls count in neither; a branch that is never taken counts in the bound alone.
        assert_eq!(reached, depth, "round {round}");
        deepest = deepest.max(depth);
        shared += usize::from(graph.0.len() > 4);
    }
    println!("{ROUNDS} graphs, {shared} of them large, the deepest takes {deepest} bytes");
    assert!(deepest > 500 && shared > 50);
}

/// Calls back from the last function to the first, in a circle.
#[test]
fn a_circle_with_a_frame_has_no_bound() {
    let mut random = Random::new(seed(7));
    let (mut bounded, mut circles, mut trapped) = (0, 0, 0);
    for round in 0..ROUNDS {
        let mut graph = Graph::random(&mut random);
        let last = graph.0.len() - 1;
        // A chain through all of them, and back.
        for index in 0..last {
            graph.0[index].calls.push((index + 1, How::Directly));
            if let Frame::RedZone(bytes) = graph.0[index].frame {
                graph.0[index].frame = Frame::Set(bytes);
            }
        }
        graph.0[last].frame = Frame::Set(0);
        let frames = graph
            .0
            .iter()
            .any(|function| function.frame != Frame::Set(0));
        let packed = packed(&module(&graph.text("(call $f0)")));
        match packed.report.stack {
            StackOutcome::Guarded {
                doubt: Doubt::Recursion { functions },
                data_end,
            } => {
                assert!(frames, "round {round}");
                assert!(!functions.is_empty(), "round {round}");
                assert_eq!(data_end, DATA_END);
                circles += 1;
                // It runs into the guard, and data is as it was.
                let run = run(&packed.tidied.bytes, &[]);
                // A few bytes at a time, the interpreter's own stack may end first.
                let is_guarded = run.end.contains("unreachable");
                assert!(
                    is_guarded || run.end.contains("call stack"),
                    "round {round}: {}",
                    run.end
                );
                trapped += usize::from(is_guarded);
                assert_eq!(
                    &run.memory[1024..1040],
                    b"0123456789abcdef",
                    "round {round}"
                );
            }
            StackOutcome::Kept(Doubt::NoStackPointer) => {
                assert!(!frames, "round {round}");
                bounded += 1;
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
    println!("{circles} circles, {trapped} ran into the guard, {bounded} without a frame");
    assert!(circles > 0 && trapped > circles * 9 / 10);
}

/// A function that calls itself without a frame of its own needs no more for that.
#[test]
fn a_circle_without_a_frame_has_a_bound() {
    let text = format!(
        "(module (import \"env\" \"memory\" (memory 2)) (global $sp (mut i32) (i32.const {TOP}))
          (data (i32.const 1024) \"0123456789abcdef\")
          (func $count (param i32)
            (if (local.get 0) (then (call $leaf) (call $count (i32.sub (local.get 0) (i32.const 1))))))
          (func $leaf (local $p i32)
            (global.set $sp (local.tee $p (i32.sub (global.get $sp) (i32.const 48))))
            (i32.store (local.get $p) (i32.const 1))
            (global.set $sp (i32.add (local.get $p) (i32.const 48))))
          (func (export \"_start\") (call $count (i32.const 100))))"
    );
    let packed = packed(&module(&text));
    assert!(
        matches!(
            &packed.report.stack,
            StackOutcome::Bounded { bytes: 48, .. }
        ),
        "{:?}",
        packed.report
    );
    assert_eq!(run(&packed.tidied.bytes, &[]).end, "returned");
}
