//! Breakpoints in a stopped process.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;

use anyhow::{Context, Result};
use nix::sys::ptrace;
use nix::unistd::Pid;

use super::super::elf::Program;

/// The instruction `int3`: one byte, so that it fits before any other.
const BREAKPOINT: u8 = 0xcc;

/// A breakpoint at the beginning of every function of a program.
pub(super) struct Breakpoints {
    code_address: u64,
    /// The code with all breakpoints in it.
    code: Vec<u8>,
    /// The bytes that they took the place of.
    originals: BTreeMap<u64, u8>,
    entered: BTreeSet<u64>,
}

impl Breakpoints {
    /// Of this program, in no process yet.
    pub(super) fn new(program: &Program) -> Self {
        let mut code = program.code.clone();
        let mut originals = BTreeMap::new();
        for address in program.functions.keys() {
            let byte = usize::try_from(address - program.code_address)
                .ok()
                .and_then(|offset| code.get_mut(offset));
            if let Some(byte) = byte {
                originals.insert(*address, std::mem::replace(byte, BREAKPOINT));
            }
        }
        Self {
            code_address: program.code_address,
            code,
            originals,
            entered: BTreeSet::new(),
        }
    }

    /// Puts them into a process that has just become the program.
    pub(super) fn plant(&self, pid: Pid) -> Result<()> {
        memory(pid)?
            .write_all_at(&self.code, self.code_address)
            .context("cannot write to the process")
    }

    /// Takes out the breakpoint that stopped a thread, so that the thread can go on; tells whether one did.
    pub(super) fn hit(&mut self, thread: Pid) -> Result<bool> {
        let mut registers = ptrace::getregs(thread)?;
        let address = registers.rip.wrapping_sub(1);
        let Some(original) = self.originals.get(&address) else {
            return Ok(false);
        };
        // Another thread may have been here first; then this changes nothing.
        memory(thread)?.write_all_at(&[*original], address)?;
        registers.rip = address;
        ptrace::setregs(thread, registers)?;
        self.entered.insert(address);
        Ok(true)
    }

    /// The functions that were entered.
    pub(super) fn entered(self) -> BTreeSet<u64> {
        self.entered
    }
}

/// A process's memory, code that it cannot write itself included.
fn memory(pid: Pid) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .open(format!("/proc/{pid}/mem"))
        .with_context(|| format!("cannot open the memory of process {pid}"))
}
