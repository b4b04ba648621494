//! What a service manager hears.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::supervision::{Daemon, ask};
use crate::{Talker, part};

fn hear(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let len = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}

pub(crate) fn readiness_reaches_the_service_manager(folder: &Path) {
    let path = folder.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let mut daemon = Daemon::start(folder, |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(hear(&manager), "READY=1\n");
    ask(folder, "c");
    let words = hear(&manager);
    assert!(
        words.starts_with("STATUS=the daemon was killed by SIGABRT (6); starting it again at once"),
        "{words}"
    );
    assert!(words.contains("\nWATCHDOG=1\n"), "{words}");
    assert_eq!(hear(&manager), "READY=1\n");
    daemon.next();
    daemon.stop();
}

pub(crate) fn the_watchdog_is_fed_only_by_the_living(folder: &Path) {
    let path = folder.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let fed = |living: bool, variables: &[(&str, &str)]| {
        let mut command = part("fed", folder);
        command.env("NOTIFY_SOCKET", &path);
        command.envs(variables.iter().copied());
        if !living {
            command.arg("dead");
        }
        let mut talker = Talker::start(&mut command);
        let line = talker.line();
        (talker, line)
    };
    for variables in [
        &[][..],
        &[("WATCHDOG_USEC", "x")],
        &[("WATCHDOG_USEC", "0")],
        &[("WATCHDOG_USEC", "100000"), ("WATCHDOG_PID", "1")],
    ] {
        let (talker, line) = fed(true, variables);
        assert_eq!(line, "none", "{variables:?}");
        talker.end();
    }
    let (talker, line) = fed(true, &[("WATCHDOG_USEC", "20000")]);
    assert_eq!(line, "20ms");
    assert_eq!(hear(&manager), "STATUS=two\n");
    for _ in 0..3 {
        assert_eq!(hear(&manager), "WATCHDOG=1\n");
    }
    talker.signal(libc::SIGKILL);
    talker.end();
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut [0; 64]).is_ok() {}
    manager.set_nonblocking(false).unwrap();

    // The parent's watchdog is the child's.
    let parent = std::process::id().to_string();
    let (talker, line) = fed(
        false,
        &[
            ("WATCHDOG_USEC", "20000"),
            ("WATCHDOG_PID", &parent),
            ("THIMBLE_SUPERVISOR", &parent),
        ],
    );
    assert_eq!(line, "20ms");
    assert_eq!(hear(&manager), "STATUS=two\n");
    assert_eq!(hear(&manager), "STOPPING=1\n", "the dead feed nobody");
    talker.end();
}
