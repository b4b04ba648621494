//! Limits of files and memory.

use super::*;

/// Lines of different lengths.
fn line(number: usize) -> String {
    format!("{number} {}", "y".repeat(number % 37))
}

#[test]
fn limits_hold_and_the_newest_lines_stay() {
    for files_max in [0, 1, 2, 3, 7] {
        for ring_bytes_max in [0, 100, 1000] {
            let folder = tempfile::tempdir().unwrap();
            let (service, _) = service();
            let settings = settings(700, files_max, ring_bytes_max);
            let log = service.open(folder.path().to_path_buf(), settings);
            let mut stdout = log.stream(Source::Stdout);
            for number in 0..300 {
                write(&mut *stdout, format!("{}\n", line(number)).as_bytes());
                if number % 7 == 0 {
                    service.flush();
                }
            }
            let kept = texts(&log, &Query::default());
            let files = files_in(folder.path());
            assert_eq!(files.len(), usize::try_from(files_max).unwrap());
            let sizes: Vec<u64> = files
                .iter()
                .map(|path| path.metadata().unwrap().len())
                .collect();
            assert!(sizes.iter().all(|&size| size <= 700), "{sizes:?}");
            assert_eq!(log.bytes(), sizes.iter().sum::<u64>());
            let expected: Vec<String> = (300 - kept.len()..300).map(line).collect();
            assert_eq!(kept, expected, "{settings:?}");
            // Nothing is thrown away before it has to be.
            let whole = usize::try_from(files_max.saturating_sub(1)).unwrap();
            assert!(
                kept.len() >= whole * 600 / 90,
                "{settings:?}: {}",
                kept.len()
            );
            for count in [1, 2, 5, 20, 1000] {
                let last = &expected[expected.len().saturating_sub(count)..];
                assert_eq!(texts(&log, &tail(count)), last, "{count} of {settings:?}");
            }
            log.remove().unwrap();
            assert_eq!(files_in(folder.path()), Vec::<PathBuf>::new());
        }
    }
}

#[test]
fn a_reader_keeps_what_it_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), settings(700, 2, 100));
    let all = |from, to| {
        (from..to)
            .map(|number| line(number) + "\n")
            .collect::<String>()
    };
    print(&log, &all(0, 15));
    let mut early = log.read(&Query::default());
    let first = early.next().unwrap().unwrap().text;
    print(&log, &all(15, 200));
    service.flush();
    let rest: Vec<String> = early.map(|line| line.unwrap().text).collect();
    let expected: Vec<String> = (0..15).map(line).collect();
    assert_eq!([vec![first], rest].concat(), expected);
}

#[test]
fn smaller_limits_hold_from_the_next_line_on() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), settings(300, 6, 1000));
    let all: String = (0..100).map(|number| line(number) + "\n").collect();
    print(&log, &all);
    service.flush();
    assert_eq!(files_in(folder.path()).len(), 6);
    log.set_settings(settings(300, 2, 1000));
    print(&log, "last\n");
    service.flush();
    let names = files_in(folder.path());
    assert!(names.len() <= 2, "{names:?}");
    assert_eq!(texts(&log, &tail(1)), ["last"]);
    log.set_settings(settings(300, 0, 1000));
    print(&log, "unwritten\n");
    assert_eq!(texts(&log, &tail(2)), ["last", "unwritten"]);
}

#[test]
fn a_log_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for life in 0..4 {
        let (service, _) = service();
        let log = service.open(folder.path().to_path_buf(), settings(300, 3, 200));
        print(&log, &format!("{life} a\n{life} b\n"));
    }
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), settings(300, 3, 200));
    let expected: Vec<String> = (0..4)
        .flat_map(|life| [format!("{life} a"), format!("{life} b")])
        .collect();
    assert_eq!(texts(&log, &Query::default()), expected);
    assert_eq!(texts(&log, &tail(3)), expected[5..]);
    assert!(log.bytes() > 0);
}
