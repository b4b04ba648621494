//! Followers: every line once and in order, whatever happens to the files meanwhile.

use std::thread;
use std::time::Duration;

use thimble_testkit::random::{Random, seed};

use super::*;
use crate::logs::Follower;

const SOURCES: [Source; 2] = [Source::Stdout, Source::Stderr];

/// Every line until the end.
fn follow_all(mut follower: Follower) -> Vec<String> {
    wait_for(async {
        let mut lines = Vec::new();
        while let Some(line) = follower.next().await {
            lines.push(line.text);
        }
        lines
    })
}

fn next(follower: &mut Follower) -> Option<String> {
    wait_for(follower.next()).map(|line| line.text)
}

fn until_end() -> Query {
    Query {
        stop_at_end: true,
        ..Query::default()
    }
}

/// What a line says is lost.
fn lost(line: &str) -> usize {
    let (count, _) = line
        .split_once(" of this log are lost")
        .unwrap_or(("0", ""));
    count.split(' ').next().unwrap().parse().unwrap()
}

/// A server may hand a follower from thread to thread, also while it waits.
fn sendable(mut follower: Follower) -> impl Send {
    async move { follower.next().await }
}

#[test]
fn a_follower_waits_on_any_thread() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    let waiting = sendable(log.follow(&Query::default()));
    thread::spawn(move || drop(waiting)).join().unwrap();
}

#[test]
fn every_line_once_while_files_rotate() {
    let seed = seed(0xf0110);
    for round in 0..12 {
        let mut random = Random::new(seed + round);
        let folder = tempfile::tempdir().unwrap();
        let (service, _) = service();
        // Memory and each file hold little, all files together everything.
        let settings = settings(
            4096,
            100,
            200 + 300 * u32::try_from(random.below(4)).unwrap(),
        );
        let log = service.open(folder.path().to_path_buf(), settings);
        print(&log, "before\n");
        // Each writer has a stream of its own, as a line that comes in pieces must have.
        let writers: Vec<_> = SOURCES
            .into_iter()
            .map(|source| {
                let (log, mut random) = (log.clone(), Random::new(seed + random.below(1 << 20)));
                thread::spawn(move || {
                    let mut stream = log.stream(source);
                    for number in 0..1500 {
                        let text =
                            format!("{source:?} {number} {}\n", "z".repeat(random.index(60)));
                        let (first, second) = text.as_bytes().split_at(random.index(text.len()));
                        write(&mut *stream, first);
                        write(&mut *stream, second);
                        if random.below(40) == 0 {
                            log.line(Source::Stderr, "notice 0");
                        }
                    }
                })
            })
            .collect();
        let followers: Vec<_> = (0..3)
            .map(|_| {
                let follower = log.follow(&Query::default());
                thread::spawn(move || follow_all(follower))
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        log.close();
        let all = texts(&log, &Query::default());
        for follower in followers {
            assert_eq!(follower.join().unwrap(), all);
        }
        assert_eq!(all[0], "before");
        for source in SOURCES {
            let prefix = format!("{source:?} ");
            let numbers: Vec<usize> = all
                .iter()
                .filter_map(|line| line.strip_prefix(&prefix)?.split(' ').next()?.parse().ok())
                .collect();
            assert_eq!(numbers, (0..1500).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_follower_that_is_too_slow_learns_what_it_lost() {
    for (files_max, ring_bytes_max) in [(0, 500), (2, 500), (2, 0)] {
        let folder = tempfile::tempdir().unwrap();
        let (service, _) = service();
        let log = service.open(
            folder.path().to_path_buf(),
            settings(2000, files_max, ring_bytes_max),
        );
        print(&log, "line 0\n");
        service.flush();
        let mut follower = log.follow(&Query::default());
        assert_eq!(next(&mut follower).unwrap(), "line 0");
        for number in 1..1000 {
            print(&log, &format!("line {number}\n"));
        }
        service.flush();
        log.close();
        let told = follow_all(follower);
        let lost: usize = lost(&told[0]);
        assert!(lost > 0, "{told:?}");
        let expected: Vec<String> = (lost + 1..1000)
            .map(|number| format!("line {number}"))
            .collect();
        assert_eq!(told[1..], expected, "{files_max}, {ring_bytes_max}");
    }
}

#[test]
fn followers_begin_where_the_query_says() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    print(&log, "a\nb\nc\n");
    service.flush();
    for (query, expected) in [(Query::default(), "abcd"), (tail(2), "bcd"), (tail(0), "d")] {
        let folder = tempfile::tempdir().unwrap();
        let log = service.open(folder.path().to_path_buf(), LogSettings::default());
        print(&log, "a\nb\nc\n");
        service.flush();
        let follower = log.follow(&query);
        // Written after the request: told whatever the clock says.
        print(&log, "d\n");
        log.close();
        let told = follow_all(follower).concat();
        // What was written before the first look may count as part of a tail.
        let counted = query == tail(2) && told == "cd";
        assert!(told == expected || counted, "{query:?}: {told}");
    }
}

#[test]
fn followers_end_with_the_run_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    let mut stdout = log.stream(Source::Stdout);
    let ends = log.follow(&until_end());
    let mut stays = log.follow(&Query::default());
    write(&mut *stdout, b"one\ntwo");
    log.ended();
    assert_eq!(follow_all(ends), ["one", "two"]);
    // No run goes on: what there is, and the end.
    assert_eq!(follow_all(log.follow(&until_end())), ["one", "two"]);
    // Another run, which has written nothing yet.
    let mut stdout = log.stream(Source::Stdout);
    let ends = log.follow(&until_end());
    write(&mut *stdout, b"three\n");
    log.ended();
    assert_eq!(follow_all(ends), ["one", "two", "three"]);
    // A run that writes nothing.
    drop(log.stream(Source::Stdout));
    service.flush();
    let ends = log.follow(&Query {
        tail: Some(0),
        ..until_end()
    });
    log.ended();
    assert_eq!(follow_all(ends), Vec::<String>::new());
    for expected in ["one", "two", "three"] {
        assert_eq!(next(&mut stays).unwrap(), expected);
    }
    log.remove().unwrap();
    assert_eq!(next(&mut stays), None);
    assert_eq!(next(&mut stays), None);
}

#[test]
fn followers_of_an_earlier_run_stop_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    let mut stdout = log.stream(Source::Stdout);
    let mut ends = log.follow(&until_end());
    write(&mut *stdout, b"one\n");
    assert_eq!(next(&mut ends).unwrap(), "one");
    write(&mut *stdout, b"two");
    log.ended();
    write(&mut *log.stream(Source::Stdout), b"next run\n");
    service.flush();
    assert_eq!(follow_all(ends), ["two"]);
}

#[test]
fn giving_up_waiting_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), settings(600, 100, 0));
    let writer = {
        let log = log.clone();
        thread::spawn(move || {
            for number in 0..500 {
                print(&log, &format!("{number}\n"));
            }
            log.close();
        })
    };
    let mut follower = log.follow(&Query::default());
    let told = wait_for(async {
        let mut told = Vec::new();
        loop {
            // Looks once and gives up, if there is nothing.
            tokio::select! {
                biased;
                line = follower.next() => match line {
                    Some(line) => told.push(line.text),
                    None => break,
                },
                () = tokio::task::yield_now() => {}
            }
        }
        told
    });
    writer.join().unwrap();
    let expected: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    assert_eq!(told, expected);
}

#[test]
fn followers_end_when_their_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (service, clock) = service();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    print(&log, "a\n");
    service.flush();
    let at = |nanos: i64| jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
    let query = |nanos| Query {
        until: Some(at(nanos)),
        ..Query::default()
    };
    assert_eq!(follow_all(log.follow(&query(START_NANOS))), ["a"]);
    assert_eq!(
        follow_all(log.follow(&query(START_NANOS - 1))),
        Vec::<String>::new()
    );
    let mut follower = log.follow(&query(START_NANOS + 1_000_000_000));
    assert_eq!(next(&mut follower).unwrap(), "a");
    clock.set(START_NANOS + 2_000_000_000);
    print(&log, "b\n");
    service.flush();
    assert_eq!(next(&mut follower), None);
    // A timer ends it where nothing is written.
    clock.set(START_NANOS);
    let mut follower = log.follow(&Query {
        tail: Some(0),
        ..query(START_NANOS + 1_000_000)
    });
    let ended = wait_for(async {
        let clock = async {
            tokio::task::yield_now().await;
            clock.set(START_NANOS + 1_000_000);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            line = follower.next() => line,
            () = clock => None,
            () = tokio::time::sleep(Duration::from_secs(60)) => panic!("the follower did not end"),
        }
    });
    assert_eq!(ended, None);
}
