//! Patience: when a device asks, whom, and what it makes of the answer.

use thimble_image::Digest;
use thimble_protocol::session::{
    Blob, Exchange, Failure, Invalid, Kind, Method, Outcome, Response, Settings, Step,
};
use thimble_protocol::{ETag, Report, ReportReply, Session, StateVersion};
use thimble_testkit::random::{Random, seed};

use super::samples;

const SECOND: u64 = 1_000;

/// An answer of a script.
#[derive(Clone, Default)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn of(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    fn body(mut self, body: &[u8]) -> Self {
        self.body = body.into();
        self
    }

    fn give(&self, session: &mut Session, now_ms: u64, exchange: &Exchange) -> Outcome {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let response = Response {
            status: self.status,
            headers: &headers,
            body: &self.body,
        };
        session.answered(now_ms, exchange, &response)
    }
}

fn settings() -> Settings {
    Settings {
        spread_ms: 30 * SECOND,
        poll_s: 900,
        poll_s_min: 5,
        poll_s_max: 7_200,
        retry_ms_min: 2 * SECOND,
        retry_ms_max: 600 * SECOND,
        ..Settings::default()
    }
}

fn tag(version: u64) -> ETag {
    ETag::of(StateVersion(version), b"")
}

fn session() -> Session {
    Session::new(settings(), 1, 0, Some(tag(3)))
}

/// Waits until the session sends something.
#[track_caller]
fn send(session: &mut Session, now_ms: &mut u64) -> Exchange {
    for _ in 0..2 {
        match session.next(*now_ms) {
            Step::Send(exchange) => return exchange,
            Step::Wait { until_ms } => {
                assert!(
                    until_ms > *now_ms && until_ms < u64::MAX,
                    "waits until {until_ms}"
                );
                *now_ms = until_ms;
            }
            Step::Busy => panic!("busy"),
        }
    }
    panic!("it does not send at the time that it named");
}

#[track_caller]
fn wait(session: &mut Session, now_ms: u64) -> u64 {
    match session.next(now_ms) {
        Step::Wait { until_ms } => until_ms - now_ms,
        other => panic!("{other:?}"),
    }
}

fn not_modified() -> Answer {
    Answer::of(304).header("ETag", tag(3))
}

#[test]
fn the_first_contact_of_a_site_is_spread() {
    let first: Vec<u64> = (0..1_000)
        .map(|seed| wait(&mut Session::new(settings(), seed, 0, None), 0))
        .collect();
    assert!(first.iter().all(|&at| at <= 30 * SECOND));
    for tenth in 0..10 {
        let from = tenth * 3 * SECOND;
        let count = first
            .iter()
            .filter(|&&at| (from..from + 3 * SECOND).contains(&at))
            .count();
        assert!((60..140).contains(&count), "{count} of 1000 in {tenth}");
    }
}

#[test]
fn a_poll_says_what_the_device_has() {
    let mut now = 0;
    let exchange = send(&mut session(), &mut now);
    assert_eq!(exchange.kind, Kind::Poll);
    assert_eq!((exchange.method, exchange.endpoint), (Method::Get, 0));
    assert_eq!(exchange.target, "/d/v1/state");
    assert_eq!(exchange.headers, [("If-None-Match", tag(3).to_string())]);
    let waiting = Settings {
        wait_s: 50,
        ..settings()
    };
    // As long as nobody has answered, it does not wait for long.
    let mut session = Session::new(waiting, 1, 0, None);
    let exchange = send(&mut session, &mut now);
    assert_eq!(exchange.target, "/d/v1/state?wait=1");
    assert_eq!((exchange.wait_s, exchange.headers.len()), (1, 0));
    not_modified().give(&mut session, now, &exchange);
    let exchange = send(&mut session, &mut now);
    assert_eq!(exchange.target, "/d/v1/state?wait=50");
    assert_eq!((exchange.wait_s, exchange.headers.len()), (50, 0));
    session.failed(now, &exchange, Failure::Connection);
    assert_eq!(send(&mut session, &mut now).wait_s, 1);
}

#[test]
fn the_hub_says_when_to_poll_within_bounds() {
    for (said, expected_s) in [
        ("60", Some(60)),
        ("0", Some(5)),
        ("1", Some(5)),
        ("7200", Some(7_200)),
        ("999999", Some(7_200)),
        ("99999999999999999999", Some(7_200)),
        ("-1", None),
        ("", None),
        ("soon", None),
    ] {
        let (mut session, mut now) = (session(), 0);
        let exchange = send(&mut session, &mut now);
        assert_eq!(session.next(now), Step::Busy);
        let outcome = not_modified()
            .header("next-poll", said)
            .give(&mut session, now, &exchange);
        assert_eq!(
            outcome,
            Outcome::NotModified {
                is_report_wanted: false
            }
        );
        let waited = wait(&mut session, now);
        match expected_s {
            Some(seconds) => assert_eq!(waited, seconds * SECOND, "{said}"),
            None => assert!(
                (810 * SECOND..=990 * SECOND).contains(&waited),
                "{said}: {waited}"
            ),
        }
    }
}

#[test]
fn a_state_is_handed_over_and_counts_only_when_it_was_taken() {
    let (mut session, mut now) = (session(), 0);
    let exchange = send(&mut session, &mut now);
    let outcome = Answer::of(200)
        .header("etag", tag(4))
        .header("Next-Poll", 60)
        .header("delay-apply", 30)
        .header("report", 1)
        .body(b"envelope")
        .give(&mut session, now, &exchange);
    let Outcome::State(state) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        (state.envelope.as_slice(), state.etag),
        (b"envelope".as_slice(), tag(4))
    );
    assert_eq!((state.delay_apply_s, state.is_report_wanted), (30, true));
    assert_eq!(
        (session.heard_at_ms(), session.etag()),
        (None, Some(tag(3)))
    );
    assert_eq!(session.silent_ms(now + 7), now + 7);
    session.took(now, tag(4));
    assert_eq!(
        (session.silent_ms(now + 7), session.etag()),
        (7, Some(tag(4)))
    );
    let exchange = send(&mut session, &mut now);
    assert_eq!(exchange.headers, [("If-None-Match", tag(4).to_string())]);
}

#[test]
fn failures_are_retried_ever_later_and_at_random() {
    let mut means = [0; 12];
    for seed in 0..200 {
        let mut session = Session::new(settings(), seed, 0, None);
        let mut now = 0;
        let mut exchange = send(&mut session, &mut now);
        for (failures, mean) in means.iter_mut().enumerate() {
            let failed_at = now;
            session.failed(now, &exchange, Failure::Connection);
            assert_eq!(session.last_failure(), Some(Failure::Connection));
            exchange = send(&mut session, &mut now);
            let within = ((2 * SECOND) << failures).min(600 * SECOND);
            let waited = now - failed_at;
            assert!(waited <= within, "{waited} after {failures}");
            *mean += waited / 200;
        }
    }
    for (failures, mean) in means.into_iter().enumerate() {
        let half = (SECOND << failures).min(300 * SECOND);
        assert!(
            (half * 7 / 10..half * 13 / 10).contains(&mean),
            "{mean} after {failures}"
        );
    }
}

#[test]
fn patience_is_over_with_the_first_answer() {
    let (mut session, mut now) = (session(), 0);
    for _ in 0..20 {
        let exchange = send(&mut session, &mut now);
        session.failed(now, &exchange, Failure::Timeout);
    }
    let exchange = send(&mut session, &mut now);
    not_modified()
        .header("next-poll", 60)
        .give(&mut session, now, &exchange);
    assert_eq!(session.last_failure(), None);
    let exchange = send(&mut session, &mut now);
    session.failed(now, &exchange, Failure::Timeout);
    assert!(wait(&mut session, now) <= 2 * SECOND);
}

#[test]
fn retry_after_is_honoured_and_spread() {
    for (status, said, least_s, most_s) in [
        (429, "120", 120, 122),
        (503, "120", 120, 122),
        (503, "86400", 7_200, 7_202),
        (503, "soon", 0, 2),
        (500, "", 0, 2),
        (404, "", 0, 2),
    ] {
        let (mut session, mut now) = (session(), 0);
        let exchange = send(&mut session, &mut now);
        let outcome = Answer::of(status)
            .header("Retry-After", said)
            .body(br#"{"type":"https://thimble.dev/problems/x","title":"T","detail":"D\u0007\nE"}"#)
            .give(&mut session, now, &exchange);
        let Outcome::Problem(problem) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(problem.status, status);
        assert_eq!(problem.kind, "https://thimble.dev/problems/x");
        assert_eq!(problem.detail, "D  E", "safe to show");
        let waited = match session.next(now) {
            Step::Wait { until_ms } => until_ms - now,
            _ => 0,
        };
        assert!(
            (least_s * SECOND..=most_s * SECOND).contains(&waited),
            "{status} {said}: {waited}"
        );
        assert_eq!(session.heard_at_ms(), None);
    }
}

#[test]
fn a_problem_without_a_document_is_one_too() {
    for body in [
        b"".as_slice(),
        b"<html>",
        b"{\"detail\":1}",
        b"[]",
        &[b' '; 9_000],
    ] {
        let (mut session, mut now) = (session(), 0);
        let exchange = send(&mut session, &mut now);
        let outcome = Answer::of(502)
            .body(body)
            .give(&mut session, now, &exchange);
        let Outcome::Problem(problem) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((problem.status, problem.detail.as_str()), (502, ""));
    }
}

#[test]
fn answers_that_mean_nothing_are_retried() {
    let state = Answer::of(200).body(b"envelope");
    let rows = [
        (state.clone(), Invalid::NoETag),
        (
            state.header("etag", "W/\"3.x\""),
            Invalid::ETag("W/".parse::<ETag>().unwrap_err()),
        ),
        (Answer::of(204), Invalid::Status { status: 204 }),
        (Answer::of(302), Invalid::Status { status: 302 }),
        (Answer::of(100), Invalid::Status { status: 100 }),
    ];
    for (answer, expected) in rows {
        let (mut session, mut now) = (session(), 0);
        let exchange = send(&mut session, &mut now);
        assert_eq!(
            answer.give(&mut session, now, &exchange),
            Outcome::Invalid(expected)
        );
        assert_eq!(session.heard_at_ms(), None);
        assert_eq!(send(&mut session, &mut now).kind, Kind::Poll);
    }
}

#[test]
fn a_device_of_which_nothing_was_declared_polls_as_often_as_others() {
    let (mut session, mut now) = (Session::new(settings(), 1, 0, None), 0);
    for _ in 0..5 {
        let exchange = send(&mut session, &mut now);
        let outcome = Answer::of(304)
            .header("Next-Poll", 60)
            .give(&mut session, now, &exchange);
        let is_report_wanted = false;
        assert_eq!(outcome, Outcome::NotModified { is_report_wanted });
        assert_eq!(session.heard_at_ms(), Some(now));
        let until_ms = now + 60 * SECOND;
        assert_eq!(session.next(now), Step::Wait { until_ms });
    }
}

#[test]
fn a_report_goes_before_a_poll_and_until_it_arrived() {
    let (mut session, mut now) = (session(), 40 * SECOND);
    session.report(now, &samples::report());
    let exchange = send(&mut session, &mut now);
    assert_eq!(exchange.kind, Kind::Report { sequence: 1_234 });
    assert_eq!(
        (exchange.method, exchange.target.as_str()),
        (Method::Post, "/d/v1/report")
    );
    assert_eq!(exchange.body, samples::report().encode());
    assert_eq!(session.next(now), Step::Busy);
    session.failed(now, &exchange, Failure::Connection);
    let newer = Report {
        sequence: 1_235,
        ..samples::report()
    };
    session.report(now, &newer);
    let exchange = send(&mut session, &mut now);
    assert_eq!(
        exchange.kind,
        Kind::Report { sequence: 1_235 },
        "only the newest is sent"
    );
    let reply = ReportReply {
        sequence: 1_235,
        ..ReportReply::default()
    };
    let outcome = Answer::of(200)
        .body(&reply.encode())
        .give(&mut session, now, &exchange);
    assert_eq!(outcome, Outcome::Reported(reply));
    assert_eq!(session.heard_at_ms(), Some(now));
    assert_eq!(send(&mut session, &mut now).kind, Kind::Poll);
}

#[test]
fn a_report_that_came_while_another_was_sent_is_not_lost() {
    let (mut session, mut now) = (session(), 40 * SECOND);
    session.report(now, &samples::report());
    let exchange = send(&mut session, &mut now);
    let newer = Report {
        sequence: 1_235,
        ..samples::report()
    };
    session.report(now, &newer);
    let reply = ReportReply::default().encode();
    Answer::of(200)
        .body(&reply)
        .give(&mut session, now, &exchange);
    assert_eq!(
        send(&mut session, &mut now).kind,
        Kind::Report { sequence: 1_235 }
    );
}

#[test]
fn a_report_that_the_hub_does_not_understand_is_dropped() {
    for (status, is_dropped) in [
        (400, true),
        (413, true),
        (422, true),
        (401, false),
        (429, false),
        (500, false),
    ] {
        let (mut session, mut now) = (session(), 40 * SECOND);
        session.report(now, &samples::report());
        let exchange = send(&mut session, &mut now);
        Answer::of(status).give(&mut session, now, &exchange);
        let next = send(&mut session, &mut now);
        assert_eq!(next.kind == Kind::Poll, is_dropped, "{status}");
    }
}

#[test]
fn a_report_goes_beside_a_poll_that_waits() {
    let parallel = Settings {
        is_parallel: true,
        wait_s: 60,
        ..settings()
    };
    let mut session = Session::new(parallel, 1, 0, Some(tag(3)));
    let mut now = 0;
    let poll = send(&mut session, &mut now);
    assert_eq!(session.next(now), Step::Busy);
    session.report(now, &samples::report());
    let report = send(&mut session, &mut now);
    assert_eq!(session.next(now), Step::Busy);
    let reply = ReportReply::default().encode();
    Answer::of(200)
        .body(&reply)
        .give(&mut session, now, &report);
    assert_eq!(session.next(now), Step::Busy);
    not_modified()
        .header("next-poll", 5)
        .give(&mut session, now, &poll);
    assert_eq!(wait(&mut session, now), 5 * SECOND);
}

#[test]
fn recovery_urls_are_asked_in_turn_with_the_hub_until_it_answers() {
    let (mut session, mut now) = (session(), 0);
    session.set_recoveries(2);
    let mut fail = |session: &mut Session| {
        let exchange = send(session, &mut now);
        session.failed(now, &exchange, Failure::Tls);
        exchange.endpoint
    };
    assert_eq!(
        [(); 4].map(|()| fail(&mut session)),
        [0; 4],
        "before it is allowed to"
    );
    session.recover();
    let asked = [(); 8].map(|()| fail(&mut session));
    assert_eq!(asked.iter().filter(|&&it| it == 0).count(), 4, "{asked:?}");
    assert!(asked.contains(&1) && asked.contains(&2), "{asked:?}");
    assert!(
        asked.windows(2).all(|it| (it[0] == 0) != (it[1] == 0)),
        "{asked:?}"
    );
    let mut exchange = send(&mut session, &mut now);
    while exchange.endpoint == 0 {
        session.failed(now, &exchange, Failure::Tls);
        exchange = send(&mut session, &mut now);
    }
    not_modified().give(&mut session, now, &exchange);
    assert_eq!(session.heard_at_ms(), Some(now));
    let exchange = send(&mut session, &mut now);
    assert_eq!(exchange.endpoint, 0, "the hub again");
    not_modified().give(&mut session, now, &exchange);
    for _ in 0..3 {
        let exchange = send(&mut session, &mut now);
        assert_eq!(exchange.endpoint, 0);
        session.failed(now, &exchange, Failure::Tls);
    }
}

#[test]
fn a_device_asks_until_it_is_enrolled() {
    let request = samples::enrol_request();
    let mut session = Session::enrol(settings(), 1, 0, &request);
    let mut now = 0;
    let exchange = send(&mut session, &mut now);
    assert_eq!(
        (exchange.kind, exchange.target.as_str()),
        (Kind::Enrol, "/d/v1/enrol")
    );
    assert_eq!(exchange.body, request.encode());
    assert_eq!(session.next(now), Step::Busy);
    let replies: Vec<Vec<u8>> = samples::all()
        .into_iter()
        .filter_map(|(name, bytes)| (name == "enrol-reply").then_some(bytes))
        .collect();
    let outcome = Answer::of(202)
        .body(&replies[1])
        .give(&mut session, now, &exchange);
    assert_eq!(
        outcome,
        Outcome::Pending {
            fingerprint: "0123456789abcdef".into()
        }
    );
    assert_eq!(wait(&mut session, now), 60 * SECOND);
    let exchange = send(&mut session, &mut now);
    assert_eq!(exchange.body, request.encode(), "the same request");
    let outcome = Answer::of(200)
        .body(&replies[0])
        .give(&mut session, now, &exchange);
    assert!(matches!(outcome, Outcome::Enrolled(_)), "{outcome:?}");
    assert_eq!(
        session.next(now),
        Step::Wait { until_ms: u64::MAX },
        "it is over"
    );
}

#[test]
fn a_certificate_is_renewed_between_polls() {
    let (mut session, mut now) = (session(), 0);
    let poll = send(&mut session, &mut now);
    session.renew(now, &samples::enrol_request());
    assert_eq!(session.next(now), Step::Busy);
    not_modified().give(&mut session, now, &poll);
    let exchange = send(&mut session, &mut now);
    assert_eq!(exchange.kind, Kind::Enrol);
    session.failed(now, &exchange, Failure::Connection);
    let exchange = send(&mut session, &mut now);
    assert_eq!(exchange.kind, Kind::Enrol);
    let (_, issued) = samples::all()
        .into_iter()
        .find(|(name, _)| *name == "enrol-reply")
        .unwrap();
    Answer::of(200)
        .body(&issued)
        .give(&mut session, now, &exchange);
    assert_eq!(send(&mut session, &mut now).kind, Kind::Poll);
}

#[test]
fn a_certificate_is_renewed_beside_a_poll_that_waits() {
    let parallel = Settings {
        is_parallel: true,
        wait_s: 60,
        ..settings()
    };
    let mut session = Session::new(parallel, 1, 0, Some(tag(3)));
    let mut now = 0;
    assert_eq!(send(&mut session, &mut now).kind, Kind::Poll);
    session.renew(now, &samples::enrol_request());
    assert_eq!(send(&mut session, &mut now).kind, Kind::Enrol);
    assert_eq!(session.next(now), Step::Busy);
}

#[test]
fn a_blob_goes_on_where_it_stopped() {
    let mut session = session();
    let digest = Digest::of(b"layer");
    let begin = session.fetch(digest, 0);
    assert_eq!(begin.target, format!("/d/v1/blob/{digest}"));
    assert!(begin.headers.is_empty());
    let on = session.fetch(digest, 4_096);
    assert_eq!(on.headers, [("Range", "bytes=4096-".into())]);
    let range = |text: &str| Answer::of(206).header("content-range", text);
    let rows = [
        (
            range("bytes 4096-8191/8192"),
            Outcome::Blob(Blob {
                digest,
                offset: 4_096,
            }),
        ),
        (Answer::of(200), Outcome::Blob(Blob { digest, offset: 0 })),
        (range("bytes 0-8191/8192"), Outcome::Invalid(Invalid::Range)),
        (range("bytes */8192"), Outcome::Invalid(Invalid::Range)),
        (
            range("lines 4096-8191/8192"),
            Outcome::Invalid(Invalid::Range),
        ),
        (Answer::of(206), Outcome::Invalid(Invalid::Range)),
    ];
    for (answer, expected) in rows {
        assert_eq!(answer.give(&mut session, 0, &on), expected);
    }
    let gone = Answer::of(416).give(&mut session, 0, &on);
    assert!(matches!(gone, Outcome::Problem(_)), "{gone:?}");
}

#[test]
fn a_hurry_does_not_beat_patience() {
    let (mut session, mut now) = (session(), 0);
    let exchange = send(&mut session, &mut now);
    not_modified()
        .header("next-poll", 7_200)
        .give(&mut session, now, &exchange);
    session.hurry(now);
    let mut soon = now;
    let exchange = send(&mut session, &mut soon);
    assert!(soon - now <= 2 * SECOND);
    let busy = Answer::of(503).header("retry-after", 100);
    busy.give(&mut session, soon, &exchange);
    session.hurry(soon);
    assert!(wait(&mut session, soon) >= 100 * SECOND);
}

/// Whatever a hub answers and whatever the clock does, a device never sends more often than it may and never falls silent.
#[test]
fn no_hub_makes_a_device_busy_or_silent() {
    let mut random = Random::new(seed(51));
    for round in 0..300 {
        let mut session = Session::new(settings(), round, 0, None);
        session.set_recoveries(u8::try_from(random.below(3)).unwrap());
        let (mut now, mut sent) = (0_u64, 0_u64);
        while now < 100 * 7_200 * SECOND && sent < 400 {
            let exchange = match session.next(now) {
                Step::Send(exchange) => exchange,
                Step::Wait { until_ms } => {
                    assert!(until_ms > now);
                    assert!(
                        until_ms - now <= (7_200 + 600) * SECOND,
                        "silent for {until_ms}"
                    );
                    now = until_ms;
                    continue;
                }
                Step::Busy => panic!("busy"),
            };
            sent += 1;
            let status = *random.pick(&[
                100, 200, 202, 204, 206, 301, 304, 400, 401, 404, 429, 500, 503,
            ]);
            let bits = random.below(40);
            let seconds = random.below(1 << bits);
            let answer = Answer::of(status)
                .header("next-poll", seconds)
                .header("retry-after", seconds)
                .header(
                    "etag",
                    if random.below(2) == 0 {
                        tag(9).to_string()
                    } else {
                        "x".into()
                    },
                )
                .body(&ReportReply::default().encode());
            match random.below(6) {
                0 => session.failed(now, &exchange, Failure::Timeout),
                1 => {
                    answer.give(&mut session, now, &exchange);
                    session.report(now, &samples::report());
                }
                2 => {
                    answer.give(&mut session, now, &exchange);
                    session.recover();
                }
                _ => {
                    answer.give(&mut session, now, &exchange);
                }
            }
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_session() {
    let run = |seed| {
        let mut session = Session::new(settings(), seed, 0, None);
        let mut now = 0;
        (0..50)
            .map(|_| {
                let exchange = send(&mut session, &mut now);
                session.failed(now, &exchange, Failure::Connection);
                now
            })
            .collect::<Vec<u64>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
