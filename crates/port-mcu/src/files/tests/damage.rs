//! Whatever lies in the records: never a panic, and nobody else is harmed.

use super::*;

/// A container with some of everything.
fn populated(memory: &Memory, container: &str) {
    let volumes = volumes(memory);
    let mut mount = volumes.open(container, "data", MUCH).unwrap();
    let mount = &mut *mount;
    make_folder(mount, "d").unwrap();
    for path in ["f", "d/f"] {
        write_all(&mut *file(mount, path, CREATE).unwrap(), 0, &[3; 1500]).unwrap();
    }
    link(mount, "f", None, "d/g").unwrap();
    symlink(mount, "d/f", "s").unwrap();
}

/// Uses all of it, whatever it says.
fn use_all(memory: &Memory, container: &str) -> Option<()> {
    let volumes = volumes(memory);
    let mut mount = volumes.open(container, "data", MUCH).ok()?;
    let mount = &mut *mount;
    let paths = ["f", "d", "d/f", "d/g", "s", "d/new", "n"];
    for path in paths {
        let _ = stat(mount, path, true);
        let _ = read_link(mount, path);
        if let Ok(Opened::File(mut file, _)) = open(mount, path, CREATE) {
            let _ = read(&mut *file, 0, 4000);
            let _ = write(&mut *file, Position::At(600), &[1; 700]);
            let _ = set_size(&mut *file, 100);
            let _ = set_size(&mut *file, 5000);
        }
    }
    let _ = list(mount, 3);
    if let Ok(mut inner) = folder(mount, "d") {
        let _ = list(&mut *inner, 3);
    }
    let _ = rename(mount, "f", None, "d/g");
    let _ = rename(mount, "d", None, "e");
    let _ = rename(mount, "e", None, "d");
    let _ = link(mount, "d/f", None, "x");
    for path in ["d/f", "d/g", "d/new", "s", "f", "x", "n"] {
        let _ = remove(mount, path);
    }
    let _ = remove_folder(mount, "d");
    let _ = volumes.usage(container);
    Some(())
}

#[test]
fn garbage_harms_nobody_else_and_never_panics() {
    let memory = Memory::new();
    populated(&memory, "c");
    populated(&memory, "other");
    let whole = memory.state().records.clone();
    let others = dump(&mut *volumes(&memory).open("other", "data", MUCH).unwrap());
    let owner = Key::owner(prefix::FILE, "c").unwrap();
    let own: Vec<Vec<u8>> = whole
        .keys()
        .filter(|key| key.starts_with(owner.as_bytes()))
        .cloned()
        .collect();
    let mut random = Random::new(0x64_616d);
    for key in &own {
        for round in 0..40 {
            {
                let mut state = memory.state();
                state.records = whole.clone();
                let mut value = whole[key].clone();
                match round {
                    0 => value.clear(),
                    1..20 if !value.is_empty() => {
                        let place = random.below(value.len());
                        value[place] ^= u8::try_from(random.below(255) + 1).unwrap();
                    }
                    _ => {
                        let length = random.below(900);
                        value = random.bytes(length);
                    }
                }
                if round == 39 {
                    state.records.remove(key);
                } else {
                    state.records.insert(key.clone(), value);
                }
            }
            let _ = use_all(&memory, "c");
            let mut other = volumes(&memory).open("other", "data", MUCH).unwrap();
            assert_eq!(dump(&mut *other), others);
            drop(other);
            // However damaged it is, it can be removed, and is new then.
            volumes(&memory).remove("c").unwrap();
            let mut mount = volumes(&memory).open("c", "data", MUCH).unwrap();
            assert!(list(&mut *mount, 9).unwrap().is_empty());
        }
    }
}

#[test]
fn records_that_nobody_wrote_are_left_alone() {
    let memory = Memory::new();
    populated(&memory, "c");
    let owner = Key::owner(prefix::FILE, "c").unwrap();
    let mut random = Random::new(0x6b_6579);
    for _ in 0..400 {
        let kind = random.pick(b"deiz");
        let (length, value) = (random.below(14), random.below(60));
        let tail = random.bytes(length);
        let key = [owner.as_bytes(), &[kind], &tail].concat();
        let value = random.bytes(value);
        memory.state().records.entry(key).or_insert(value);
    }
    let long = [owner.as_bytes(), b"e", &[1; 600]].concat();
    memory.state().records.insert(long, vec![1; 10]);
    use_all(&memory, "c").unwrap();
    volumes(&memory).remove("c").unwrap();
    assert!(memory.state().records.is_empty());
}

#[test]
fn a_damaged_inode_is_an_error_and_can_be_removed() {
    let memory = Memory::new();
    populated(&memory, "c");
    let number = {
        let mut mount = volumes(&memory).open("c", "data", MUCH).unwrap();
        u32::try_from(stat(&mut *mount, "d/f", true).unwrap().inode).unwrap()
    };
    let keys = Keys(Key::owner(prefix::FILE, "c").unwrap());
    let key = keys.inode(number).as_bytes().to_vec();
    memory.state().records.insert(key, vec![9; 40]);
    let mut mount = volumes(&memory).open("c", "data", MUCH).unwrap();
    let mount = &mut *mount;
    assert_eq!(file(mount, "d/f", How::default()).err(), Some(Errno::Io));
    assert_eq!(stat(mount, "s", true).err(), Some(Errno::Io));
    let mut fine = file(mount, "f", How::default()).unwrap();
    assert_eq!(read(&mut *fine, 0, 2000).unwrap(), [3; 1500]);
    remove(mount, "d/f").unwrap();
    assert_eq!(
        file(mount, "d/f", How::default()).err(),
        Some(Errno::NoEntry)
    );
    let left = memory.state();
    let prefix = keys.chunks(number);
    assert!(
        !left
            .records
            .keys()
            .any(|key| key.starts_with(prefix.as_bytes()))
    );
}
