//! The map itself, and what it forbids. Pure.
//!
//! To draw a new crate or edge: half a page in docs/adr/ (docs/style.md, rule 19), then a line here.

/// One of our packages, as far as the map is concerned.
#[derive(Debug)]
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) edges: Vec<Edge>,
    /// What `src/lib.rs` says about itself; `None` without a library.
    pub(super) attributes: Option<Vec<String>>,
}

/// A dependency on another of our packages.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) to: String,
    pub(super) kind: EdgeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EdgeKind {
    /// Part of what is shipped, or of how it is built.
    Linked,
    /// Tests only.
    Dev,
}

/// What a crate is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Abi,
    /// `image`, `serial`: what two ends share.
    Contract,
    /// `protocol`: what device and hub share, and of `image` what a digest is.
    Protocol,
    /// `hub-api`, `device-api`: what the operator's side shares; needs std.
    HubApi,
    Runtime,
    Agent,
    Rollout,
    Engine,
    Port,
    /// `builder`: makes images, on a developer's machine.
    Builder,
    /// `hub-store`, `hub-blobs`: what the hub keeps, and with what it is kept.
    HubKeeper,
    /// `daemon`, `supervisor`: what a program is beside its command line or board; it is given engines and images.
    Daemon,
    Program,
    Testkit,
    /// Tests, benches, fuzzers: they may see everything.
    Judge,
    /// `bench-report`: how benches print.
    Report,
    Xtask,
}

/// Names that say nothing about what belongs inside.
const MEANINGLESS: [&str; 8] = [
    "common", "utils", "util", "types", "shared", "helpers", "misc", "core",
];

fn role(name: &str) -> Option<Role> {
    if name == "xtask" {
        return Some(Role::Xtask);
    }
    Some(match name.strip_prefix("thimble-")? {
        "abi" => Role::Abi,
        "image" | "serial" => Role::Contract,
        "protocol" => Role::Protocol,
        "hub-api" | "device-api" => Role::HubApi,
        "runtime" => Role::Runtime,
        "agent" => Role::Agent,
        "rollout" => Role::Rollout,
        "builder" => Role::Builder,
        "hub-store" | "hub-blobs" => Role::HubKeeper,
        "daemon" | "supervisor" => Role::Daemon,
        "hub" | "cli" | "capi" => Role::Program,
        "testkit" => Role::Testkit,
        "tests" | "tests-boards" | "tests-fleet" | "tests-fleet-sim" | "bench" | "bench-mcu"
        | "fuzz" => Role::Judge,
        "bench-report" => Role::Report,
        other if other.starts_with("engine-") => Role::Engine,
        other if other.starts_with("port-") => Role::Port,
        _ => return None,
    })
}

/// The arrows: what a crate of one role may link.
fn may_link(from: Role, to: Role) -> bool {
    use Role::{
        Abi, Agent, Builder, Contract, Daemon, Engine, HubApi, HubKeeper, Judge, Port, Program,
        Protocol, Report, Rollout, Runtime, Testkit, Xtask,
    };
    match from {
        Abi | Report | Rollout => false,
        Contract | Runtime => to == Abi,
        Protocol | HubApi | HubKeeper => matches!(to, Contract | Abi),
        Agent => matches!(to, Runtime | Protocol | Contract | Abi),
        Builder => matches!(to, Runtime | Contract | Abi),
        Engine | Port => matches!(to, Agent | Runtime | Protocol | Contract | Abi),
        Daemon => matches!(
            to,
            Port | HubApi | Agent | Runtime | Protocol | Contract | Abi
        ),
        Program => !matches!(to, Program | Testkit | Judge | Report | Xtask),
        Testkit => matches!(
            to,
            Agent | Runtime | Protocol | Contract | Abi | HubApi | Rollout
        ),
        Judge => !matches!(to, Judge | Xtask),
        // It must be ready in seconds, and generates the contract from its source.
        Xtask => to == Abi,
    }
}

/// Whether the role's library must do without std, and whether without unsafe code.
fn purity(role: Role) -> (bool, bool) {
    match role {
        Role::Abi
        | Role::Contract
        | Role::Protocol
        | Role::Runtime
        | Role::Agent
        | Role::Rollout => (true, true),
        Role::HubApi => (false, true),
        _ => (false, false),
    }
}

/// Everything that is not as drawn, each with what to do about it.
pub(super) fn complaints(crates: &[Crate]) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in crates {
        let name = &package.name;
        if let Some(word) = name
            .split(['-', '_'])
            .find(|word| MEANINGLESS.contains(word))
        {
            complaints.push(format!(
                "{name}: `{word}` says nothing about what belongs inside; name the crate after what it owns"
            ));
            continue;
        }
        let Some(role) = role(name) else {
            complaints.push(format!(
                "{name}: is not on the map; make it a module of a crate that is, or draw it: docs/adr/, then \
                 xtask/src/layers/rules.rs"
            ));
            continue;
        };
        complaints.extend(
            package
                .edges
                .iter()
                .filter_map(|edge| edge_complaint(name, role, edge)),
        );
        complaints.extend(purity_complaints(package, role));
    }
    complaints
}

fn edge_complaint(name: &str, from: Role, edge: &Edge) -> Option<String> {
    let to = role(&edge.to)?;
    // A crate's tests may ask for features of its own.
    let is_itself = edge.to == name && edge.kind == EdgeKind::Dev;
    if is_itself || may_link(from, to) {
        return None;
    }
    // Tests of a crate may use the testkit, and a second contract or engine as an oracle, but not the reverse.
    // A crate's own tests name it once more to turn on a feature that only they need.
    let is_allowed_in_tests = to == Role::Testkit
        || edge.to == name
        || matches!(from, Role::Program | Role::Daemon | Role::Testkit)
        // The hub's registry is asked by our own client too.
        || (from == Role::HubKeeper && to == Role::Port);
    if edge.kind == EdgeKind::Dev && is_allowed_in_tests {
        return None;
    }
    let what_to_do = match (from, to) {
        (Role::Engine, Role::Port) | (Role::Port, Role::Engine) => {
            "engines and ports never see each other: put the trait between them in thimble-runtime"
        }
        (_, Role::Testkit) => "the testkit is for tests only: move it to [dev-dependencies]",
        (Role::Abi, _) => {
            "guests and hosts share only abi, which stands alone: move the code to the crate that needs it"
        }
        (Role::Rollout, _) => {
            "rollout stands alone: take what it needs as arguments of its own types"
        }
        (Role::Xtask, _) => "xtask must be ready in seconds: start a program instead of linking it",
        _ => {
            "arrows point down only: move the code down, or hand it in through a trait of the lower crate"
        }
    };
    let tests = if edge.kind == EdgeKind::Dev {
        " (in its tests)"
    } else {
        ""
    };
    Some(format!("{name} -> {}{tests}: {what_to_do}", edge.to))
}

fn purity_complaints(package: &Crate, role: Role) -> Vec<String> {
    let (no_std, no_unsafe) = purity(role);
    let name = &package.name;
    if !(no_std || no_unsafe) {
        return Vec::new();
    }
    let Some(attributes) = &package.attributes else {
        return vec![format!(
            "{name}: has no src/lib.rs; contracts and logic are libraries"
        )];
    };
    let has = |attribute: &str| attributes.iter().any(|found| found == attribute);
    let mut complaints = Vec::new();
    if no_std && !has("#![no_std]") {
        complaints.push(format!(
            "{name}: lacks `#![no_std]` in src/lib.rs; contracts and logic run on devices without std"
        ));
    }
    if no_unsafe && !has("#![forbid(unsafe_code)]") {
        complaints.push(format!(
            "{name}: lacks `#![forbid(unsafe_code)]` in src/lib.rs; unsafe code belongs to engines and ports"
        ));
    }
    complaints
}
