//! Names and paths that are meant to lead out, to meet, or to wear the device down.

use super::*;
use crate::shared::hash;

#[test]
fn no_path_leads_out() {
    let volumes = volumes(&Memory::new());
    let mut secret = volumes.open("c", "secret", MUCH).unwrap();
    file(&mut *secret, "file", CREATE).unwrap();
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let mount = &mut *mount;
    make_folder(mount, "d").unwrap();
    symlink(mount, "../secret", "out").unwrap();
    symlink(mount, "../../secret", "d/out").unwrap();
    symlink(mount, "d/../..", "up").unwrap();
    symlink(mount, "out/file", "twice").unwrap();
    let paths = [
        "/",
        "/secret",
        "..",
        "../",
        "../secret",
        "d/../..",
        "d/../../secret/file",
        "out",
        "out/",
        "out/file",
        "d/out",
        "up/secret",
        "twice",
        "./../secret",
    ];
    for path in paths {
        for how in [How::default(), CREATE] {
            let opened = open(mount, path, how).err();
            // A link is not followed where a folder cannot be made anyway.
            let is_folder = how.create && path == "out/";
            let expected = if is_folder {
                Errno::IsDirectory
            } else {
                Errno::NotCapable
            };
            assert_eq!(opened, Some(expected), "{path}");
        }
        assert_eq!(
            stat(mount, path, true).err(),
            Some(Errno::NotCapable),
            "{path}"
        );
        let inside = alloc::format!("{path}/x");
        assert_eq!(
            make_folder(mount, &inside),
            Err(Errno::NotCapable),
            "{path}"
        );
        assert_eq!(remove(mount, &inside), Err(Errno::NotCapable), "{path}");
        assert_eq!(
            rename(mount, "d", None, &inside),
            Err(Errno::NotCapable),
            "{path}"
        );
        assert_eq!(
            link(mount, &inside, None, "x"),
            Err(Errno::NotCapable),
            "{path}"
        );
    }
    assert_eq!(symlink(mount, "/etc", "absolute"), Err(Errno::NotCapable));
    let mut inner = folder(mount, "d").unwrap();
    assert_eq!(
        stat(&mut *inner, "../d", true).err(),
        Some(Errno::NotCapable)
    );
    assert_eq!(
        rename(mount, "d", Some(&*secret), "d"),
        Err(Errno::CrossDevice)
    );
    assert_eq!(
        link(mount, "up", Some(&*secret), "x"),
        Err(Errno::CrossDevice)
    );
    let mut other = volumes.open("other", "data", MUCH).unwrap();
    assert_eq!(
        rename(&mut *other, "x", Some(&*mount), "x"),
        Err(Errno::CrossDevice)
    );
    assert_eq!(list(&mut *secret, 9).unwrap().len(), 1);
}

#[test]
fn hostile_names_are_names() {
    let memory = Memory::new();
    let volumes = volumes(&memory);
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let mount = &mut *mount;
    let long = "n".repeat(255);
    let names = [
        "...",
        " ",
        "%",
        "\u{1}",
        "a\u{0}b",
        "\\",
        "é",
        "e\u{301}",
        "A",
        "a",
        "-rf",
        "*",
        long.as_str(),
        "\u{202e}",
        "con",
        "~",
    ];
    for name in names {
        let mut file = file(mount, name, CREATE).unwrap();
        write_all(&mut *file, 0, name.as_bytes()).unwrap();
    }
    for name in names {
        let mut file = file(mount, name, How::default()).unwrap();
        assert_eq!(read(&mut *file, 0, 300).unwrap(), name.as_bytes());
    }
    let listed: BTreeSet<_> = list(mount, 2)
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(listed, names.iter().map(|name| (*name).into()).collect());
    let longer = "n".repeat(256);
    assert_eq!(make_folder(mount, &longer), Err(Errno::NameTooLong));
    assert_eq!(
        symlink(mount, &"t/".repeat(300), "s"),
        Err(Errno::NameTooLong)
    );
    assert_eq!(
        stat(mount, &alloc::format!("{longer}/x"), true).err(),
        Some(Errno::NameTooLong)
    );
}

#[test]
fn links_in_circles_end() {
    let volumes = volumes(&Memory::new());
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let mount = &mut *mount;
    symlink(mount, "b/x", "a").unwrap();
    symlink(mount, "a/y", "b").unwrap();
    symlink(mount, "self", "self").unwrap();
    for path in ["a", "b", "self", "a/z", "self/"] {
        assert_eq!(stat(mount, path, true).err(), Some(Errno::Loop), "{path}");
        let made = file(mount, path, CREATE).err();
        let is_folder = path.ends_with('/');
        let expected = if is_folder {
            Errno::IsDirectory
        } else {
            Errno::Loop
        };
        assert_eq!(made, Some(expected), "{path}");
    }
    // Forty links are followed, as on Linux, and one more is not.
    file(mount, "f", CREATE).unwrap();
    symlink(mount, "f", "l0").unwrap();
    for number in 1..41 {
        let target = alloc::format!("l{}", number - 1);
        symlink(mount, &target, &alloc::format!("l{number}")).unwrap();
    }
    assert!(stat(mount, "l39", true).is_ok());
    assert_eq!(stat(mount, "l40", true).err(), Some(Errno::Loop));
}

#[test]
fn names_of_one_hash_are_apart() {
    let mut seen: BTreeMap<u32, String> = BTreeMap::new();
    let mut numbers = (0_u64..).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (first, second) = loop {
        let name = alloc::format!("{:x}", numbers.next().unwrap());
        if let Some(other) = seen.insert(hash(name.as_bytes()), name.clone()) {
            break (other, name);
        }
    };
    let memory = Memory::new();
    let volumes = volumes(&memory);
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let mount = &mut *mount;
    file(mount, &first, CREATE).unwrap();
    assert_eq!(stat(mount, &second, true).err(), Some(Errno::NoEntry));
    make_folder(mount, &second).unwrap();
    assert_eq!(list(mount, 1).unwrap().len(), 2);
    remove(mount, &first).unwrap();
    assert_eq!(
        stat(mount, &second, true).unwrap().filetype,
        filetype::DIRECTORY
    );
    rename(mount, &second, None, &first).unwrap();
    assert_eq!(stat(mount, &second, true).err(), Some(Errno::NoEntry));
    remove_folder(mount, &first).unwrap();
    assert_eq!(checked(&memory, "c"), Usage::default());
}

#[test]
fn a_deep_tree_is_no_trouble() {
    let volumes = volumes(&Memory::new());
    let mut deepest = volumes.open("c", "data", MUCH).unwrap();
    for _ in 0..1000 {
        make_folder(&mut *deepest, "d").unwrap();
        deepest = folder(&mut *deepest, "d").unwrap();
    }
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    assert!(stat(&mut *mount, &"d/".repeat(1000), true).is_ok());
    assert_eq!(
        rename(&mut *mount, "d", Some(&*deepest), "d"),
        Err(Errno::Invalid)
    );
}

#[test]
fn a_directory_without_a_name_takes_none() {
    let memory = Memory::new();
    let volumes = volumes(&memory);
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    make_folder(&mut *mount, "d").unwrap();
    file(&mut *mount, "f", CREATE).unwrap();
    let mut gone = folder(&mut *mount, "d").unwrap();
    remove_folder(&mut *mount, "d").unwrap();
    assert_eq!(make_folder(&mut *gone, "x"), Err(Errno::NoEntry));
    assert_eq!(file(&mut *gone, "x", CREATE).err(), Some(Errno::NoEntry));
    assert_eq!(
        rename(&mut *mount, "f", Some(&*gone), "x"),
        Err(Errno::NoEntry)
    );
    assert_eq!(
        link(&mut *mount, "f", Some(&*gone), "x"),
        Err(Errno::NoEntry)
    );
    assert_eq!(stat(&mut *gone, "", true).unwrap().links, 0);
    assert!(entries(&mut *gone, 0, 9).unwrap().is_empty());
    drop(gone);
    assert_eq!(checked(&memory, "c"), volumes.usage("c").unwrap());
}

#[test]
fn cookies_stay_good_while_a_directory_changes() {
    let volumes = volumes(&Memory::new());
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let mount = &mut *mount;
    for number in 0..300 {
        file(mount, &alloc::format!("stays-{number}"), CREATE).unwrap();
        file(mount, &alloc::format!("goes-{number}"), CREATE).unwrap();
    }
    let (mut seen, mut cookie, mut round) = (Vec::new(), 0, 0);
    loop {
        let batch = entries(mount, cookie, 7).unwrap();
        let Some(last) = batch.last() else { break };
        cookie = last.next;
        for entry in &batch {
            if entry.name.starts_with("goes") {
                remove(mount, &entry.name).unwrap();
            }
            seen.push(entry.name.clone());
        }
        round += 1;
        file(mount, &alloc::format!("comes-{round}"), CREATE).unwrap();
    }
    let stays = seen.iter().filter(|name| name.starts_with("stays")).count();
    let goes = seen.iter().filter(|name| name.starts_with("goes")).count();
    assert_eq!((stays, goes), (300, 300));
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
    assert!(entries(mount, u64::MAX, 9).unwrap().is_empty());
    assert!(entries(mount, 1 << 45, 9).unwrap().is_empty());
}
