//! What the demo shows, in order.

#[cfg(test)]
mod tests;

/// Stands for a free port in a command and is filled in when the step is shown.
pub(super) const PORT: &str = "{port}";
/// Stands for a folder that is empty when the demo begins.
pub(super) const DATA: &str = "{data}";

/// One thing to see.
pub(super) struct Step {
    pub(super) title: &'static str,
    /// What to look at.
    pub(super) says: &'static str,
    /// The words after `thimble`; one that ends in `.wasm` is a guest of examples/guests.toml.
    pub(super) command: &'static [&'static str],
    pub(super) show: Show,
}

impl Step {
    /// The guests it runs.
    pub(super) fn guests(&self) -> impl Iterator<Item = &'static str> {
        self.command
            .iter()
            .filter_map(|word| word.strip_suffix(".wasm"))
    }
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

const OK: Show = Show::Run { exit: 0 };

pub(super) const STEPS: &[Step] = &[
    Step {
        title: "a C program in a container",
        says: "It gets arguments and an environment; its exit code, the number of its arguments, comes back.",
        command: &["run", "-e", "COLOUR=blue", "hello-c.wasm", "one", "two"],
        show: Show::Run { exit: 2 },
    },
    Step {
        title: "the same in Rust, in 600 bytes",
        says: "A guest without any library, for the smallest devices.",
        command: &["run", "hello-rust.wasm"],
        show: OK,
    },
    Step {
        title: "an ordinary Go program",
        says: "Built with the Go compiler as it is.",
        command: &["run", "-e", "COLOUR=green", "hello-go.wasm", "one"],
        show: OK,
    },
    Step {
        title: "what is in a container",
        says: "What it asks for, before anyone runs it.",
        command: &["inspect", "blinky-c.wasm"],
        show: OK,
    },
    Step {
        title: "nothing is allowed by default",
        says: "Without a directory of its own, a program that writes files is refused, and told which flag helps.",
        command: &["run", "filesystem-c.wasm"],
        show: Show::Run { exit: 1 },
    },
    Step {
        title: "files, in the one directory it was given",
        says: "It writes, reads, lists and removes, and counts its runs in a file.",
        command: &["run", "-v", "{data}:/data", "filesystem-c.wasm"],
        show: OK,
    },
    Step {
        title: "data survives",
        says: "The second run of the same container finds the file of the first.",
        command: &["run", "-v", "{data}:/data", "filesystem-c.wasm"],
        show: OK,
    },
    Step {
        title: "an LED on a simulated board",
        says: "An Ocre program, unchanged: one timer and one pin, both granted by name.",
        command: &[
            "run",
            "--board",
            "examples/boards/desk.toml",
            "--allow",
            "timer",
            "--allow",
            "gpio:led0",
            "blinky-c.wasm",
            "4",
            "250",
        ],
        show: OK,
    },
    Step {
        title: "a sensor, a pin and a stored value",
        says: "Thimble's own interface: it sleeps until something happens instead of polling.",
        command: &[
            "run",
            "--board",
            "examples/boards/desk.toml",
            "--allow",
            "timer",
            "--allow",
            "sensor:temp",
            "--allow",
            "gpio:led0",
            "--allow",
            "kv",
            "-e",
            "ROUNDS=3",
            "sensor-loop-rust.wasm",
        ],
        show: OK,
    },
    Step {
        title: "two containers that talk",
        says: "One publishes, one subscribes; each was granted its side of the one topic.",
        command: &[
            "run",
            "--allow",
            "timer",
            "--allow",
            "bus.pub:demo/#",
            "--allow",
            "bus.sub:demo/#",
            "--with",
            "subscriber-c.wasm",
            "publisher-c.wasm",
            "5",
            "200",
        ],
        show: OK,
    },
    Step {
        title: "a TCP server",
        says: "It may serve the one port it was given, and no other.",
        command: &["run", "--listen", "tcp/{port}", "tcp-echo-c.wasm"],
        show: Show::Serve(Request::Echo("what goes in comes out")),
    },
    Step {
        title: "a web server in C",
        says: "HTTP/1.1 for 64 clients at once, in one container.",
        command: &["run", "--listen", "tcp/{port}", "webserver-c.wasm"],
        show: Show::Serve(Request::Get("/")),
    },
    Step {
        title: "a web server with Go's net/http",
        says: "The standard library of Go, on a listener that the runtime opened.",
        command: &["run", "--listen", "tcp/{port}", "http-server-go.wasm"],
        show: Show::Serve(Request::Get("/")),
    },
    Step {
        title: "a crash stays inside",
        says: "It divides by zero three calls deep: the functions are named, and it is never exit code 0.",
        command: &["run", "trap.wasm"],
        show: Show::Run { exit: 134 },
    },
    Step {
        title: "a busy loop is stopped",
        says: "It never calls anyone, and still ends when its time is over.",
        command: &["run", "--timeout", "500ms", "spin.wasm"],
        show: Show::Run { exit: 124 },
    },
    Step {
        title: "memory has a limit",
        says: "It takes memory until it is refused, counts the pages of 64 KiB, and goes on living.",
        command: &["run", "--memory", "4m", "--stats", "grow.wasm"],
        show: OK,
    },
    Step {
        title: "the engine for small devices",
        says: "The same file on the portable engine: same output, same exit code.",
        command: &[
            "run",
            "--engine",
            "wasmi",
            "-e",
            "COLOUR=blue",
            "hello-c.wasm",
            "one",
            "two",
        ],
        show: Show::Run { exit: 2 },
    },
];
