//! Finding the tools that are not Rust for other targets: a C compiler for WebAssembly, Go, cargo's components.

#[cfg(test)]
mod tests;

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Missing, Peer};
use crate::process;
use crate::workspace::Workspace;

/// The oldest Go that builds for WASI, and that the reference implementation of signatures builds with.
const GO_MIN: (u32, u32) = (1, 23);

/// A C compiler that makes WASI programs as it stands.
pub(crate) struct CCompiler {
    /// The clang to call.
    pub(crate) clang: PathBuf,
    /// Its sysroot, where clang would not find it by itself.
    pub(crate) sysroot: Option<PathBuf>,
    version: String,
}

impl fmt::Display for CCompiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.version, self.clang.display())
    }
}

/// A wasi-sdk named by the user, one at its usual place, or Debian's packages.
pub(crate) fn c_compiler() -> Result<CCompiler, Missing> {
    let named = env::var_os("WASI_SDK_PATH").map(PathBuf::from);
    for sdk in named.into_iter().chain([PathBuf::from("/opt/wasi-sdk")]) {
        let sysroot = sdk.join("share/wasi-sysroot");
        if let Some(version) = version_of(&sdk.join("bin/clang"), "--version")
            && sysroot.is_dir()
        {
            return Ok(CCompiler {
                clang: sdk.join("bin/clang"),
                sysroot: Some(sysroot),
                version,
            });
        }
    }
    let whole = process::find("wasm-ld-19").is_some()
        && Path::new("/usr/lib/wasm32-wasi/libc.a").is_file()
        && Path::new("/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a")
            .is_file();
    if let Some(clang) = process::find("clang-19").filter(|_| whole)
        && let Some(version) = version_of(&clang, "--version")
    {
        return Ok(CCompiler {
            clang,
            sysroot: None,
            version,
        });
    }
    Err(Missing {
        what: "a C compiler for WebAssembly with wasi-libc".to_owned(),
        why: "most examples are written in C",
        packages: vec![
            "clang-19",
            "lld-19",
            "libclang-rt-19-dev-wasm32",
            "wasi-libc",
        ],
        how: "a wasi-sdk at /opt/wasi-sdk, or its path in WASI_SDK_PATH",
    })
}

/// `go`, if it is new enough, with its version.
pub(crate) fn go() -> Result<(PathBuf, String), Missing> {
    let found = process::find("go").or_else(|| Some(PathBuf::from("/usr/local/go/bin/go")));
    if let Some(go) = found.filter(|go| go.is_file())
        && let Some(line) = version_of(&go, "version")
        && go_version(&line).is_some_and(go_is_new_enough)
    {
        return Ok((go, line.trim_start_matches("go version ").to_owned()));
    }
    Err(Missing {
        what: format!("Go {}.{} or later", GO_MIN.0, GO_MIN.1),
        why: "an example is an unchanged Go program, and signatures are judged by a program in Go",
        packages: vec!["golang-go"],
        how: "your system's package if it is new enough, else Go's own archive in /usr/local/go",
    })
}

/// Whether this version of Go builds for WASI.
pub(crate) fn go_is_new_enough(version: (u32, u32)) -> bool {
    version >= GO_MIN
}

/// A program of others.
pub(crate) fn peer(peer: &Peer) -> Result<PathBuf, Missing> {
    process::find(peer.name).ok_or_else(|| Missing {
        what: peer.name.to_owned(),
        why: peer.why,
        packages: vec![peer.package],
        how: "your system's package",
    })
}

/// The version of one of cargo's components.
pub(crate) fn component(workspace: &Workspace, name: &'static str) -> Result<String, Missing> {
    let mut command = workspace.cargo(name);
    command.arg("--version");
    match process::capture(&mut command) {
        Ok(version) => Ok(version.trim().to_owned()),
        Err(_) => Err(Missing {
            what: format!("cargo {name}"),
            why: "the lints must give the same answer here as in CI",
            packages: Vec::new(),
            how: "rustup component add rustfmt clippy",
        }),
    }
}

/// The first line that a program says about its version.
pub(crate) fn version_of(program: &Path, argument: &str) -> Option<String> {
    let text = process::capture(Command::new(program).arg(argument)).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// The major and minor number in what `go version` or a package's version says.
fn go_version(line: &str) -> Option<(u32, u32)> {
    let numbers = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix("go1."))?;
    let minor = numbers.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((1, minor.parse().ok()?))
}
