//! A hub, and somebody who operates it: both programs as people start them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The folder in which `cargo` puts programs.
fn programs() -> PathBuf {
    let thimble = Path::new(env!("CARGO_BIN_EXE_thimble"));
    thimble.parent().unwrap().to_owned()
}

fn hub_program() -> PathBuf {
    let path = programs().join("thimble-hub");
    assert!(
        path.exists(),
        "{} is missing; run `cargo build -p thimble-hub`",
        path.display()
    );
    path
}

/// A hub that serves until it is dropped, with SQLite in a folder of its own.
pub(crate) struct Hub {
    _folder: TempDir,
    child: Child,
    pub(crate) url: String,
    /// The first admin's.
    pub(crate) token: String,
}

impl Hub {
    pub(crate) fn start() -> Self {
        Self::with("http", "")
    }

    /// One with more settings of what operators find.
    pub(crate) fn with(scheme: &str, more: &str) -> Self {
        let folder = TempDir::with_prefix("thimble-hub-").unwrap();
        let config = folder.path().join("hub.toml");
        std::fs::write(
            &config,
            format!(
                "folder = {:?}\n[devices]\nlisten = \"127.0.0.1:0\"\n[operators]\nlisten = \"127.0.0.1:0\"\n{more}",
                folder.path()
            ),
        )
        .unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "correct horse battery\n").unwrap();
        let init = Command::new(hub_program())
            .args(["init", "--config"])
            .arg(&config)
            .arg("--password-file")
            .arg(&password)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&init.stderr);
        assert!(init.status.success(), "{said}");
        let token = String::from_utf8(init.stdout).unwrap().trim().to_owned();
        let mut child = Command::new(hub_program())
            .args(["serve", "--config"])
            .arg(&config)
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        let operators = loop {
            let mut line = String::new();
            let read = lines.read_line(&mut line).unwrap();
            assert!(read > 0, "the hub does not serve: {seen}");
            seen.push_str(&line);
            if let Some((_, rest)) = line.split_once("operators=") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        // What it says later must not stand still.
        std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::sink())));
        Self {
            _folder: folder,
            child,
            url: format!("{scheme}://{operators}"),
            token,
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a run of the command gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Somebody with settings and images of their own.
pub(crate) struct Operator {
    pub(crate) root: TempDir,
}

impl Operator {
    pub(crate) fn new() -> Self {
        Self {
            root: TempDir::with_prefix("thimble-operator-").unwrap(),
        }
    }

    /// One who has signed in as the first admin.
    pub(crate) fn of(hub: &Hub) -> Self {
        let operator = Self::new();
        let login = ["login", &hub.url, "--token-file", "-"];
        let outcome = operator.with_input(&login, &hub.token);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        operator
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The command, begun: all that it says can be read.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_thimble"))
            .args(arguments)
            .current_dir(self.root.path())
            .env_clear()
            .env("THIMBLE_ROOT", self.path("thimble"))
            .env("DOCKER_CONFIG", self.path("docker"))
            .env("HOME", self.root.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn thimble(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = self.begin(arguments);
        // Who reads no input ends without it.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// `thimble fleet …`, with standard input.
    pub(crate) fn with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut all = vec!["fleet"];
        all.extend(arguments);
        self.thimble(&all, input)
    }

    /// `thimble fleet …`, which must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let outcome = self.with_input(arguments, "");
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome.stdout
    }

    /// `thimble fleet … --json`, which must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        serde_json::from_str(&self.ok(&all)).unwrap()
    }

    /// `thimble fleet …`, which must be refused with these words.
    pub(crate) fn refused(&self, code: i32, words: &[&str], arguments: &[&str]) {
        let outcome = self.with_input(arguments, "");
        assert_eq!(outcome.code, code, "{arguments:?}: {outcome:?}");
        for word in words {
            assert!(
                outcome.stderr.contains(word),
                "{arguments:?}: {word:?} is not in {}",
                outcome.stderr
            );
        }
    }

    /// Compares an output with the one that is kept; `UPDATE=1` keeps it.
    pub(crate) fn golden(&self, name: &str, hub: &Hub, text: &str) {
        self.golden_text(name, &self.timeless(hub, text));
    }

    /// The same of a text that no hub has a part in.
    pub(crate) fn golden_text(&self, name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/operators/golden")
            .join(format!("{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, kept, "{name}: UPDATE=1 keeps what there is now");
    }

    /// The same text without what is different in every run.
    fn timeless(&self, hub: &Hub, text: &str) -> String {
        let text = text
            .replace(&hub.url, "http://HUB")
            .replace(self.root.path().to_str().unwrap(), "ROOT");
        let mut result = String::new();
        for line in text.split_inclusive('\n') {
            let words =
                line.split_inclusive(|letter: char| " \"=,:;()".contains(letter) || letter == '\n');
            // A moment holds colons.
            let mut rest = String::new();
            for word in words {
                rest.push_str(&nameless(word));
            }
            result.push_str(&columnless(&ageless(&momentless(&rest))));
        }
        result
    }
}

/// An id, a digest or a secret becomes a word.
fn nameless(word: &str) -> String {
    let bare = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let end = word.get(bare.len()..).unwrap_or_default();
    let is_hex = |text: &str| text.chars().all(|letter| letter.is_ascii_hexdigit());
    let is_id = bare.len() == 36 && bare.split('-').count() == 5 && is_hex(&bare.replace('-', ""));
    if is_id {
        return format!("ID{end}");
    }
    if bare.len() == 64 && is_hex(bare) {
        return format!("DIGEST{end}");
    }
    if bare.starts_with("thb_") || bare.starts_with("thc_") {
        return format!("SECRET{end}");
    }
    word.to_owned()
}

/// A moment becomes a word: `2026-11-23T21:00:00Z`.
fn momentless(line: &str) -> String {
    const LENGTH: usize = 20;
    let mut result = String::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let is_moment = rest.get(..LENGTH).is_some_and(|text| {
            let form: String = text
                .chars()
                .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
                .collect();
            form == "0000-00-00T00:00:00Z"
        });
        if is_moment {
            result.push_str("MOMENT");
            rest = &rest[LENGTH..];
        } else {
            result.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    result
}

/// How long ago something was becomes a word.
fn ageless(line: &str) -> String {
    let line = line.replace("just now", "AGO");
    let words: Vec<&str> = line.split(' ').collect();
    let mut result: Vec<&str> = Vec::new();
    for word in words {
        let is_end = word.trim_end() == "ago";
        let is_unit = result
            .last()
            .is_some_and(|unit| unit.starts_with("second") || unit.starts_with("minute"));
        if is_end && is_unit {
            result.truncate(result.len() - 2);
            result.push("AGO");
            if word.ends_with('\n') {
                result.push("\n");
            }
        } else {
            result.push(word);
        }
    }
    result.join(" ").replace(" \n", "\n")
}

/// Columns are as wide as what was in them: their width says nothing.
fn columnless(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let mut result = line.get(..line.len() - text.len()).unwrap().to_owned();
    let mut spaces = 0;
    for letter in text.chars() {
        if letter == ' ' {
            spaces += 1;
            continue;
        }
        result.push_str(match spaces {
            0 => "",
            1 => " ",
            _ => "   ",
        });
        spaces = 0;
        result.push(letter);
    }
    result
}
