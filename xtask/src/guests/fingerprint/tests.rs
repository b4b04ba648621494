//! What makes a guest stale.

use super::{files_below, of};
use std::fs;
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("target")).unwrap();
    folder
}

#[test]
fn changes_with_contents_names_and_command_only() {
    let root = folder("fingerprint");
    fs::write(root.join("a.c"), "int a;").unwrap();
    fs::write(root.join("target/product"), "1").unwrap();
    let now = |command| of(&root, command, &files_below(&root).unwrap()).unwrap();
    let first = now("cc");
    fs::write(root.join("a.c"), "int a;").unwrap();
    fs::write(root.join("target/product"), "2").unwrap();
    assert_eq!(now("cc"), first, "same contents");
    assert_ne!(now("cc -O2"), first, "another command");
    fs::write(root.join("a.c"), "int b;").unwrap();
    let second = now("cc");
    assert_ne!(second, first, "another content");
    fs::rename(root.join("a.c"), root.join("b.c")).unwrap();
    assert_ne!(now("cc"), second, "another name");
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_missing_folder_is_named() {
    let error = files_below(&PathBuf::from("/nowhere/at/all")).unwrap_err();
    assert!(format!("{error:#}").contains("/nowhere/at/all"));
}
