//! System calls that end the process which makes them, made in a child.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

/// The code of a child that does nothing but answer.
pub(crate) const ANSWER: i32 = 42;

const DEADLY: [(&str, libc::c_long); 16] = [
    ("ptrace", libc::SYS_ptrace),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("mount", libc::SYS_mount),
    ("pivot_root", libc::SYS_pivot_root),
    ("chroot", libc::SYS_chroot),
    ("unshare", libc::SYS_unshare),
    ("setns", libc::SYS_setns),
    ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("keyctl", libc::SYS_keyctl),
    ("kexec_load", libc::SYS_kexec_load),
    ("init_module", libc::SYS_init_module),
    ("finit_module", libc::SYS_finit_module),
    ("reboot", libc::SYS_reboot),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
];

/// Makes one of the calls, with arguments that do nothing.
pub(crate) fn attempt(name: &str) {
    let (_, call) = DEADLY.iter().find(|(known, _)| *known == name).unwrap();
    // SAFETY: the arguments are no addresses of anything.
    let result = unsafe { libc::syscall(*call, -1, 0, 0, 0, 0, 0) };
    println!("{name} gave {result}");
}

/// Each of them kills the process that makes it.
pub(crate) fn all_are_deadly(program: &Path) {
    for (name, _) in DEADLY {
        let status = Command::new(program)
            .args(["attempt", name])
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(libc::SIGSYS), "{name}: {status}");
    }
}
