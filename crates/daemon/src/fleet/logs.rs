//! Log lines that the hub asked for.

use thimble_protocol::limits;
use thimble_protocol::report::{LogAnswer, LogRequest};

use crate::device::Device;
use crate::logs::{Query, Source};

use super::work::deployment_of;

/// Bytes of all lines of an answer at most: the report has room for more than that beside them.
const BYTES_MAX: usize = 128 << 10;

/// Reads the last lines of a container. Only the fleet's own containers are read.
pub(super) fn read(device: &Device, request: &LogRequest) -> LogAnswer {
    let mut answer = LogAnswer {
        request: request.request,
        lines: Vec::new(),
        error: None,
    };
    let found = device.find(&request.container).ok();
    let own = found.filter(|entry| deployment_of(entry).is_some());
    let Some(entry) = own else {
        answer.error = Some(format!(
            "the fleet has no container {} on this device",
            request.container
        ));
        return answer;
    };
    let wanted = request.lines.min(limits::LOG_LINES_MAX);
    let query = Query {
        tail: usize::try_from(wanted).ok(),
        ..Query::default()
    };
    for line in entry.log.read(&query) {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                answer.error = Some(format!("the log cannot be read: {error}"));
                break;
            }
        };
        let stream = match line.source {
            Source::Stdout => "stdout",
            Source::Stderr => "stderr",
        };
        let mut text = format!("{} {stream} {}", line.at, line.text);
        let end = text.floor_char_boundary(limits::LINE_BYTES_MAX as usize);
        text.truncate(end);
        answer.lines.push(text);
    }
    let mut bytes = 0;
    let first = answer.lines.iter().rposition(|line| {
        bytes += line.len();
        bytes > BYTES_MAX
    });
    if let Some(first) = first {
        answer.lines.drain(..=first);
    }
    answer
}
