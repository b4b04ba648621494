use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use thimble_device_api::ProblemKind;

use super::{Place, normal, unpack};

fn place(folder: &Path, below: &str) -> Place {
    Place {
        folder: folder.to_owned(),
        below: below.into(),
        shown: format!("/data/{below}"),
        volume: None,
    }
}

fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        // The builder refuses what a hostile archive may hold.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        let is_link = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content);
        }
        let content = if is_link { &[][..] } else { content };
        header.set_size(u64::try_from(content.len()).unwrap());
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn a_folder_comes_back_as_it_was_sent() {
    let from = tempfile::tempdir().unwrap();
    fs::create_dir_all(from.path().join("logs/deep/empty")).unwrap();
    fs::write(from.path().join("logs/a.txt"), b"one").unwrap();
    fs::write(from.path().join("logs/deep/b.bin"), vec![7; 100_000]).unwrap();
    symlink("a.txt", from.path().join("logs/link")).unwrap();
    let mut bytes = Vec::new();
    place(from.path(), "logs")
        .open()
        .unwrap()
        .write_to(&mut bytes)
        .unwrap();

    let to = tempfile::tempdir().unwrap();
    unpack(&place(to.path(), "copy"), bytes.as_slice()).unwrap();
    let copy = to.path().join("copy/logs");
    assert_eq!(fs::read(copy.join("a.txt")).unwrap(), b"one");
    assert_eq!(fs::read(copy.join("deep/b.bin")).unwrap(), vec![7; 100_000]);
    assert!(copy.join("deep/empty").is_dir());
    assert_eq!(
        fs::read_link(copy.join("link")).unwrap(),
        PathBuf::from("a.txt")
    );
}

#[test]
fn links_that_a_guest_made_lead_nowhere() {
    let volume = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), b"secret").unwrap();
    symlink(outside.path(), volume.path().join("out")).unwrap();
    symlink("/etc", volume.path().join("etc")).unwrap();

    let mut bytes = Vec::new();
    assert!(place(volume.path(), "out/secret").open().is_err());
    assert!(place(volume.path(), "etc/passwd").open().is_err());
    // The links themselves are sent, and nothing behind them.
    place(volume.path(), "")
        .open()
        .unwrap()
        .write_to(&mut bytes)
        .unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"));

    let written = archive(&[("out/new", tar::EntryType::Regular, b"x")]);
    assert!(unpack(&place(volume.path(), ""), written.as_slice()).is_err());
    assert!(!outside.path().join("new").exists());
}

#[test]
fn hostile_archives_are_refused() {
    let cases: [(&str, Vec<u8>); 6] = [
        (
            "leads out",
            archive(&[("../up", tar::EntryType::Regular, b"x")]),
        ),
        (
            "leads out",
            archive(&[("/etc/cron.d/x", tar::EntryType::Regular, b"x")]),
        ),
        ("of a kind", archive(&[("dev", tar::EntryType::Char, b"")])),
        (
            "of a kind",
            archive(&[("hard", tar::EntryType::Link, b"/etc/passwd")]),
        ),
        (
            "cannot be unpacked",
            archive(&[
                ("link", tar::EntryType::Symlink, b"/etc"),
                ("link/cron.d/x", tar::EntryType::Regular, b"x"),
            ]),
        ),
        (
            "cannot be unpacked",
            b"this is no archive, but it is long enough for one block".repeat(20),
        ),
    ];
    for (says, bytes) in cases {
        let folder = tempfile::tempdir().unwrap();
        let problem = unpack(&place(folder.path(), ""), bytes.as_slice()).expect_err(says);
        assert_eq!(problem.kind, ProblemKind::Invalid, "{problem}");
        assert!(problem.detail.contains(says), "{says}: {problem}");
    }
}

#[test]
fn paths_are_taken_apart_without_leaving() {
    for (text, found) in [
        ("/a/b", Some("a/b")),
        ("/a/./b/", Some("a/b")),
        ("//a", None),
        ("/", Some("")),
        ("a", None),
        ("/a/../b", None),
    ] {
        assert_eq!(normal(text), found.map(PathBuf::from), "{text}");
    }
}
