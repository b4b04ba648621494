//! The kernels in wasm3, an interpreter in C that others compare themselves with. Its sources are not part
//! of this repository; `--wasm3` says where they are (version 0.5).

use std::ffi::{CStr, CString, OsStr, c_char, c_void};
use std::path::Path;
use std::process::Command;
use std::ptr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use libloading::{Library, Symbol};

use crate::clock::thread_time;

use super::{Runner, compiler};

const STACK_BYTES: u32 = 64 << 10;

/// What wasm3 says: null for success, else a text.
type Outcome = *const c_char;
type RawCall =
    unsafe extern "C" fn(*mut c_void, *mut c_void, *mut u64, *mut c_void) -> *const c_void;

/// wasm3, built as a shared library, with the kernels loaded.
pub(super) struct Wasm3 {
    library: Library,
    runtime: *mut c_void,
    /// wasm3 keeps pointers into it.
    _wasm: Vec<u8>,
}

impl Wasm3 {
    pub(super) fn build(sources: &Path, wasm: &[u8], scratch: &Path) -> Result<Self> {
        let output = scratch.join("wasm3.so");
        let entries = std::fs::read_dir(sources)
            .with_context(|| format!("cannot read {}", sources.display()))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension() == Some(OsStr::new("c")) {
                files.push(path);
            }
        }
        let mut command = Command::new(compiler::find()?);
        command
            .args(["-O3", "-DNDEBUG", "-w", "-shared", "-fPIC", "-o"])
            .arg(&output)
            .args(files);
        compiler::run(&mut command)?;
        // SAFETY: wasm3 runs nothing when it is loaded.
        let library = unsafe { Library::new(&output) }?;
        let mut wasm3 = Self {
            library,
            runtime: ptr::null_mut(),
            _wasm: wasm.to_vec(),
        };
        wasm3.load()?;
        Ok(wasm3)
    }

    /// A function of wasm3.
    fn function<T>(&self, name: &str) -> Result<Symbol<'_, T>> {
        // SAFETY: each caller gives the type that wasm3.h declares.
        unsafe { self.library.get(name.as_bytes()) }.with_context(|| format!("wasm3 has no {name}"))
    }

    fn load(&mut self) -> Result<()> {
        let new_environment =
            self.function::<unsafe extern "C" fn() -> *mut c_void>("m3_NewEnvironment")?;
        let new_runtime = self
            .function::<unsafe extern "C" fn(*mut c_void, u32, *mut c_void) -> *mut c_void>(
                "m3_NewRuntime",
            )?;
        let parse = self.function::<unsafe extern "C" fn(
            *mut c_void,
            *mut *mut c_void,
            *const u8,
            u32,
        ) -> Outcome>("m3_ParseModule")?;
        let load_module = self
            .function::<unsafe extern "C" fn(*mut c_void, *mut c_void) -> Outcome>(
                "m3_LoadModule",
            )?;
        let link = self.function::<unsafe extern "C" fn(
            *mut c_void,
            *const c_char,
            *const c_char,
            *const c_char,
            RawCall,
        ) -> Outcome>("m3_LinkRawFunction")?;
        // SAFETY: takes nothing.
        let environment = unsafe { new_environment() };
        // SAFETY: the environment is never freed, nor is the runtime.
        let runtime = unsafe { new_runtime(environment, STACK_BYTES, ptr::null_mut()) };
        let mut module = ptr::null_mut();
        let length = u32::try_from(self._wasm.len())?;
        // SAFETY: the bytes live as long as `self`, and so as long as the library.
        check(unsafe { parse(environment, &raw mut module, self._wasm.as_ptr(), length) })?;
        // SAFETY: both were made above; the runtime now owns the module.
        check(unsafe { load_module(runtime, module) })?;
        // SAFETY: the texts are static and the function has the type of a raw call.
        check(unsafe {
            link(
                module,
                c"thimble".as_ptr(),
                c"abi_version".as_ptr(),
                c"i()".as_ptr(),
                one,
            )
        })?;
        self.runtime = runtime;
        Ok(())
    }
}

/// Answers with 1.
unsafe extern "C" fn one(
    _: *mut c_void,
    _: *mut c_void,
    stack: *mut u64,
    _: *mut c_void,
) -> *const c_void {
    // SAFETY: wasm3 gives a stack with room for the result.
    unsafe { stack.write(1) };
    ptr::null()
}

fn check(outcome: Outcome) -> Result<()> {
    if outcome.is_null() {
        return Ok(());
    }
    // SAFETY: wasm3's outcomes are static texts.
    let text = unsafe { CStr::from_ptr(outcome) };
    bail!("wasm3: {}", text.to_string_lossy())
}

impl Runner for Wasm3 {
    fn name(&self) -> &str {
        "wasm3"
    }

    fn run(&mut self, kernel: &str) -> Result<(i32, Duration)> {
        let find = self.function::<unsafe extern "C" fn(
            *mut *mut c_void,
            *mut c_void,
            *const c_char,
        ) -> Outcome>("m3_FindFunction")?;
        let call = self
            .function::<unsafe extern "C" fn(*mut c_void, u32, *const *const c_void) -> Outcome>(
                "m3_Call",
            )?;
        let results = self.function::<unsafe extern "C" fn(
            *mut c_void,
            u32,
            *const *const c_void,
        ) -> Outcome>("m3_GetResults")?;
        let name = CString::new(format!("run_{kernel}"))?;
        let mut function = ptr::null_mut();
        // SAFETY: the runtime is live; the name lives across the call.
        check(unsafe { find(&raw mut function, self.runtime, name.as_ptr()) })?;
        let begun = thread_time();
        // SAFETY: the function takes no arguments.
        check(unsafe { call(function, 0, ptr::null()) })?;
        let time = thread_time() - begun;
        let mut result = 0_i32;
        let targets = [(&raw mut result).cast::<c_void>().cast_const()];
        // SAFETY: the function gives one i32, for which there is room.
        check(unsafe { results(function, 1, targets.as_ptr()) })?;
        Ok((result, time))
    }
}
