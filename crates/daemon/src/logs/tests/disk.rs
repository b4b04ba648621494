//! Disks that take no more.

use std::fs::{File, OpenOptions};
use std::sync::atomic::AtomicBool;

use super::*;

/// A service whose disk is full while the flag is set: files are then the device that is always full.
fn service_that_fills() -> (LogService, Arc<AtomicBool>) {
    let full = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&full);
    let (service, _) = service_on(Box::new(move |path: &Path| {
        if flag.load(Ordering::SeqCst) {
            OpenOptions::new().read(true).write(true).open("/dev/full")
        } else {
            files::open_to_append(path)
        }
    }));
    (service, full)
}

#[test]
fn a_full_disk_costs_lines_and_says_how_many() {
    let folder = tempfile::tempdir().unwrap();
    let (service, full) = service_that_fills();
    let log = service.open(folder.path().to_path_buf(), settings(10_000, 2, 200));
    // Nothing is open yet: the first line already finds the disk full.
    full.store(true, Ordering::SeqCst);
    for number in 0..50 {
        print(&log, &format!("refused {number}\n"));
        service.flush();
    }
    assert_eq!(log.dropped(), 50);
    assert_eq!(texts(&log, &tail(2)), ["refused 48", "refused 49"]);
    let lines = texts(&log, &Query::default());
    assert!(lines[0].contains("lines of this log are lost"), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "refused 49");
    full.store(false, Ordering::SeqCst);
    print(&log, "back\n");
    let lines = texts(&log, &Query::default());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0]
            .starts_with("50 lines of this log are lost: the files could not be written: No space"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "back");
    assert_eq!(log.dropped(), 50);
}

#[test]
fn a_folder_that_cannot_be_made_leaves_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    File::create(&file).unwrap();
    let (service, _) = service();
    let log = service.open(file.join("log"), LogSettings::default());
    print(&log, "a\nb\n");
    service.flush();
    assert_eq!((log.dropped(), log.bytes()), (2, 0));
    assert_eq!(texts(&log, &tail(2)), ["a", "b"]);
    let all: Vec<_> = log.read(&Query::default()).collect();
    let told: Vec<_> = all
        .iter()
        .flatten()
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(told, ["a", "b"]);
}

/// On a file system of a few pages, for a writer with that file system in its own view of the system.
#[test]
fn a_small_disk_keeps_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let small = std::thread::spawn(move || {
        let small = small_disk(&path);
        if let Err(error) = small {
            println!("skipped: no file system can be mounted here: {error}");
            return;
        }
        let (service, _) = service();
        let log = service.open(path.join("log"), settings(1 << 20, 2, 300));
        let mut stdout = log.stream(Source::Stdout);
        for number in 0..2000 {
            write(&mut *stdout, format!("line {number}\n").as_bytes());
        }
        service.flush();
        let file = fs::read_to_string(path.join("log/current.log")).unwrap();
        assert!(file.ends_with('\n'), "{:?}", &file[file.len() - 60..]);
        let written = file.lines().count();
        assert_eq!(u64::try_from(written).unwrap() + log.dropped(), 2000);
        assert!(log.dropped() > 0);
        let lines = texts(&log, &Query::default());
        assert_eq!(lines[written - 1], format!("line {}", written - 1));
        assert!(
            lines[written].contains("lines of this log are lost"),
            "{}",
            lines[written]
        );
        assert_eq!(lines.last().unwrap(), "line 1999");
        // Somebody makes room.
        fs::remove_file(path.join("ballast")).unwrap();
        write(&mut *stdout, b"room\n");
        let lines = texts(&log, &Query::default());
        assert_eq!(lines.len(), written + 2);
        let lost = format!("{} lines of this log are lost", 2000 - written);
        assert!(lines[written].starts_with(&lost), "{}", lines[written]);
        assert_eq!(lines[written + 1], "room");
    });
    small.join().unwrap();
}

/// Mounts a file system of 64 KiB for this thread and those it starts, and fills half of it.
fn small_disk(path: &Path) -> std::io::Result<()> {
    use rustix::mount::{MountFlags, MountPropagationFlags};
    // SAFETY: the thread shares nothing with others that depends on where file systems are mounted.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)?;
    let options = c"size=64k";
    rustix::mount::mount("tmpfs", path, "tmpfs", MountFlags::empty(), Some(options))?;
    fs::write(path.join("ballast"), vec![1; 32 * 1024])
}
