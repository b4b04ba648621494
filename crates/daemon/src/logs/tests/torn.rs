//! Files that a power cut, or somebody, left in any state.

use thimble_testkit::random::{Random, seed};

use super::*;

#[test]
fn a_file_torn_at_any_byte_is_continued() {
    let origin = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(origin.path().to_path_buf(), LogSettings::default());
    print(&log, "first line\n\nthird, é\nlast\n");
    service.flush();
    let whole = fs::read(origin.path().join("current.log")).unwrap();
    let expected = ["first line", "", "third, é", "last"];
    for length in 0..=whole.len() {
        for hole in [0, 9, 70_000] {
            let folder = tempfile::tempdir().unwrap();
            let left = [&whole[..length], &vec![0; hole][..]].concat();
            fs::write(folder.path().join("current.log"), left).unwrap();
            let log = service.open(folder.path().to_path_buf(), LogSettings::default());
            let complete = whole[..length]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count();
            let torn = length > 0 && whole[length - 1] != b'\n';
            let found = texts(&log, &Query::default());
            print(&log, "new\n");
            let lines = texts(&log, &Query::default());
            // As before the repair, and the new line.
            assert_eq!(lines[..found.len()], found, "{length}, {hole}");
            assert_eq!(
                lines.len(),
                complete + usize::from(torn) + 1,
                "{length}, {hole}"
            );
            assert_eq!(lines[..complete], expected[..complete], "{length}, {hole}");
            assert_eq!(lines.last().unwrap(), "new");
            if torn && hole == 0 {
                let text = &lines[complete];
                let is_record = expected[complete].starts_with(text.trim_end_matches('\u{fffd}'));
                assert!(
                    is_record
                        || "2026-11-23T21:17:44.123456789Z stdout F".starts_with(text.as_str())
                );
            }
            for count in 0..=lines.len() {
                let log = service.open(folder.path().to_path_buf(), LogSettings::default());
                assert_eq!(texts(&log, &tail(count)), lines[lines.len() - count..]);
            }
        }
    }
}

#[test]
fn files_of_any_content_are_read_and_continued() {
    let seed = seed(0x10c5);
    let mut random = Random::new(seed);
    let (service, _) = service();
    let pieces: [&[u8]; 9] = [
        b"2026-11-23T21:17:44.123456789Z stdout F text",
        b"2026-11-23T21:17:44.123456789Z stderr P ",
        b"9999-99-99T99:99:99Z stdout F x",
        b"-999999-01-01T00:00:00Z stdout F x",
        b"\n",
        b"\n",
        b" ",
        b"\0\0\0\0",
        b"\xff\xfe",
    ];
    for round in 0..150 {
        let folder = tempfile::tempdir().unwrap();
        for name in ["current.log", "current.1.log", "current.2.log"] {
            let mut content = Vec::new();
            for _ in 0..random.below(40) {
                if random.below(3) == 0 {
                    let count = random.index(100);
                    content.extend(random.bytes(count));
                } else if random.below(30) == 0 {
                    let byte = *random.pick(&[0, b'x', b' ']);
                    content.extend(vec![byte; random.index(200_000)]);
                } else {
                    content.extend(*random.pick(&pieces));
                }
            }
            fs::write(folder.path().join(name), content).unwrap();
        }
        let settings = settings(4096, 3, 512);
        let log = service.open(folder.path().to_path_buf(), settings);
        let before = read(&log, &Query::default());
        assert!(before.iter().all(|line| line.text.len() <= 3 * 90_000));
        for count in [0, 1, 2, 10, 10_000] {
            let expected: Vec<&str> = before[before.len().saturating_sub(count)..]
                .iter()
                .map(|line| line.text.as_str())
                .collect();
            assert_eq!(
                texts(&log, &tail(count)),
                expected,
                "round {round}, tail {count}"
            );
        }
        let query = Query {
            since: before.get(before.len() / 2).map(|line| line.at),
            until: before.last().map(|line| line.at),
            tail: Some(3),
            stop_at_end: false,
        };
        assert!(texts(&log, &query).len() <= 3);
        print(&log, "new\n");
        assert_eq!(texts(&log, &Query::default()).last().unwrap(), "new");
        service.flush();
        let sum: u64 = files_in(folder.path())
            .iter()
            .map(|path| path.metadata().unwrap().len())
            .sum();
        assert_eq!(log.bytes(), sum);
    }
}

#[test]
fn what_is_no_file_is_neither_read_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("precious");
    fs::write(&target, "precious\n").unwrap();
    let (service, _) = service();
    let link = folder.path().join("link");
    fs::create_dir(&link).unwrap();
    std::os::unix::fs::symlink(&target, link.join("current.log")).unwrap();
    let pipe = folder.path().join("pipe");
    fs::create_dir(&pipe).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        pipe.join("current.log"),
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    let directory = folder.path().join("directory");
    fs::create_dir_all(directory.join("current.log")).unwrap();
    for path in [link, pipe, directory] {
        let log = service.open(path.clone(), LogSettings::default());
        print(&log, "line\n");
        service.flush();
        assert_eq!(log.dropped(), 1, "{path:?}");
        assert_eq!(texts(&log, &tail(1)), ["line"], "{path:?}");
    }
    assert_eq!(fs::read_to_string(target).unwrap(), "precious\n");
}
