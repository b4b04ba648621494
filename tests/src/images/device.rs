//! A device with its own folder of images and settings.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use thimble_port_linux::images::store::{ImageStore, StoreSettings};

use crate::command::{Outcome, Place, end};

/// A device: a home of its own.
pub(super) struct Device {
    pub(super) place: Place,
}

impl Device {
    pub(super) fn new() -> Self {
        Self {
            place: Place::new(),
        }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.place.path().join("root")
    }

    /// The folder of images, which is an OCI image layout.
    pub(super) fn images(&self) -> PathBuf {
        self.root().join("images")
    }

    /// Writes a file of settings.
    pub(super) fn setting(&self, name: &str, text: &str) {
        let path = self.root().join("config").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command();
        command
            .env("THIMBLE_ROOT", self.root())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `thimble` to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> Outcome {
        end(self.command(arguments).spawn().unwrap())
    }

    /// Runs `thimble`, which must succeed; its standard output.
    pub(super) fn ok(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome.stdout
    }

    /// Runs `thimble` with `--json`, which must succeed; what it told.
    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.insert(1, "--json");
        serde_json::from_str(&self.ok(&arguments)).unwrap()
    }

    /// Runs `thimble`, which must fail with this code and words.
    pub(super) fn refused(&self, code: i32, words: &[&str], arguments: &[&str]) {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, code, "{arguments:?}: {outcome:?}");
        for word in words {
            assert!(
                outcome.stderr.contains(word) || outcome.stdout.contains(word),
                "{arguments:?}: {word:?} is missing in {outcome:?}"
            );
        }
    }

    /// The store itself.
    pub(super) fn store(&self) -> ImageStore {
        ImageStore::open(&self.images(), StoreSettings::default()).unwrap()
    }

    /// Builds an image of the text of a module; its digest.
    pub(super) fn build(&self, name: &str, wat: &str) -> String {
        let module = self.place.file("module.wat", wat);
        let built = self.json(&["build", "-t", name, module.to_str().unwrap()]);
        built["digest"].as_str().unwrap().to_owned()
    }
}

/// A module that exits with this code, made unlike others by some bytes of data.
pub(super) fn exits(code: u8, data: &str) -> String {
    format!(
        r#"(module
             (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
             (memory (export "memory") 1)
             (data (i32.const 0) "{data}")
             (func (export "_start") (call $exit (i32.const {code}))))"#
    )
}
