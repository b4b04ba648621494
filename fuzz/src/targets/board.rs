//! Board files from texts nobody would write.

use std::time::Duration;

use thimble_port_linux::board::Simulated;
use thimble_runtime::port::{Board as _, Direction, Level};
use thimble_runtime::{ContainerId, Instant};

use crate::finding::{Violation, ensure, says_something};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "board",
    summary: "board files: never panic, and a board that is accepted answers every question",
    bytes_max: 1024,
    patience: Duration::from_secs(5),
    tokens: &[
        b"[[gpio]]\n",
        b"[[sensor]]\n",
        b"name = \"a\"\n",
        b"port = 0\n",
        b"pin = 1\n",
        b"pin = 4294967296\n",
        b"direction = \"input\"\n",
        b"direction = \"output\"\n",
        b"pulses_ms = [1, 2]\n",
        b"repeat_ms = 3\n",
        b"pulses_ms = [18446744073709551615]\n",
        b"repeat_ms = 9223372036854775807\n",
        b"id = 0\n",
        b"channels = [{ type = 13, values = [1.0, nan, inf] }]\n",
        b"-1",
        b"\"",
        b"\n",
    ],
    make: || Box::new(Boards),
};

/// Edges that are looked at.
const EDGES_MAX: usize = 100;

struct Boards;

impl Target for Boards {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let board = match Simulated::parse(&String::from_utf8_lossy(input)) {
            Ok(board) => board,
            Err(error) => {
                shapes.note((0, error.to_string().len() / 8));
                return says_something(&error);
            }
        };
        let id = ContainerId::new(1);
        let ends = [
            Instant::from_nanos(0),
            Instant::from_nanos(10_000_000_000),
            Instant::from_nanos(u64::MAX),
        ];
        for pin in board.pins() {
            for direction in [Direction::Input, Direction::Output] {
                let taken = board.configure(id, pin.port, pin.pin, direction, ends[0]);
                shapes.note((1, direction == Direction::Input, taken.is_ok()));
            }
            let found = board.pin_at(pin.port, pin.pin);
            ensure(
                found.as_ref() == Some(&pin),
                "a pin is where it says",
                || format!("{pin:?} {found:?}"),
            )?;
            shapes.note((2, board.watch(id, pin.port, pin.pin, true, ends[0]).is_ok()));
        }
        for now in ends {
            let mut last = ends[0];
            for _ in 0..EDGES_MAX {
                let Ok(edge) = board.next_edge(id, now, std::task::Waker::noop()) else {
                    break;
                };
                shapes.note((3, edge.level == Level::High));
                ensure(
                    last <= edge.at && edge.at <= now,
                    "edges come in order",
                    || format!("{edge:?} after {last:?}"),
                )?;
                last = edge.at;
            }
        }
        for sensor in board.sensors() {
            for channel in (0..).take(sensor.channels.len() + 1) {
                shapes.note((4, board.read_sensor(sensor.id, channel).map(f64::is_nan)));
            }
        }
        board.release(id);
        Ok(())
    }
}
