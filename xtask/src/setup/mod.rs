//! What the project needs from the machine: found, or installed, or named with a reason and a way to get it.
//!
//! Probing changes nothing. Installing happens once per run, with Debian's packages, and only where that needs no
//! password. Never asks a question.

mod debian;
mod openid;
mod schemathesis;
#[cfg(test)]
mod tests;
mod tools;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::rust_target::{self, RustTarget};
use crate::workspace::Workspace;

pub(crate) use self::tools::CCompiler;

/// The target of Rust guests.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";
/// The microcontrollers the core crates are built for.
pub(crate) const BARE_TARGETS: [&str; 2] =
    ["thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"];
/// One more that firmware is measured on.
pub(crate) const CORTEX_M33: &str = "thumbv8m.main-none-eabihf";

/// Something a command cannot do without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// A C compiler for WebAssembly with a libc.
    WasmC,
    /// Go with its WASI port.
    Go,
    /// Rust's libraries for a target other than this machine.
    Rust(&'static str),
    /// `cargo fmt` or `cargo clippy`.
    Component(&'static str),
    /// A program that the tests run beside Thimble.
    Peer(&'static Peer),
    /// The OpenID provider that sign-in is tested against.
    OpenIdProvider,
    /// The judge of the operators' interface.
    Schemathesis,
}

/// A program of others that ours must understand, or that is a judge of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    /// The program's name.
    pub(crate) name: &'static str,
    /// Its Debian package.
    pub(crate) package: &'static str,
    why: &'static str,
}

const REGISTRY: Peer = Peer {
    name: "docker-registry",
    package: "docker-registry",
    why: "images are pushed to and pulled from a real registry",
};
const SKOPEO: Peer = Peer {
    name: "skopeo",
    package: "skopeo",
    why: "another tool must read and copy our images",
};
const UMOCI: Peer = Peer {
    name: "umoci",
    package: "umoci",
    why: "another tool must read our image layouts",
};
const OPENSSL: Peer = Peer {
    name: "openssl",
    package: "openssl",
    why: "keys, certificates and signatures are checked with an independent tool",
};
const MOSQUITTO: Peer = Peer {
    name: "mosquitto",
    package: "mosquitto",
    why: "the bus is joined with a real broker",
};
// Debian keeps the server's own programs out of the way; this one comes with them.
const POSTGRES: Peer = Peer {
    name: "pg_ctlcluster",
    package: "postgresql",
    why: "the hub keeps its fleet in a real database",
};
const PROMTOOL: Peer = Peer {
    name: "promtool",
    package: "prometheus",
    why: "figures are judged by Prometheus itself",
};

pub(crate) const QEMU_ARM: Peer = Peer {
    name: "qemu-system-arm",
    package: "qemu-system-arm",
    why: "firmware runs on microcontrollers that it plays",
};
pub(crate) const QEMU_RISCV: Peer = Peer {
    name: "qemu-system-riscv32",
    package: "qemu-system-misc",
    why: "firmware runs on microcontrollers that it plays",
};
pub(crate) const GCC_ARM: Peer = Peer {
    name: "arm-none-eabi-gcc",
    package: "gcc-arm-none-eabi",
    why: "engines on microcontrollers are measured against native code",
};
pub(crate) const GCC_RISCV: Peer = Peer {
    name: "riscv64-unknown-elf-gcc",
    package: "gcc-riscv64-unknown-elf",
    why: "engines on microcontrollers are measured against native code",
};

impl Need {
    /// Everything, for `cargo xtask setup`.
    pub(crate) const ALL: &'static [Need] = &[
        Need::WasmC,
        Need::Go,
        Need::Rust(WASM),
        Need::Rust(BARE_TARGETS[0]),
        Need::Rust(BARE_TARGETS[1]),
        Need::Component("fmt"),
        Need::Component("clippy"),
        Need::Peer(&REGISTRY),
        Need::Peer(&SKOPEO),
        Need::Peer(&UMOCI),
        Need::Peer(&OPENSSL),
        Need::Peer(&MOSQUITTO),
        Need::Peer(&POSTGRES),
        Need::OpenIdProvider,
        Need::Schemathesis,
        Need::Peer(&PROMTOOL),
        Need::Rust(CORTEX_M33),
        Need::Peer(&QEMU_ARM),
        Need::Peer(&QEMU_RISCV),
        // Firmware that measures is built for the first of its boards; the others install what is theirs.
        Need::Peer(&GCC_ARM),
    ];
    /// What the demo runs beside Thimble.
    pub(crate) const DEMO: &'static [Need] = &[Need::Peer(&REGISTRY), Need::Peer(&OPENSSL)];
    /// What builds the core crates for microcontrollers.
    pub(crate) const BARE: &'static [Need] =
        &[Need::Rust(BARE_TARGETS[0]), Need::Rust(BARE_TARGETS[1])];
    /// What the lints need.
    pub(crate) const LINT: &'static [Need] = &[Need::Component("fmt"), Need::Component("clippy")];
}

/// The tools that were found.
#[derive(Default)]
pub(crate) struct Toolbox {
    c: Option<CCompiler>,
    go: Option<PathBuf>,
    rust: BTreeMap<&'static str, RustTarget>,
}

impl Toolbox {
    /// The C compiler for WebAssembly; an error if it was not asked for.
    pub(crate) fn c(&self) -> Result<&CCompiler> {
        self.c.as_ref().context("the C compiler was not prepared")
    }

    /// The `go` program.
    pub(crate) fn go(&self) -> Result<&PathBuf> {
        self.go.as_ref().context("Go was not prepared")
    }

    /// The way to build Rust for a target.
    pub(crate) fn rust(&self, triple: &str) -> Result<&RustTarget> {
        self.rust
            .get(triple)
            .with_context(|| format!("Rust for {triple} was not prepared"))
    }
}

/// A need that is not met, and what could be done.
struct Missing {
    what: String,
    why: &'static str,
    packages: Vec<&'static str>,
    how: &'static str,
}

/// Makes sure that everything needed is there; a line for each thing found or installed.
pub(crate) fn prepare(workspace: &Workspace, needs: &[Need]) -> Result<Toolbox> {
    let mut toolbox = Toolbox::default();
    let missing = probe(workspace, needs, &mut toolbox);
    if missing.is_empty() {
        return Ok(toolbox);
    }
    let mut packages: Vec<&str> = missing
        .iter()
        .flat_map(|(_, missing)| missing.packages.iter().copied())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    let hint = match packages.is_empty() {
        true => String::new(),
        false => install(&packages),
    };
    let open: Vec<Need> = missing.iter().map(|(need, _)| *need).collect();
    let missing = probe(workspace, &open, &mut toolbox);
    if missing.is_empty() {
        return Ok(toolbox);
    }
    bail!(describe(&missing, &hint));
}

/// Installs packages; gives the reason why something was not installed, if so.
fn install(packages: &[&str]) -> String {
    let apt = match debian::Apt::find() {
        Ok(apt) => apt,
        Err(reason) => return reason,
    };
    match apt.install(packages) {
        Ok(refused) if refused.is_empty() => String::new(),
        Ok(refused) => format!(
            "this system's packages have no {}, or only one that is too old",
            refused.join(", ")
        ),
        Err(error) => format!("{error:#}"),
    }
}

fn probe(workspace: &Workspace, needs: &[Need], toolbox: &mut Toolbox) -> Vec<(Need, Missing)> {
    let mut open = Vec::new();
    for &need in needs {
        let outcome = match need {
            Need::WasmC => tools::c_compiler().map(|compiler| {
                say("C for wasm", &compiler.to_string());
                toolbox.c = Some(compiler);
            }),
            Need::Go => tools::go().map(|(path, version)| {
                say("Go", &format!("{version}, {}", path.display()));
                toolbox.go = Some(path);
            }),
            Need::Rust(triple) => rust_target::find(workspace, triple).ok_or_else(|| Missing {
                what: format!("Rust's libraries for {triple}"),
                why: "the examples and the microcontroller builds are not for this machine's own processor",
                packages: vec!["rustc-web", "cargo-web", "rust-web-src", "lld-19"],
                how: "`rustup target add` with access to rustup's server, or Debian's rustc-web, cargo-web and \
                      rust-web-src",
            })
            .map(|target| {
                say(&format!("Rust {triple}"), &target.to_string());
                toolbox.rust.insert(triple, target);
            }),
            Need::Component(name) => tools::component(workspace, name).map(|version| {
                say(&format!("cargo {name}"), &version);
            }),
            Need::OpenIdProvider => openid::provider(workspace).map(|path| {
                say("oidc-provider", &path.display().to_string());
            }),
            Need::Schemathesis => schemathesis::program(workspace).map(|path| {
                say("schemathesis", &path.display().to_string());
            }),
            Need::Peer(peer) => tools::peer(peer).map(|path| {
                say(peer.name, &path.display().to_string());
            }),
        };
        if let Err(missing) = outcome {
            open.push((need, missing));
        }
    }
    open
}

fn say(what: &str, found: &str) {
    println!("{what:<34} {found}");
}

fn describe(missing: &[(Need, Missing)], hint: &str) -> String {
    let mut text = String::from("this machine lacks what the project needs:");
    for (_, missing) in missing {
        let Missing {
            what,
            why,
            packages,
            how,
        } = missing;
        text.push_str(&format!("\n  {what}\n    why: {why}\n    get it: {how}"));
        if !packages.is_empty() {
            text.push_str(&format!(
                "\n    or, on a Debian that has it: apt-get install {}",
                packages.join(" ")
            ));
        }
    }
    if !hint.is_empty() {
        text.push_str(&format!("\nNothing more was installed, because {hint}"));
    }
    text
}
