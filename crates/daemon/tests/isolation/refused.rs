//! What must not work.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::attempts;

/// What was made outside before.
pub(crate) struct Outside {
    socket: UnixListener,
    /// A process that may be signalled as far as its user is concerned. It ends with this one.
    sleeper: std::process::Child,
}

pub(crate) fn before() -> Outside {
    let name = format!("thimble-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).unwrap();
    Outside {
        socket: UnixListener::bind_addr(&address).unwrap(),
        sleeper: Command::new("cat").stdin(Stdio::piped()).spawn().unwrap(),
    }
}

/// The outcome is this error and no other.
pub(crate) fn is<T>(outcome: io::Result<T>, errno: i32, what: &str) {
    match outcome {
        Ok(_) => panic!("{what} works"),
        Err(error) => assert_eq!(error.raw_os_error(), Some(errno), "{what}: {error}"),
    }
}

pub(crate) fn all(world: &Path, outside: &Outside) {
    files(world);
    programs(world);
    processes(outside);
    sockets(outside);
    calls();
    capabilities();
    attempts::all_are_deadly(&world.join("program"));
}

fn files(world: &Path) {
    let there = world.join("outside/there");
    is(File::open("/etc/shadow"), libc::EACCES, "reading secrets");
    is(File::open(&there), libc::EACCES, "reading outside");
    is(fs::write(&there, "x"), libc::EACCES, "writing outside");
    is(
        fs::write(world.join("outside/new"), "x"),
        libc::EACCES,
        "making a file outside",
    );
    is(fs::remove_file(&there), libc::EACCES, "removing outside");
    is(fs::read_dir("/"), libc::EACCES, "listing the root");
    is(fs::read_dir(world), libc::EACCES, "listing the parent");
    fs::write(world.join("state/own"), "x").unwrap();
    let renamed = fs::rename(world.join("state/own"), world.join("outside/own"));
    assert!(renamed.is_err(), "moving out");
    std::os::unix::fs::symlink(&there, world.join("state/link")).unwrap();
    is(
        File::open(world.join("state/link")),
        libc::EACCES,
        "a link out",
    );
    for device in ["/dev/mem", "/dev/kmsg", "/dev/kvm"] {
        assert!(File::open(device).is_err(), "{device}");
    }
    is(
        OpenOptions::new().write(true).open("/etc/hosts"),
        libc::EACCES,
        "writing a readable file",
    );
    let other = format!("/proc/{}/status", std::os::unix::process::parent_id());
    is(File::open(other), libc::EACCES, "another process");
}

fn programs(world: &Path) {
    is(
        Command::new("/bin/sh").arg("-c").arg("true").status(),
        libc::EACCES,
        "a shell",
    );
    let copy = world.join("state/copy");
    fs::copy(world.join("program"), &copy).unwrap();
    is(Command::new(&copy).status(), libc::EACCES, "a new program");
}

fn processes(outside: &Outside) {
    let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
    let sleeper = i32::try_from(outside.sleeper.id()).unwrap();
    for process in [parent, sleeper] {
        // SAFETY: it touches no memory.
        let status = unsafe { libc::kill(process, libc::SIGTERM) };
        is(outcome(status.into()), libc::EPERM, "a signal outside");
    }
}

fn sockets(outside: &Outside) {
    let address = outside.socket.local_addr().unwrap();
    is(
        UnixStream::connect_addr(&address),
        libc::EPERM,
        "an abstract socket",
    );
    is(
        std::net::TcpListener::bind("127.0.0.1:81"),
        libc::EACCES,
        "a low port",
    );
    let table = [
        (libc::AF_PACKET, libc::SOCK_RAW, 0),
        (libc::AF_PACKET, libc::SOCK_DGRAM, 0),
        (libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        (libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        (libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
        (libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_TCP),
        (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT),
        (libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        (libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        (libc::AF_BLUETOOTH, libc::SOCK_RAW, 0),
        (libc::AF_CAN, libc::SOCK_RAW, 1),
    ];
    for (family, kind, protocol) in table {
        // SAFETY: it touches no memory.
        let socket = unsafe { libc::socket(family, kind, protocol) };
        is(
            outcome(socket.into()),
            libc::EPERM,
            &format!("socket({family}, {kind}, {protocol})"),
        );
    }
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for (level, option) in [
        (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER),
        (libc::SOL_SOCKET, libc::SO_ATTACH_BPF),
        (libc::IPPROTO_TCP, 31),
        (libc::SOL_NETLINK, 1),
    ] {
        // SAFETY: no memory is given.
        let status =
            unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, std::ptr::null(), 0) };
        is(
            outcome(status.into()),
            libc::EPERM,
            &format!("setsockopt({level}, {option})"),
        );
    }
}

fn calls() {
    let null = 0;
    let table = [
        ("clone3", libc::SYS_clone3, null, libc::ENOSYS),
        (
            "io_uring_setup",
            libc::SYS_io_uring_setup,
            null,
            libc::ENOSYS,
        ),
        ("seccomp", libc::SYS_seccomp, null, libc::ENOSYS),
        ("a new call", 470, null, libc::ENOSYS),
        ("execveat", libc::SYS_execveat, null, libc::EPERM),
        ("setuid", libc::SYS_setuid, null, libc::EPERM),
        ("mknodat", libc::SYS_mknodat, null, libc::EPERM),
        (
            "clone",
            libc::SYS_clone,
            libc::CLONE_NEWUSER | libc::SIGCHLD,
            libc::EPERM,
        ),
        ("prctl", libc::SYS_prctl, libc::PR_SET_SECCOMP, libc::EPERM),
        ("prctl", libc::SYS_prctl, libc::PR_SET_MM, libc::EPERM),
        ("prlimit64", libc::SYS_prlimit64, 1, libc::EPERM),
    ];
    for (name, call, argument, errno) in table {
        // SAFETY: none of them gets as far as looking at its arguments, which are no addresses.
        let result = unsafe { libc::syscall(call, argument, 0, 0, 0, 0, 0) };
        is(outcome(result), errno, name);
    }
    // SAFETY: the address is of a live byte.
    let typed = unsafe { libc::ioctl(0, libc::TIOCSTI, b"x".as_ptr()) };
    is(outcome(typed.into()), libc::EPERM, "typing for others");
}

fn capabilities() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(line(set), "0000000000000000", "{set}");
    }
    if rustix::process::geteuid().is_root() {
        assert_eq!(line("CapBnd:"), "0000000000000000");
    }
    assert_eq!(line("NoNewPrivs:"), "1");
    assert_eq!(line("Seccomp:"), "2");
    assert_eq!(line("Seccomp_filters:"), "3");
}

fn outcome(result: libc::c_long) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
