//! `thimble attach`.

mod keys;
mod terminal;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thimble_device_api::client::Canceller;
use thimble_device_api::{ClientError, ProblemKind};

use crate::arguments::AttachArguments;
use crate::failure::Failure;

use super::{client, follow};

use keys::Keys;
use terminal::Terminal;

/// Shows what a container writes, and passes it what is typed, until its run ends or the keys for leaving are pressed.
pub(super) fn attach(arguments: &AttachArguments) -> Result<ExitCode, Failure> {
    let name = &arguments.container;
    let failed = |error| Failure::daemon(name, error);
    let client = client()?;
    let container = client.container(name).map_err(failed)?;
    // By its id, so that it is the same one to the end.
    let id = container.id;
    let lines = client.attach(&id).map_err(failed)?;
    let left = Arc::new(AtomicBool::new(false));
    let mut terminal = None;
    if container.spec.interactive && !arguments.no_stdin {
        if io::stdin().is_terminal() {
            terminal = Terminal::prepare();
        }
        let leave = Leave {
            left: left.clone(),
            canceller: lines.canceller(),
        };
        pass_input(id.clone(), leave, terminal.is_some())?;
    }
    for line in lines {
        follow::show(&line.map_err(failed)?, false)?;
    }
    drop(terminal);
    if left.load(Ordering::Acquire) {
        eprintln!("thimble: left {}, which goes on", container.name);
        return Ok(ExitCode::SUCCESS);
    }
    let code = match client.container(&id) {
        Ok(container) => container.ends.first().map_or(0, |end| end.exit_code),
        // It was removed after its end, as was wished.
        Err(error) if is_gone(&error) => 0,
        Err(error) => return Err(failed(error)),
    };
    Ok(ExitCode::from(code.to_le_bytes()[0]))
}

fn is_gone(error: &ClientError) -> bool {
    error
        .problem()
        .is_some_and(|problem| problem.kind == ProblemKind::NoSuchContainer)
}

/// What happens when the keys for leaving are pressed.
struct Leave {
    left: Arc<AtomicBool>,
    canceller: Canceller,
}

impl Leave {
    fn leave(&self) {
        self.left.store(true, Ordering::Release);
        self.canceller.cancel();
    }
}

/// Passes standard input on, in a thread of its own: it ends with this process.
fn pass_input(id: String, leave: Leave, has_keys: bool) -> Result<(), Failure> {
    let client = client()?;
    std::thread::Builder::new()
        .name("stdin".into())
        .spawn(move || {
            let sent = if has_keys {
                let keys = Keys::new(io::stdin(), move || leave.leave());
                client.send_stdin(&id, keys, true)
            } else {
                client.send_stdin(&id, io::stdin(), true)
            };
            // A container that has ended takes no input any more; its output ends too.
            if let Err(error @ ClientError::Io { .. }) = sent {
                eprintln!("thimble: {error}");
            }
        })
        .map(drop)
        .map_err(|error| Failure::device("passing standard input", error))
}
