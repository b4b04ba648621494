//! A process that has given up everything cannot do what it should not, and goes on with what it should.
//!
//! The program is its own child: the first argument says which part it plays. As root it plays them as root and as
//! a user without rights.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "everything here is a test and may stop at the first surprise"
)]

mod allowed;
mod attempts;
mod guest;
mod refused;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use thimble_daemon::isolation::{
    AbstractSockets, Isolation, IsolationError, LowPorts, PortRule, Strictness, apply,
};

/// A user who owns nothing.
const NOBODY: u32 = 65534;

type Part = fn(&[String]);

const PARTS: [(&str, Part); 11] = [
    ("works", works),
    ("refused", is_refused),
    ("ports", ports),
    ("threads", threads),
    ("denied", denied),
    ("off", off),
    ("old", old),
    ("attempt", |arguments| attempts::attempt(&arguments[0])),
    ("answer", |_| std::process::exit(attempts::ANSWER)),
    ("wait", |_| {
        drop(std::io::stdin().read_line(&mut String::new()))
    }),
    ("execute", execute),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((_, part)) = PARTS
        .iter()
        .find(|(name, _)| Some(*name) == arguments.first().map(String::as_str))
    {
        return part(&arguments[1..]);
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let mut failed = 0;
    for (name, _) in &PARTS[..7] {
        for user in users() {
            let shown = format!("{name} as {user:?}");
            if filter.is_some_and(|filter| !shown.contains(filter)) {
                continue;
            }
            let well = play(name, user);
            println!("test {shown} ... {}", if well { "ok" } else { "FAILED" });
            failed += usize::from(!well);
        }
    }
    assert_eq!(failed, 0, "parts failed");
}

fn users() -> Vec<Option<u32>> {
    if rustix::process::geteuid().is_root() {
        vec![None, Some(NOBODY)]
    } else {
        vec![None]
    }
}

fn play(part: &str, user: Option<u32>) -> bool {
    let world = tempfile::tempdir().unwrap();
    std::fs::set_permissions(world.path(), PermissionsExt::from_mode(0o755)).unwrap();
    for name in ["state", "outside"] {
        let folder = world.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::chown(&folder, user, user).unwrap();
    }
    std::fs::write(world.path().join("outside/there"), "there").unwrap();
    std::fs::set_permissions(
        world.path().join("outside/there"),
        PermissionsExt::from_mode(0o666),
    )
    .unwrap();
    // Cargo's folders may be closed to other users.
    let program = world.path().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(&program);
    command.arg(part).arg(world.path());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.status().unwrap().success()
}

/// What the parts keep.
fn isolation(world: &Path) -> Isolation {
    Isolation {
        read_write: vec![world.join("state")],
        executables: vec![world.join("program")],
        ..Isolation::default()
    }
}

fn world(arguments: &[String]) -> PathBuf {
    PathBuf::from(&arguments[0])
}

fn works(arguments: &[String]) {
    let world = world(arguments);
    let before = allowed::before();
    let report = apply(&isolation(&world), Strictness::Require).unwrap();
    println!("{report}");
    assert!(report.missing().is_empty());
    allowed::all(&world, &before);
}

fn is_refused(arguments: &[String]) {
    let world = world(arguments);
    let mut isolation = isolation(&world);
    isolation.low_ports = LowPorts::GiveUp;
    let outside = refused::before();
    apply(&isolation, Strictness::Require).unwrap();
    refused::all(&world, &outside);
}

fn ports(arguments: &[String]) {
    let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = bound.local_addr().unwrap().port();
    let mut isolation = isolation(&world(arguments));
    isolation.connect_tcp = PortRule::Only(vec![port]);
    isolation.bind_tcp = PortRule::Only(Vec::new());
    isolation.abstract_sockets = AbstractSockets::Any;
    let report = apply(&isolation, Strictness::Require).unwrap();
    assert!(report.to_string().contains("ports to connect to"));
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let other = if port == 80 { 81 } else { 80 };
    refused::is(
        std::net::TcpStream::connect(("127.0.0.1", other)),
        libc::EACCES,
        "another port",
    );
    refused::is(
        std::net::TcpListener::bind("127.0.0.1:0"),
        libc::EACCES,
        "any port",
    );
}

fn threads(arguments: &[String]) {
    let isolation = isolation(&world(arguments));
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv());
    let error = apply(&isolation, Strictness::BestEffort).unwrap_err();
    assert!(
        matches!(error, IsolationError::Threads { count: 2 }),
        "{error}"
    );
    drop(end);
    thread.join().unwrap().unwrap_err();
}

/// What is listed and is not there, and what belongs to somebody else.
fn denied(arguments: &[String]) {
    let world = world(arguments);
    let mut absent = isolation(&world);
    absent.read_only.push(world.join("absent"));
    let error = apply(&absent, Strictness::BestEffort).unwrap_err();
    assert!(matches!(error, IsolationError::Path { .. }), "{error}");

    let mut foreign = isolation(&world);
    let folder = world.join("foreign");
    if rustix::process::geteuid().is_root() {
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&folder, Some(NOBODY), None).unwrap();
        foreign.read_write.push(folder);
    } else {
        foreign.read_write.push(PathBuf::from("/etc"));
    }
    let error = apply(&foreign, Strictness::BestEffort).unwrap_err();
    assert!(
        matches!(error, IsolationError::Denied { .. }) && error.to_string().contains("chown"),
        "{error}"
    );
}

fn off(arguments: &[String]) {
    let world = world(arguments);
    let report = apply(&isolation(&world), "off".parse().unwrap()).unwrap();
    assert_eq!(report.to_string(), "not isolated");
    std::fs::write(world.join("outside/there"), "written").unwrap();
}

/// On a kernel that has neither Landlock nor filters of system calls, or whose container forbids them.
fn old(arguments: &[String]) {
    use seccompiler::{SeccompAction, SeccompFilter};
    let absent = [libc::SYS_landlock_create_ruleset, libc::SYS_seccomp];
    let errno = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let target = std::env::consts::ARCH.try_into().unwrap();
    let rules = absent.map(|call| (call, Vec::new())).into();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, target).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();

    let isolation = isolation(&world(arguments));
    let report = apply(&isolation, Strictness::BestEffort).unwrap();
    assert_eq!(report.missing().len(), 2, "{report}");
    let words = report.to_string();
    assert!(words.contains("; not possible here: files"), "{words}");
    let error = apply(&isolation, Strictness::Require).unwrap_err();
    assert!(
        matches!(&error, IsolationError::Unsupported { missing } if missing.len() == 2),
        "{error}"
    );
}

/// Not a test: executes a program under the restrictions, to try them by hand.
fn execute(arguments: &[String]) {
    let [program, folders, rest @ ..] = arguments else {
        panic!("execute PROGRAM FOLDER:FOLDER… ARGUMENT…");
    };
    let isolation = Isolation {
        read_write: std::env::split_paths(folders).collect(),
        executables: vec![program.into()],
        ..Isolation::default()
    };
    eprintln!("{}", apply(&isolation, Strictness::BestEffort).unwrap());
    panic!("{}", Command::new(program).args(rest).exec());
}
