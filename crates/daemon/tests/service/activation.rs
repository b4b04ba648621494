//! Sockets: made, found, handed over.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use crate::{Talker, part};

pub(crate) fn sockets_are_made_with_their_rights(folder: &Path) {
    let path = folder.join("run/daemon.sock");
    let as_root = rustix::process::geteuid().is_root();
    for (group, mode) in [(None, 0o700), (Some("daemon"), 0o755)] {
        if group.is_some() && !as_root {
            continue;
        }
        let mut command = part("listen", folder);
        command.args(group);
        // Rights do not depend on where it was started.
        let anything = || {
            rustix::process::umask(rustix::fs::Mode::empty());
            Ok(())
        };
        // SAFETY: it makes one system call.
        unsafe { command.pre_exec(anything) };
        let mut daemon = Talker::start(&mut command);
        assert_eq!(daemon.line(), format!("Some({path:?}) None 0"));
        assert_eq!(daemon.line(), "0", "sockets of a child");
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
        assert_eq!(metadata.gid() == 1, group.is_some(), "daemon is group 1");
        let run = fs::metadata(folder.join("run")).unwrap();
        assert_eq!(run.permissions().mode() & 0o777, mode);
        UnixStream::connect(&path).unwrap();
        daemon.end();
        assert!(!path.exists(), "removed at a clean end");
        fs::remove_dir(folder.join("run")).unwrap();
    }
    let mut unknown = Talker::start(part("listen", folder).arg("no such group"));
    assert!(
        unknown
            .line()
            .starts_with("there is no group `no such group`")
    );
    unknown.end();
    let mut long = Talker::start(&mut part("listen", &folder.join("x".repeat(200))));
    assert!(long.line().contains(" bytes, and 107 fit"));
    long.end();
}

pub(crate) fn what_is_in_the_way_of_a_socket(folder: &Path) {
    let path = folder.join("run/daemon.sock");
    fs::create_dir(folder.join("run")).unwrap();
    let said = || {
        let mut daemon = Talker::start(&mut part("listen", folder));
        let line = daemon.line();
        daemon.end();
        line
    };
    fs::write(&path, "precious").unwrap();
    assert!(said().contains("is no socket; it is left alone"));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();

    std::os::unix::fs::symlink("/nowhere", &path).unwrap();
    assert!(said().contains("is no socket"));
    fs::remove_file(&path).unwrap();

    let datagrams = UnixDatagram::bind(&path).unwrap();
    assert!(said().starts_with("a socket is in the way"));
    drop(datagrams);
    assert!(path.exists());
    fs::remove_file(&path).unwrap();

    let mut living = Talker::start(&mut part("listen", folder));
    living.line();
    let words = said();
    let who = format!("already: process {}, service-", living.child.id());
    assert!(words.contains(&who), "{words}");
    living.signal(libc::SIGKILL);
    living.end();
    assert!(path.exists(), "left behind by the dead");
    assert!(said().starts_with("Some("));

    // One whose queue is full must not hold the start up.
    let busy = UnixListener::bind(&path).unwrap();
    // SAFETY: it touches no memory.
    assert_eq!(unsafe { libc::listen(busy.as_raw_fd(), 0) }, 0);
    let _waiting = UnixStream::connect(&path).unwrap();
    assert!(said().starts_with("someone listens"));
}

/// A daemon with these descriptors from 3 on, as a service manager hands them over.
fn activated(folder: &Path, names: Option<&str>, sockets: &[RawFd]) -> String {
    let mut command = part("listen", folder);
    command.env("LISTEN_FDS", sockets.len().to_string());
    if let Some(names) = names {
        command.env("LISTEN_FDNAMES", names);
    }
    // The shell knows its number, which the program keeps.
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", r#"LISTEN_PID=$$ exec "$@""#, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let high: Vec<RawFd> = sockets.to_vec();
    let place = move || {
        for (to, from) in (3..).zip(&high) {
            // The standard library's own pipe may be at these numbers; it is not needed if all is well.
            // SAFETY: it touches no memory.
            unsafe { libc::dup2(*from, to) };
        }
        Ok(())
    };
    // SAFETY: it makes system calls only.
    unsafe { shell.pre_exec(place) };
    let mut daemon = Talker::start(&mut shell);
    let line = daemon.line();
    daemon.end();
    line
}

/// Moves a descriptor out of the way of those that are handed over.
fn high(socket: impl Into<std::os::fd::OwnedFd>) -> std::os::fd::OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(socket.into(), 100).unwrap()
}

pub(crate) fn sockets_of_the_service_manager(folder: &Path) {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let tcp = high(tcp);
    let path = folder.join("activated.sock");
    let unix = high(UnixListener::bind(&path).unwrap());
    let (tcp, unix) = (tcp.as_raw_fd(), unix.as_raw_fd());
    let both = format!("Some({path:?}) Some({port}) 0");
    let made = folder.join("run/daemon.sock");
    for (names, sockets, expected) in [
        (Some("api:metrics"), vec![unix, tcp], both.clone()),
        (Some("metrics:api"), vec![tcp, unix], both.clone()),
        (
            Some("thimble.socket:unknown"),
            vec![unix, tcp],
            both.clone(),
        ),
        (None, vec![tcp, unix], both),
        (Some("api"), vec![unix], format!("Some({path:?}) None 0")),
        (
            Some("metrics"),
            vec![tcp],
            format!("Some({made:?}) Some({port}) 0"),
        ),
    ] {
        assert_eq!(activated(folder, names, &sockets), expected, "{names:?}");
    }
}

pub(crate) fn sockets_that_are_not_what_they_should_be(folder: &Path) {
    let path = folder.join("activated.sock");
    let unix = high(UnixListener::bind(&path).unwrap());
    let tcp = high(TcpListener::bind("127.0.0.1:0").unwrap());
    let udp = high(UdpSocket::bind("127.0.0.1:0").unwrap());
    let connected = high(UnixStream::connect(&path).unwrap());
    let file = high(fs::File::open("/dev/null").unwrap());
    let [unix, tcp, udp, connected, file] =
        [&unix, &tcp, &udp, &connected, &file].map(std::os::fd::AsRawFd::as_raw_fd);
    for (names, sockets, expected) in [
        (
            "api",
            vec![tcp],
            "`api` that the service manager handed over is no Unix socket",
        ),
        ("metrics", vec![unix], "is no TCP socket"),
        ("metrics", vec![udp], "carries no streams"),
        ("api", vec![connected], "does not listen"),
        ("api", vec![file], "is no socket"),
        (
            "other",
            vec![unix],
            "`other` that the service manager handed over has a name",
        ),
        ("api:api", vec![unix, unix], "second of its kind"),
        ("api:metrics", vec![unix], "cannot take over"),
    ] {
        let words = activated(folder, Some(names), &sockets);
        assert!(words.contains(expected), "{names}: {words}");
    }
    // What is meant for another process is left alone.
    let mut other =
        Talker::start(part("listen", folder).envs([("LISTEN_PID", "1"), ("LISTEN_FDS", "1")]));
    assert!(other.line().contains("run/daemon.sock"));
    other.end();
    // A variable that claims a parent who is not ours is not believed.
    let mut liar = Talker::start(
        part("listen", folder).envs([("THIMBLE_SUPERVISOR", "1"), ("THIMBLE_HANDOVER", "api=0")]),
    );
    assert!(liar.line().contains("run/daemon.sock"));
    liar.end();
}
