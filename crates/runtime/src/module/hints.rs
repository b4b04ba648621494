//! What to tell somebody whose module has an import that nothing answers.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thimble_abi::calls;

/// The module names whose imports are answered.
const MODULES: [&str; 3] = ["wasi_snapshot_preview1", "env", "thimble"];

/// A hint for an unknown import.
pub(super) fn for_unknown_import(module: &str, name: &str) -> String {
    match module {
        "wasi_unstable" => {
            "this is WASI preview 0; rebuild with a current wasi-libc (wasi_snapshot_preview1)"
                .into()
        }
        "wasi" if name == "thread-spawn" => {
            "threads are not supported; build without pthreads".into()
        }
        "gojs" | "go" => {
            "this Go program was built for a browser; build it with GOOS=wasip1 GOARCH=wasm".into()
        }
        "wbg" | "__wbindgen_placeholder__" => {
            "wasm-bindgen needs a browser; build for wasm32-wasip1 without wasm-bindgen".into()
        }
        _ if module.contains(':') => {
            "this is an interface of the component model; build for wasm32-wasip1 instead of wasip2"
                .into()
        }
        _ if MODULES.contains(&module) => near_name(module, name),
        _ => elsewhere(name).unwrap_or_else(|| {
            format!(
                "the modules that containers can import from are {}",
                MODULES.join(", ")
            )
        }),
    }
}

/// The call of the same name in another module.
fn elsewhere(name: &str) -> Option<String> {
    calls::all()
        .find(|spec| spec.name == name)
        .map(|spec| format!("did you mean `{}.{}`?", spec.module, spec.name))
}

/// The call of the same module whose name is nearest, if one is near.
fn near_name(module: &str, name: &str) -> String {
    let near = calls::all()
        .filter(|spec| spec.module == module)
        .map(|spec| (distance(spec.name, name), spec.name))
        .min();
    match near {
        Some((steps, near)) if steps <= name.len() / 3 => format!("did you mean `{near}`?"),
        _ => elsewhere(name).unwrap_or_else(|| {
            "no such function; a function that was declared but not defined also becomes such an import, so check the linker's input"
                .to_string()
        }),
    }
}

/// Levenshtein's edit distance. Names longer than 64 bytes count as far away.
fn distance(left: &str, right: &str) -> usize {
    if left.len() > 64 || right.len() > 64 {
        return usize::MAX;
    }
    if right.is_empty() {
        return left.len();
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        for (b, slot) in right.bytes().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(a != b))
                .min(last + 1)
                .min(*slot + 1);
            diagonal = core::mem::replace(slot, cost);
            last = cost;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
