//! Landlock: which files, ports, abstract sockets and processes are within reach.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, Scope, make_bitflags,
};
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, accessat, fstat, openat};
use rustix::io::Errno;

use super::{
    AbstractSockets, Isolation, IsolationError, PortRule, Report, interpreter, system_files,
};

/// The newest rights that are asked for. Later ones would forbid what was never tried here.
const NEWEST: ABI = ABI::V6;
/// Before this, renaming from one folder to another was always forbidden, which the store of images does.
const ABI_RENAMES: i32 = 2;
/// What came with which version: rights to shorten files, ports, requests to devices, scopes.
const LATER: [(i32, &str); 2] = [
    (3, "shortening files outside its folders (Linux 6.2)"),
    (5, "requests to device files (Linux 6.10)"),
];
const ABI_PORTS: i32 = 4;
const ABI_SCOPES: i32 = 6;

/// Changing: everything but device files, requests to devices, and executing.
fn read_write() -> BitFlags<AccessFs> {
    let never = make_bitflags!(AccessFs::{Execute | MakeChar | MakeBlock | IoctlDev});
    AccessFs::from_all(NEWEST) & !never
}

fn read() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

fn execute() -> BitFlags<AccessFs> {
    AccessFs::Execute | AccessFs::ReadFile
}

/// The rules, each with the file it is about, opened.
pub(super) struct Rules(Vec<Rule>);

struct Rule {
    file: OwnedFd,
    access: BitFlags<AccessFs>,
    /// Whether the file is made up by the kernel and must stay open.
    made_up: bool,
}

impl Rules {
    pub(super) fn open(isolation: &Isolation) -> Result<Self, IsolationError> {
        let mut rules = Self(Vec::new());
        for path in &isolation.read_write {
            rules.listed(path, read_write())?;
        }
        for path in &isolation.read_only {
            rules.listed(path, read())?;
        }
        let mut linked = false;
        for path in &isolation.executables {
            rules.listed(path, execute())?;
            if let Some(loader) = interpreter::of(path) {
                linked = true;
                rules.listed(&loader, execute())?;
            }
        }
        if linked {
            for path in system_files::LIBRARIES {
                rules.if_there(Path::new(path), read());
            }
        }
        for path in system_files::readable() {
            rules.if_there(&path, read());
        }
        for path in system_files::READ_WRITE {
            rules.if_there(Path::new(path), read_write());
        }
        Ok(rules)
    }

    /// What the configuration lists must be there.
    fn listed(&mut self, path: &Path, access: BitFlags<AccessFs>) -> Result<(), IsolationError> {
        let rule = Rule::open(path, access).map_err(|error| IsolationError::Path {
            path: path.to_owned(),
            error,
        })?;
        self.0.push(rule);
        Ok(())
    }

    /// Systems differ in what they have.
    fn if_there(&mut self, path: &Path, access: BitFlags<AccessFs>) {
        self.0.extend(Rule::open(path, access));
    }
}

impl Rule {
    fn open(path: &Path, access: BitFlags<AccessFs>) -> io::Result<Self> {
        let file = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let is_folder = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::Directory;
        let access = if is_folder {
            access
        } else {
            access & AccessFs::from_file(NEWEST)
        };
        let made_up = system_files::MADE_UP
            .iter()
            .any(|root| path.starts_with(root));
        Ok(Self {
            file,
            access,
            made_up,
        })
    }
}

/// Checks that what should be changed can be, with the capabilities that are left.
pub(super) fn check_access(paths: &[PathBuf]) -> Result<(), IsolationError> {
    for path in paths {
        let mut access = Access::READ_OK | Access::WRITE_OK;
        if path.is_dir() {
            access |= Access::EXEC_OK;
        }
        // Anything else, such as a disk that is read-only now, is told by whoever writes.
        if accessat(CWD, path, access, AtFlags::EACCESS) == Err(Errno::ACCESS) {
            return Err(IsolationError::Denied {
                path: path.clone(),
                user: rustix::process::geteuid().as_raw(),
            });
        }
    }
    Ok(())
}

/// Puts the rules in force.
pub(super) fn restrict(
    isolation: &Isolation,
    rules: Rules,
    report: &mut Report,
) -> Result<(), IsolationError> {
    let version = match version() {
        Ok(version) if version >= ABI_RENAMES => version,
        Ok(_) => {
            report.lacks("files within reach (Landlock that allows renaming needs Linux 5.19)");
            return Ok(());
        }
        Err(error) => {
            report.lacks(format!(
                "files within reach (Landlock is not available: {error})"
            ));
            return Ok(());
        }
    };
    let rules = rule_set(isolation, rules).map_err(|error| IsolationError::Landlock { error })?;
    rules
        .restrict_self()
        .map_err(|error| IsolationError::Landlock { error })?;
    tell(isolation, version, report);
    Ok(())
}

fn rule_set(isolation: &Isolation, rules: Rules) -> Result<RulesetCreated, landlock::RulesetError> {
    let ports = [
        (&isolation.bind_tcp, AccessNet::BindTcp),
        (&isolation.connect_tcp, AccessNet::ConnectTcp),
    ];
    let mut set = Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?;
    for (rule, access) in ports {
        if matches!(rule, PortRule::Only(_)) {
            set = set.handle_access(access)?;
        }
    }
    let mut set = set.scope(scopes(isolation))?.create()?;
    for rule in rules.0 {
        set = set.add_rule(PathBeneath::new(rule.file.as_fd(), rule.access))?;
        if rule.made_up {
            // The kernel makes it anew when nobody holds it, and then it is not what the rule was about.
            // So it stays open for as long as the process lives.
            std::mem::forget(rule.file);
        }
    }
    for (rule, access) in ports {
        if let PortRule::Only(allowed) = rule {
            set = set.add_rules(
                allowed
                    .iter()
                    .map(|port| Ok::<_, landlock::RulesetError>(NetPort::new(*port, access))),
            )?;
        }
    }
    Ok(set)
}

fn scopes(isolation: &Isolation) -> BitFlags<Scope> {
    match isolation.abstract_sockets {
        AbstractSockets::Own => Scope::AbstractUnixSocket | Scope::Signal,
        AbstractSockets::Any => Scope::Signal.into(),
    }
}

/// Says what is in force with this version of Landlock.
fn tell(isolation: &Isolation, version: i32, report: &mut Report) {
    report.done(format!("files within reach (Landlock {version})"));
    for (needed, what) in LATER {
        if version < needed {
            report.lacks(what);
        }
    }
    for (rule, what) in [
        (&isolation.bind_tcp, "ports to listen on"),
        (&isolation.connect_tcp, "ports to connect to"),
    ] {
        match rule {
            PortRule::Any => {}
            PortRule::Only(_) if version < ABI_PORTS => report.lacks(format!("{what} (Linux 6.7)")),
            PortRule::Only(_) => report.done(what),
        }
    }
    let what = match isolation.abstract_sockets {
        AbstractSockets::Own => "signals and abstract sockets among its own only",
        AbstractSockets::Any => "signals among its own only",
    };
    if version < ABI_SCOPES {
        report.lacks(format!("{what} (Linux 6.12)"));
    } else {
        report.done(what);
    }
}

/// The version of Landlock that this kernel has.
fn version() -> io::Result<i32> {
    /// `LANDLOCK_CREATE_RULESET_VERSION`.
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag, no address and no size, the call only tells the version.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0_usize,
            VERSION,
        )
    };
    i32::try_from(version)
        .ok()
        .filter(|version| *version >= 0)
        .ok_or_else(io::Error::last_os_error)
}
