//! What the demo shows of a fleet, in order.

#[cfg(test)]
mod tests;

/// Stands for the address where operators reach the hub.
pub(super) const OPERATORS: &str = "{operators}";
/// Stands for the folder of the fleet.
pub(super) const FOLDER: &str = "{fleet}";

/// The devices.
pub(super) const PUMPS: [&str; 3] = ["pump-1", "pump-2", "pump-3"];

/// One thing to see.
pub(super) struct Step {
    pub(super) title: &'static str,
    /// What to look at.
    pub(super) says: &'static str,
    /// On which machine it is typed.
    pub(super) at: At,
    /// Variables that are typed before the command.
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// The words after the program; one that ends in `.wasm` is a guest of examples/guests.toml.
    pub(super) command: &'static [&'static str],
    pub(super) show: Show,
    /// What it has to say.
    pub(super) expects: &'static [&'static str],
    /// Whether its first word is the code with which devices enrol.
    pub(super) gives_code: bool,
}

impl Step {
    /// The guests it needs.
    pub(super) fn guests(&self) -> impl Iterator<Item = &'static str> {
        self.command
            .iter()
            .filter_map(|word| word.strip_suffix(".wasm"))
    }
}

/// A machine of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Where the hub runs.
    Hub,
    /// The desk of whoever operates the fleet.
    Operator,
    /// One of the devices.
    Pump(usize),
}

impl At {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Operator => "operator",
            Self::Pump(number) => PUMPS.get(number).copied().unwrap_or("pump"),
        }
    }
}

/// How a step is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// Runs to its end, which has this exit code.
    Run { exit: i32 },
    /// Runs to its end, its output in a file of the machine.
    Into(&'static str),
    /// Runs again and again until it says what is expected; the last run is shown.
    Becomes,
    /// Runs until it has said what is expected.
    Watch,
    /// Runs beside the demo, as the hub.
    Hub,
    /// Runs beside the demo on every device.
    Devices,
}

const OK: Show = Show::Run { exit: 0 };

const NOTHING: Step = Step {
    title: "",
    says: "",
    at: At::Operator,
    environment: &[],
    command: &[],
    show: OK,
    expects: &[],
    gives_code: false,
};

pub(super) const STEPS: &[Step] = &[
    Step {
        title: "a hub begins",
        says: "Its keys, its first tenant and its first admin; the admin's token is printed once.",
        at: At::Hub,
        command: &["init", "--config", "{fleet}/hub/hub.toml"],
        show: Show::Into("admin.token"),
        ..NOTHING
    },
    Step {
        title: "the hub runs",
        says: "One program, one file of settings, a database in a file.",
        at: At::Hub,
        command: &["serve", "--config", "{fleet}/hub/hub.toml"],
        show: Show::Hub,
        ..NOTHING
    },
    Step {
        title: "an operator signs in",
        says: "The login is kept, and serves the hub's registry of images too.",
        command: &[
            "fleet",
            "login",
            "{operators}",
            "--token-file",
            "{fleet}/hub/admin.token",
        ],
        expects: &["signed in", "roles: admin"],
        ..NOTHING
    },
    Step {
        title: "a code for three devices",
        says: "With the authority that they believe the hub by, and what to write into their settings.",
        command: &[
            "fleet",
            "enrol",
            "code",
            "--uses",
            "3",
            "--label",
            "line=1",
            "--ca-out",
            "{fleet}/operator/hub.pem",
        ],
        expects: &["It enrols 3 devices", "claim_code ="],
        gives_code: true,
        ..NOTHING
    },
    Step {
        title: "three devices start",
        says: "Each makes a key that never leaves it, and calls the hub; nobody calls a device.",
        at: At::Pump(0),
        command: &["daemon"],
        show: Show::Devices,
        ..NOTHING
    },
    Step {
        title: "the fleet",
        says: "They came with the code, and have its label; `device/hall` they say of themselves.",
        command: &["fleet", "devices"],
        show: Show::Becomes,
        expects: &[
            "pump-1 edge-1 active",
            "pump-2 edge-1 active",
            "pump-3 edge-1 active",
            "3 devices",
        ],
        ..NOTHING
    },
    Step {
        title: "one goes first",
        says: "A label makes it the canary.",
        command: &["fleet", "devices", "label", "pump-1", "canary=yes"],
        expects: &["pump-1: labelled"],
        ..NOTHING
    },
    Step {
        title: "an image that counts",
        says: "Built on the operator's machine, like any other.",
        command: &["build", "-t", "meter:1", "publisher-rust.wasm"],
        ..NOTHING
    },
    Step {
        title: "an image that listens",
        says: "It writes down what the other publishes.",
        command: &["build", "-t", "reader:1", "subscriber-rust.wasm"],
        ..NOTHING
    },
    Step {
        title: "an app is published",
        says: "The file that `thimble up` takes for one device; its images go to the hub, and are held by digest.",
        environment: &[("TAG", "1")],
        command: &[
            "fleet",
            "apps",
            "publish",
            "{fleet}/operator/app.yaml",
            "--version",
            "1",
        ],
        expects: &["meter", "reader"],
        ..NOTHING
    },
    Step {
        title: "version 1 for the line",
        says: "Who gets it, who begins at once and who later; each device keeps it after two healthy seconds.",
        command: &[
            "fleet",
            "deploy",
            "line-1",
            "--app",
            "line",
            "--version",
            "1",
            "-l",
            "line=1",
            "--wave",
            "canary=yes",
            "--probation",
            "2s",
            "--yes",
        ],
        expects: &["reaches 3 devices", "1 device begins at once", "has begun"],
        ..NOTHING
    },
    Step {
        title: "how it goes",
        says: "First the canary, then the rest; it ends by itself, and its exit code is the outcome.",
        command: &["fleet", "rollout", "status", "line-1", "--watch"],
        expects: &["state: finished"],
        ..NOTHING
    },
    Step {
        title: "the app on a device",
        says: "As on any device: the same containers, the same commands.",
        at: At::Pump(1),
        command: &["ps"],
        show: Show::Becomes,
        expects: &["line.meter", "line.reader", "Up "],
        ..NOTHING
    },
    Step {
        title: "what it wrote",
        says: "Asked for at the hub, and answered when the device comes by.",
        command: &["fleet", "logs", "-n", "3", "pump-2", "line.reader"],
        show: Show::Becomes,
        expects: &["demo/count:"],
        ..NOTHING
    },
    Step {
        title: "a version that crashes",
        says: "It divides by zero as soon as it starts. Nobody knows that yet.",
        command: &["build", "-t", "reader:2", "trap.wasm"],
        ..NOTHING
    },
    Step {
        title: "version 2 is published",
        says: "Of the two images one is new.",
        environment: &[("TAG", "2")],
        command: &[
            "fleet",
            "apps",
            "publish",
            "{fleet}/operator/app.yaml",
            "--version",
            "2",
        ],
        expects: &["meter", "reader"],
        ..NOTHING
    },
    Step {
        title: "version 2 for the line",
        says: "What is not said stays as it was.",
        command: &[
            "fleet",
            "deploy",
            "line-1",
            "--version",
            "2",
            "--wave",
            "canary=yes",
            "--yes",
        ],
        expects: &["1 device begins at once", "has begun"],
        ..NOTHING
    },
    Step {
        title: "the canary fails",
        says: "It went back by itself, without asking anybody; the rollout pauses, and the others never began.",
        command: &["fleet", "rollout", "status", "line-1", "--watch"],
        show: Show::Watch,
        expects: &["state: paused", "failed", "integer divide by zero"],
        ..NOTHING
    },
    Step {
        title: "why it paused",
        says: "Device by device, with the reasons that they reported.",
        command: &["fleet", "rollout", "status", "line-1", "--devices"],
        expects: &["state: paused", "pump-1 1 failed", "integer divide by zero"],
        ..NOTHING
    },
    Step {
        title: "the canary's own view",
        says: "Whoever stands at the device sees the same.",
        at: At::Pump(0),
        command: &["agent", "status"],
        expects: &["link: connected", "line"],
        ..NOTHING
    },
    Step {
        title: "version 1 still runs there",
        says: "The containers that ran before the attempt, of the image that worked.",
        at: At::Pump(0),
        command: &["ps"],
        show: Show::Becomes,
        expects: &["line.reader", "reader:1", "Up "],
        ..NOTHING
    },
    Step {
        title: "version 2 is given up",
        says: "With the reason, for whoever reads the audit trail later.",
        command: &[
            "fleet",
            "rollout",
            "abort",
            "line-1",
            "--reason",
            "version 2 divides by zero",
        ],
        expects: &["aborted"],
        ..NOTHING
    },
    Step {
        title: "a device is held",
        says: "Nothing changes on it, whatever anybody deploys.",
        command: &[
            "fleet",
            "devices",
            "hold",
            "pump-3",
            "--for",
            "4h",
            "--reason",
            "audit in the hall",
        ],
        expects: &["pump-3"],
        ..NOTHING
    },
    Step {
        title: "a change of configuration, tried",
        says: "Version 1 with another setting. Nothing is rolled out; the plan says who would get it and why one would not.",
        command: &[
            "fleet",
            "deploy",
            "line-1",
            "--version",
            "1",
            "-e",
            "reader:MESSAGES=1000000",
            "--wave",
            "100%",
            "--no-rollout",
            "--yes",
        ],
        expects: &[
            "pump-3",
            "is held until",
            "audit in the hall",
            "no device changes",
        ],
        ..NOTHING
    },
    Step {
        title: "why it is held",
        says: "Whoever wonders reads it at the device.",
        command: &["fleet", "devices", "show", "pump-3"],
        expects: &["audit in the hall"],
        ..NOTHING
    },
    Step {
        title: "who did what",
        says: "Every change, by whom and why.",
        command: &["fleet", "audit", "-n", "6"],
        expects: &["version 2 divides by zero", "audit in the hall"],
        ..NOTHING
    },
    Step {
        title: "and nobody changed that",
        says: "Each entry holds the hash of the one before it.",
        command: &["fleet", "audit", "verify"],
        expects: &["checked"],
        ..NOTHING
    },
];
