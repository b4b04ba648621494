//! What the demo shows, in order.

#[cfg(test)]
mod tests;

/// Stands for a free port in a command and is filled in when the step is shown.
pub(super) const PORT: &str = "{port}";
/// Stands for a folder that is empty when the demo begins.
pub(super) const DATA: &str = "{data}";

/// Stands for a registry of images that runs during the demo.
pub(super) const REGISTRY: &str = "{registry}";
/// Stands for the folder of a signer's key and certificates.
pub(super) const KEYS: &str = "{keys}";

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
    /// The same on another device, which has no image but those it fetched, and a policy that says whom to trust.
    Gateway { exit: i32 },
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
        says: "The same file on the interpreter of microcontrollers, in place: same output, same exit code.",
        command: &[
            "run",
            "--engine",
            "inplace",
            "-e",
            "COLOUR=blue",
            "hello-c.wasm",
            "one",
            "two",
        ],
        show: Show::Run { exit: 2 },
    },
    Step {
        title: "an image, built",
        says: "Checked, without what only debuggers need, and named: a registry, a repository and a tag.",
        command: &["build", "-t", "{registry}/demo/hello:1", "hello-c.wasm"],
        show: OK,
    },
    Step {
        title: "an image, signed",
        says: "In the Notary Project's format, with a key and a certificate made for this demo.",
        command: &[
            "sign",
            "--key",
            "{keys}/leaf.key",
            "--cert",
            "{keys}/chain.pem",
            "{registry}/demo/hello:1",
        ],
        show: OK,
    },
    Step {
        title: "an image, pushed",
        says: "To an ordinary registry, which runs beside the demo; its signature goes with it.",
        command: &["push", "{registry}/demo/hello:1"],
        show: OK,
    },
    Step {
        title: "an image, run on another device",
        says: "The gateway has a trust policy: it fetches the image, checks its signature and runs it.",
        command: &["run", "-e", "COLOUR=red", "{registry}/demo/hello:1", "one"],
        show: Show::Gateway { exit: 1 },
    },
    Step {
        title: "an image without a signature, built",
        says: "Nothing is wrong with it, but nobody vouches for it.",
        command: &["build", "-t", "{registry}/demo/other:1", "hello-rust.wasm"],
        show: OK,
    },
    Step {
        title: "an image without a signature, pushed",
        says: "A registry takes it like any other.",
        command: &["push", "{registry}/demo/other:1"],
        show: OK,
    },
    Step {
        title: "an image without a signature, refused",
        says: "The gateway trusts only what the demo's authority certified, and says so before it fetches the module.",
        command: &["run", "{registry}/demo/other:1"],
        show: Show::Gateway { exit: 126 },
    },
    Step {
        title: "what is on the gateway",
        says: "Only the image that it trusts.",
        command: &["images"],
        show: Show::Gateway { exit: 0 },
    },
    Step {
        title: "a container that stays",
        says: "The daemon of the desk runs it, and starts it again whenever it ends; later each time, as it ends at once.",
        command: &[
            "run",
            "-d",
            "--name",
            "greeter",
            "--restart",
            "always",
            "hello-c.wasm",
        ],
        show: OK,
    },
    Step {
        title: "what the daemon has",
        says: "Running, or about to be started again.",
        command: &["ps", "-a"],
        show: OK,
    },
    Step {
        title: "what it wrote",
        says: "In memory and in rotated files, in the format of Kubernetes' container runtimes.",
        command: &["logs", "--timestamps", "--tail", "3", "greeter"],
        show: OK,
    },
    Step {
        title: "stopped for good",
        says: "An operator's word counts more than a policy, after a power cut too.",
        command: &["stop", "greeter"],
        show: OK,
    },
    Step {
        title: "what happened to it",
        says: "Every end with its reason; `thimble inspect` shows all that is known.",
        command: &[
            "ps",
            "-a",
            "--format",
            "{{ name }}: {{ state }}, {{ ends | length }} ends, the last {{ ends[0].reason }}",
        ],
        show: OK,
    },
    Step {
        title: "removed",
        says: "Its state and its log are gone; a volume would stay.",
        command: &["rm", "greeter"],
        show: OK,
    },
];
