//! A real PostgreSQL server for tests: one cluster for a test process, a database for each test.
//!
//! A shell stands between the test and the server and waits for the end of its input. That ends with the test's process
//! however it ends, and then the shell stops the server and removes its folder: nothing is left behind, not even by `kill -9`.

use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The only user, who may do everything.
const USER: &str = "thimble";
/// Where Debian keeps each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";
/// What runs the server: `$1` is the folder of the programs, `$2` that of the cluster, `$3` the settings, and the rest runs a
/// command as the user that the server needs.
const SCRIPT: &str = r#"
bin=$1 folder=$2 settings=$3
shift 3
cd "$folder" || exit 1
"$@" "$bin/initdb" -D "$folder/data" -U thimble -A trust -E UTF8 --no-sync --locale=C.UTF-8 >"$folder/log" 2>&1 &&
"$@" "$bin/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/server" -o "$settings" start >>"$folder/log" 2>&1 &&
echo ready || { cat "$folder/log" "$folder/server" 2>/dev/null; echo failed; }
while read -r command; do
    case $command in
        crash) "$@" "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >>"$folder/log" 2>&1
            "$@" "$bin/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/server" -o "$settings" start >>"$folder/log" 2>&1 &&
            echo ready || { cat "$folder/server"; echo failed; } ;;
    esac
done
"$@" "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >>"$folder/log" 2>&1
cd / && rm -rf "$folder"
"#;

/// What a server does for the sake of what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: it is fast, and a crash may lose everything.
    None,
    /// Everything, as in operation.
    Full,
}

/// A server that runs until it is dropped or the process ends.
#[derive(Debug)]
pub struct Postgres {
    shell: Child,
    input: Option<ChildStdin>,
    folder: PathBuf,
    programs: PathBuf,
    databases: AtomicU32,
    output: std::sync::Mutex<BufReader<std::process::ChildStdout>>,
}

impl Postgres {
    /// The server that all tests of this process share. It is not durable.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Durability::None))
    }

    /// Starts one that answers when this returns.
    #[must_use]
    pub fn start(durability: Durability) -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new()
            .prefix("thimble-postgres")
            .tempdir()
            .unwrap()
            .keep();
        let user = server_user(&folder);
        let mut settings = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c max_connections=400",
            folder.display()
        );
        if durability == Durability::None {
            settings.push_str(" -c fsync=off -c synchronous_commit=off -c full_page_writes=off");
        }
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&programs)
            .arg(&folder)
            .arg(settings)
            .args(user)
            .env_remove("PGDATA")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let input = shell.stdin.take();
        let output = BufReader::new(shell.stdout.take().unwrap());
        let mut server = Self {
            shell,
            input,
            folder,
            programs,
            databases: AtomicU32::new(0),
            output: std::sync::Mutex::new(output),
        };
        if let Err(said) = server.wait_until_ready() {
            server.end();
            panic!("PostgreSQL does not start:\n{said}");
        }
        server
    }

    /// Makes a new database; its address: `postgres://…`.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}"));
        format!(
            "postgres://{USER}@localhost/{name}?host={}",
            self.folder.display()
        )
    }

    /// Runs SQL in the database of this address; what it gives, without decoration.
    pub fn execute(&self, address: &str, sql: &str) -> String {
        let name = address
            .split('?')
            .next()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap();
        self.run(name, sql)
    }

    /// Ends all processes of the server at once, as a crash does, and starts it again.
    pub fn crash(&mut self) {
        writeln!(self.input.as_mut().unwrap(), "crash").unwrap();
        if let Err(said) = self.wait_until_ready() {
            panic!("PostgreSQL does not start after a crash:\n{said}");
        }
    }

    /// The folder of its programs: `pg_dump` and others.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    fn run(&self, database: &str, sql: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                USER,
                "-d",
                database,
                "-c",
                sql,
            ])
            .arg("-h")
            .arg(&self.folder)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql {sql:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Reads what the shell says until the server answers; what it said instead.
    fn wait_until_ready(&self) -> Result<(), String> {
        let mut output = self.output.lock().unwrap();
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let count = output.read_line(&mut line).unwrap();
            if line.trim_end() == "ready" {
                return Ok(());
            }
            said += &line;
            if count == 0 || line.trim_end() == "failed" {
                return Err(said);
            }
        }
    }

    fn end(&mut self) {
        drop(self.input.take());
        let _ = self.shell.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end();
    }
}

/// The folder of the newest version's programs.
fn programs() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("initdb")
                .exists()
                .then_some((version, programs))
        })
        .collect();
    versions.sort();
    match versions.pop() {
        Some((_, programs)) => programs,
        None => {
            panic!("there is no initdb below {VERSIONS}; install it: apt-get install postgresql")
        }
    }
}

/// What makes a command run as a user that the server accepts: it refuses root. The folder becomes that user's.
fn server_user(folder: &Path) -> Vec<&'static str> {
    let id = |flag: &str, user: &[&str]| {
        let output = Command::new("id").arg(flag).args(user).output().unwrap();
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse::<u32>()
            .ok()
    };
    if id("-u", &[]) != Some(0) {
        return Vec::new();
    }
    let (Some(user), Some(group)) = (id("-u", &["postgres"]), id("-g", &["postgres"])) else {
        panic!("there is no user postgres; install it: apt-get install postgresql");
    };
    chown(folder, Some(user), Some(group)).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    vec![
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
        "--",
    ]
}
