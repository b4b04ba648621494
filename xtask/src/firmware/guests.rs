//! The guests that firmware carries: kernels as WebAssembly and as the board's own code, and a large program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::Board;
use crate::process;
use crate::setup::Toolbox;
use crate::workspace::Workspace;

/// Tells the firmware's build where its guests are.
pub(super) const FOLDER: &str = "THIMBLE_MCU_GUESTS";

/// The first WebAssembly, which every engine has; 128 KB of memory, 8 of them stack. Free of libc, and of what
/// compilers make out of loops: there is no `memset`.
const KERNEL_FLAGS: [&str; 10] = [
    "--target=wasm32",
    "-mcpu=mvp",
    "-O2",
    "-ffreestanding",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,--strip-all",
    // Numbers in as few bytes as they need, as `thimble build` writes them.
    "-Wl,--compress-relocations",
    "-Wl,-z,stack-size=8192",
    "-Wl,--initial-memory=131072",
];
const PROGRAM_FLAGS: [&str; 4] = [
    "--target=wasm32-wasi",
    "-O2",
    "-Wl,--strip-all",
    "-Wl,--compress-relocations",
];
/// A square root never sets `errno`, as in WebAssembly.
const NATIVE_FLAGS: [&str; 4] = ["-O2", "-ffreestanding", "-fno-math-errno", "-c"];

/// Builds the guests of a board; the folder that they are in.
pub(super) fn build(workspace: &Workspace, toolbox: &Toolbox, board: &Board) -> Result<PathBuf> {
    let folder = workspace.target.join("firmware/guests");
    fs::create_dir_all(&folder)?;
    let sources = workspace.root.join("benches/guests/mcu");
    let kernels = sources.join("kernels.c");
    wasm(
        toolbox,
        &KERNEL_FLAGS,
        &kernels,
        &folder.join("kernels.wasm"),
    )?;
    wasm(
        toolbox,
        &PROGRAM_FLAGS,
        &sources.join("big.c"),
        &folder.join("big.wasm"),
    )?;
    native(board, &kernels, &folder)?;
    Ok(folder)
}

fn wasm(toolbox: &Toolbox, flags: &[&str], source: &Path, output: &Path) -> Result<()> {
    let compiler = toolbox.c()?;
    let mut command = Command::new(&compiler.clang);
    if let Some(sysroot) = &compiler.sysroot {
        command.arg(format!("--sysroot={}", sysroot.display()));
    }
    replace(output, |new| {
        process::capture(command.args(flags).arg("-o").arg(new).arg(source)).map(drop)
    })
}

/// Compiles the kernels for the board. They bring the compiler's own arithmetic with them, and keep it to themselves:
/// Rust's has the same names.
fn native(board: &Board, source: &Path, folder: &Path) -> Result<()> {
    let gcc = board.c.name;
    let tool = |name: &str| gcc.replace("-gcc", name);
    let object = folder.join(format!("kernels-{}.o", board.triple));
    let whole = folder.join(format!("whole-{}.o", board.triple));
    let mut compile = Command::new(gcc);
    process::capture(
        compile
            .args(board.c_flags)
            .args(NATIVE_FLAGS)
            .arg("-o")
            .arg(&object)
            .arg(source),
    )?;
    let mut join = Command::new(gcc);
    join.args(board.c_flags)
        .args(["-nostdlib", "-r", "-o"])
        .arg(&whole)
        .arg(&object)
        .arg("-lgcc");
    process::capture(&mut join)?;
    let mut hide = Command::new(tool("-objcopy"));
    process::capture(
        hide.args(["--wildcard", "--keep-global-symbol=b_*"])
            .arg(&whole),
    )?;
    let archive = folder.join(format!("native-{}.a", board.triple));
    replace(&archive, |new| {
        // Without dates, so that the same code is the same archive.
        process::capture(Command::new(tool("-ar")).arg("rcsD").arg(new).arg(&whole)).map(drop)
    })
}

/// Makes a file anew, and leaves the old one where it is the same: then nothing is built again because of it.
fn replace(path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let new = path.with_extension("new");
    if new.exists() {
        fs::remove_file(&new)?;
    }
    make(&new)?;
    let is_same = fs::read(path).is_ok_and(|old| fs::read(&new).is_ok_and(|new| new == old));
    match is_same {
        true => fs::remove_file(&new)?,
        false => fs::rename(&new, path)?,
    }
    Ok(())
}
