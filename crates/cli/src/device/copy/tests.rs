//! Archives of containers that mean no good, and files that travel.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use tempfile::TempDir;

use super::pack::Packed;
use super::unpack::unpack;

/// An archive with entries as raw as they are given: name, kind, content or where a link leads.
fn archive(entries: &[(&str, u8, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::new(*kind));
        header.set_mode(0o644);
        let is_file = *kind == b'0';
        if !is_file && !content.is_empty() {
            let field = &mut header.as_old_mut().linkname;
            field[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_size(if is_file { content.len() as u64 } else { 0 });
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        if is_file {
            bytes.extend_from_slice(content.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Everything below a folder, with its content.
fn listed(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_dir() && !path.is_symlink() {
                found.push((name + "/", String::new()));
                left.push(path);
            } else {
                found.push((name, fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn files_and_folders_land_where_cp_would_put_them() {
    let file = archive(&[("x.txt", b'0', "hi")]);
    let folder = archive(&[("d/", b'5', ""), ("d/a", b'0', "1"), ("d/e/f", b'0', "2")]);
    for (archive, asked, to, expected) in [
        (&file, "x.txt", "", &[("x.txt", "hi")][..]),
        (&file, "x.txt", "y.txt", &[("y.txt", "hi")]),
        (
            &folder,
            "d",
            "",
            &[("d/", ""), ("d/a", "1"), ("d/e/", ""), ("d/e/f", "2")],
        ),
        (
            &folder,
            "d",
            "n",
            &[("n/", ""), ("n/a", "1"), ("n/e/", ""), ("n/e/f", "2")],
        ),
    ] {
        let place = TempDir::new().unwrap();
        let left_out = unpack(archive.as_slice(), Some(asked), &place.path().join(to)).unwrap();
        assert!(left_out.is_empty());
        let found = listed(place.path());
        let found: Vec<_> = found
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        assert_eq!(found, expected, "{asked} to {to:?}");
    }
}

#[test]
fn nothing_is_written_outside_of_the_target() {
    for entries in [
        &[("../x", b'0', "bad")][..],
        &[("/etc/x", b'0', "bad")],
        &[("d/", b'5', ""), ("d/../../x", b'0', "bad")],
        &[("d/", b'5', ""), ("e/x", b'0', "bad")],
        &[
            ("d/", b'5', ""),
            ("d/l", b'2', "/tmp"),
            ("d/l/x", b'0', "fine, a folder of its own"),
        ],
        &[("d/", b'5', ""), ("d/l", b'1', "../../x")],
        &[("d/", b'5', ""), ("d/n", b'3', "")],
        &[],
    ] {
        let place = TempDir::new().unwrap();
        fs::create_dir(place.path().join("in")).unwrap();
        // A link that was there before leads nowhere either.
        std::os::unix::fs::symlink("/nowhere", place.path().join("in/link")).unwrap();
        let result = unpack(
            archive(entries).as_slice(),
            Some("d"),
            &place.path().join("in"),
        );
        let outside: Vec<_> = listed(place.path())
            .into_iter()
            .filter(|(name, _)| !name.starts_with("in/"))
            .collect();
        assert!(outside.is_empty(), "{entries:?}: {outside:?} {result:?}");
    }
}

#[test]
fn links_that_are_in_the_way_are_not_followed_out() {
    let place = TempDir::new().unwrap();
    let secret = place.path().join("secret");
    fs::write(&secret, "kept").unwrap();
    fs::create_dir_all(place.path().join("in/d")).unwrap();
    std::os::unix::fs::symlink(&secret, place.path().join("in/d/x")).unwrap();
    let archive = archive(&[("d/", b'5', ""), ("d/x", b'0', "bad")]);
    unpack(archive.as_slice(), Some("d"), &place.path().join("in")).unwrap_err();
    assert_eq!(fs::read_to_string(secret).unwrap(), "kept");
}

#[test]
fn half_an_archive_is_an_error() {
    let mut archive = archive(&[("x", b'0', "some text that is long enough")]);
    archive.truncate(520);
    let place = TempDir::new().unwrap();
    unpack(archive.as_slice(), Some("x"), place.path()).unwrap_err();
    unpack(&[7_u8; 2000][..], Some("x"), place.path()).unwrap_err();
}

#[test]
fn what_is_packed_is_unpacked() {
    let place = TempDir::new().unwrap();
    let from = place.path().join("from");
    fs::create_dir_all(from.join("a/b")).unwrap();
    fs::write(from.join("a/b/c"), "x".repeat(100_000)).unwrap();
    let to = place.path().join("to");
    let packed = Packed::new(&from, "called".into()).unwrap();
    unpack(packed, Some("called"), &to).unwrap();
    assert_eq!(listed(&from), listed(&to));
}

#[test]
fn what_cannot_be_packed_is_told_to_the_reader() {
    let place = TempDir::new().unwrap();
    let mut packed = Packed::new(&place.path().join("gone"), "gone".into()).unwrap();
    let error = packed.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}
