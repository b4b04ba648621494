//! What the demo shows, in order.

/// Stands for a free port in a command and is filled in when the step is shown.
pub(super) const PORT: &str = "{port}";

/// One thing to see.
pub(super) struct Step {
    pub(super) title: &'static str,
    /// What to look at.
    pub(super) says: &'static str,
    /// The words after `thimble`; one that ends in `.wasm` is a guest of examples/guests.toml.
    pub(super) command: &'static [&'static str],
    pub(super) show: Show,
}

/// How a step is shown.
#[derive(Clone, Copy)]
pub(super) enum Show {
    /// Runs to its end, which has this exit code.
    Run { exit: i32 },
    /// Serves until it has answered one request.
    Serve(Request),
}

/// What a server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request {
    /// A line that comes back.
    Echo(&'static str),
    /// A page.
    Get(&'static str),
}

pub(super) const STEPS: &[Step] = &[
    Step {
        title: "hello from C",
        says: "A C program, compiled once, runs on every device.",
        command: &["run", "hello-c.wasm"],
        show: Show::Run { exit: 0 },
    },
    Step {
        title: "a TCP echo server",
        says: "It may listen on the one port it was given, and on no other.",
        command: &["run", "--listen", "tcp/{port}", "tcp-echo.wasm", "{port}"],
        show: Show::Serve(Request::Echo("what goes in comes out")),
    },
];

#[cfg(test)]
mod tests {
    use super::{PORT, STEPS, Show};
    use std::collections::BTreeSet;

    #[test]
    fn every_step_can_be_told_apart_and_served() {
        let titles: BTreeSet<&str> = STEPS.iter().map(|step| step.title).collect();
        assert_eq!(titles.len(), STEPS.len());
        for step in STEPS {
            let takes_port = step.command.iter().any(|word| word.contains(PORT));
            assert_eq!(
                takes_port,
                matches!(step.show, Show::Serve(_)),
                "{}",
                step.title
            );
        }
    }
}
