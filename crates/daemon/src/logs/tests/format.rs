//! Lines out of what guests write, and records in files.

use jiff::Timestamp;

use super::*;
use crate::logs::record;

use Source::{Stderr, Stdout};

type Written = (Source, &'static str);
type Expected = (Source, bool, &'static str);
type Record = (&'static str, Source, bool, &'static str);

#[test]
fn lines_of_chunks() {
    let cases: &[(&[Written], &[Expected])] = &[
        (&[], &[]),
        (&[(Stdout, "a\n")], &[(Stdout, false, "a")]),
        (
            &[(Stdout, "\n\n")],
            &[(Stdout, false, ""), (Stdout, false, "")],
        ),
        (
            &[(Stdout, "a"), (Stdout, "b\nc"), (Stdout, "\n")],
            &[(Stdout, false, "ab"), (Stdout, false, "c")],
        ),
        // The streams do not mix; a line counts when it ends.
        (
            &[(Stdout, "out"), (Stderr, "err\n"), (Stdout, "put\n")],
            &[(Stderr, false, "err"), (Stdout, false, "output")],
        ),
        // What has no end gets one when the run ends.
        (
            &[(Stderr, "e"), (Stdout, "o")],
            &[(Stdout, false, "o"), (Stderr, false, "e")],
        ),
        (
            &[(Stdout, "tab\tbell\u{7}\r\n")],
            &[(Stdout, false, "tab\tbell\u{7}\r")],
        ),
        // 16 bytes are the most that a line has here.
        (
            &[(Stdout, "0123456789abcdef\n")],
            &[(Stdout, false, "0123456789abcdef")],
        ),
        (
            &[(Stdout, "0123456789abcdef"), (Stdout, "\n")],
            &[(Stdout, false, "0123456789abcdef")],
        ),
        (
            &[(Stdout, "0123456789abcdefg\n")],
            &[(Stdout, true, "0123456789abcdef"), (Stdout, false, "g")],
        ),
        (
            &[
                (Stdout, "0123456789"),
                (Stdout, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
                (Stdout, "\n"),
            ],
            &[
                (Stdout, true, "0123456789xxxxxx"),
                (Stdout, true, "xxxxxxxxxxxxxxxx"),
                (Stdout, true, "xxxxxxxxxxxxxxxx"),
                (Stdout, false, "xx"),
            ],
        ),
        // Characters are not cut.
        (
            &[(Stdout, "0123456789abcdeé\n")],
            &[(Stdout, true, "0123456789abcde"), (Stdout, false, "é")],
        ),
        (
            &[(Stdout, "0123456789abc€€\n")],
            &[(Stdout, true, "0123456789abc€"), (Stdout, false, "€")],
        ),
    ];
    for (chunks, expected) in cases {
        // Both as one hand-over and with the writer in between.
        for settled in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (service, _) = service();
            let log = service.open(
                folder.path().join("log"),
                LogSettings {
                    line_bytes_max: 16,
                    ..LogSettings::default()
                },
            );
            let (mut stdout, mut stderr) = (log.stream(Stdout), log.stream(Stderr));
            for (source, text) in *chunks {
                let stream = if *source == Stdout {
                    &mut stdout
                } else {
                    &mut stderr
                };
                write(&mut **stream, text.as_bytes());
                if settled {
                    service.flush();
                }
            }
            log.ended();
            let lines = read(&log, &Query::default());
            let lines: Vec<_> = lines
                .iter()
                .map(|line| (line.source, line.partial, line.text.as_str()))
                .collect();
            assert_eq!(lines, *expected, "{chunks:?}, settled: {settled}");
        }
    }
}

#[test]
fn files_hold_cri_records() {
    let folder = tempfile::tempdir().unwrap();
    let (service, clock) = service();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    assert_eq!(files_in(folder.path()), Vec::<PathBuf>::new());
    print(&log, "hello\n");
    clock.set(START_NANOS + 876_543_211);
    write(&mut *log.stream(Stderr), b"caf\xc3\xa9 \xff\0\n");
    clock.set(0);
    log.line(Stderr, "two\nlines");
    service.flush();
    let file = fs::read(folder.path().join("current.log")).unwrap();
    let expected = b"2026-11-23T21:17:44.123456789Z stdout F hello\n\
        2026-11-23T21:17:45.000000000Z stderr F caf\xc3\xa9 \xff\0\n\
        1970-01-01T00:00:00.000000000Z stderr F two\n\
        1970-01-01T00:00:00.000000000Z stderr F lines\n";
    assert_eq!(
        String::from_utf8_lossy(&file),
        String::from_utf8_lossy(expected)
    );
    assert_eq!(file, expected);
    assert_eq!(log.bytes(), u64::try_from(file.len()).unwrap());
    let lines = read(&log, &Query::default());
    assert_eq!(lines[1].text, "café \u{fffd}\0");
    let at: Timestamp = "2026-11-23T21:17:45Z".parse().unwrap();
    assert_eq!(lines[1].at, at);
}

#[test]
fn records_as_others_write_them() {
    let before: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let cases: &[(&[u8], Option<Record>)] = &[
        (b"", None),
        (b"\0\0\0", None),
        (
            b"2026-11-23T21:17:44Z stdout F x",
            Some(("2026-11-23T21:17:44Z", Stdout, false, "x")),
        ),
        (
            b"2026-11-23T22:17:44.5+01:00 stderr P a  b ",
            Some(("2026-11-23T21:17:44.5Z", Stderr, true, "a  b ")),
        ),
        (
            b"2026-11-23T21:17:44Z stdout F:new x",
            Some(("2026-11-23T21:17:44Z", Stdout, false, "x")),
        ),
        (
            b"2026-11-23T21:17:44Z stdout F ",
            Some(("2026-11-23T21:17:44Z", Stdout, false, "")),
        ),
        (
            b"\0\0\x002026-11-23T21:17:44Z stdout F x",
            Some(("2026-11-23T21:17:44Z", Stdout, false, "x")),
        ),
        // What is no record is told as it is, with the time of the line before.
        (
            b"2026-11-23T21:17:44Z stdout F",
            Some((
                "2020-01-01T00:00:00Z",
                Stdout,
                true,
                "2026-11-23T21:17:44Z stdout F",
            )),
        ),
        (
            b"2026-11-23T21:17:44Z stdin F x",
            Some((
                "2020-01-01T00:00:00Z",
                Stdout,
                true,
                "2026-11-23T21:17:44Z stdin F x",
            )),
        ),
        (
            b"2026-11-23T21:17:44Z stdout X x",
            Some((
                "2020-01-01T00:00:00Z",
                Stdout,
                true,
                "2026-11-23T21:17:44Z stdout X x",
            )),
        ),
        (
            b"yesterday stdout F x",
            Some(("2020-01-01T00:00:00Z", Stdout, true, "yesterday stdout F x")),
        ),
        (
            b"\xff",
            Some(("2020-01-01T00:00:00Z", Stdout, true, "\u{fffd}")),
        ),
    ];
    for (bytes, expected) in cases {
        let expected = expected.map(|(at, source, partial, text)| LogLine {
            at: at.parse().unwrap(),
            source,
            text: text.to_owned(),
            partial,
        });
        assert_eq!(
            record::parse(bytes, before),
            expected,
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn queries_choose_lines() {
    let seconds = |second: i64| Timestamp::from_second(second).unwrap();
    // The clock jumps forward at c, and back at d.
    let written = [(10, "a"), (20, "b"), (90, "c"), (15, "d"), (30, "e")];
    let query = |since: i64, until: i64, tail: Option<usize>| Query {
        since: (since >= 0).then(|| seconds(since)),
        until: (until >= 0).then(|| seconds(until)),
        tail,
        stop_at_end: false,
    };
    let cases = [
        (query(-1, -1, None), "abcde"),
        (query(10, -1, None), "abcde"),
        (query(11, -1, None), "bcde"),
        (query(25, -1, None), "cde"),
        (query(91, -1, None), ""),
        (query(-1, 20, None), "abd"),
        (query(-1, 9, None), ""),
        (query(15, 30, None), "bde"),
        (query(-1, -1, Some(0)), ""),
        (query(-1, -1, Some(2)), "de"),
        (query(-1, -1, Some(9)), "abcde"),
        (query(11, -1, Some(9)), "bcde"),
        (query(11, -1, Some(3)), "cde"),
        (query(91, -1, Some(3)), ""),
        (query(-1, 20, Some(2)), "bd"),
        (query(15, 30, Some(0)), ""),
        (query(15, 30, Some(1)), "e"),
    ];
    // From memory, from files, from both, and after a restart.
    for (files_max, ring_bytes_max) in [(0, 16 * 1024), (2, 0), (2, 16 * 1024)] {
        let folder = tempfile::tempdir().unwrap();
        let (service, clock) = service();
        let settings = settings(256, files_max * 4, ring_bytes_max);
        let log = service.open(folder.path().to_path_buf(), settings);
        for (second, text) in written {
            clock.set(second * 1_000_000_000);
            print(&log, &format!("{text}\n"));
        }
        let again = service.open(folder.path().to_path_buf(), settings);
        for (query, expected) in &cases {
            service.flush();
            assert_eq!(
                texts(&log, query).concat(),
                *expected,
                "{query:?} {settings:?}"
            );
            if files_max > 0 {
                assert_eq!(
                    texts(&again, query).concat(),
                    *expected,
                    "{query:?} {settings:?}"
                );
            }
        }
    }
}
