//! Requests over a line that loses, damages and doubles: each is carried out once, and its reply comes.

use std::collections::VecDeque;

use thimble_serial::link::{LinkError, Step, Timing};
use thimble_serial::{
    ClientEvent, ClientLink, ContainerStatus, Declaration, LimitOverrides, Policy, Refusal,
    RefusalKind, Reply, Request, RunEnd, RunState, ServerEvent, ServerLink,
};

use crate::random::Random;

/// Bytes that a line carries in a millisecond, about as many as at 115,200 bits a second.
const BYTES_A_MS: usize = 11;

/// One direction of a line.
struct Wire {
    bytes: VecDeque<u8>,
    /// One byte in so many suffers, 0 for none.
    damage: u64,
}

impl Wire {
    fn send(&mut self, bytes: &[u8], random: &mut Random) {
        for byte in bytes {
            if self.damage == 0 || !random.one_in(self.damage) {
                self.bytes.push_back(*byte);
                continue;
            }
            match random.below(5) {
                0 => {}
                1 => self.bytes.extend([*byte, *byte]),
                2 => self.bytes.push_back(random.byte()),
                3 => self.bytes.push_back(*byte ^ 1 << random.below(8)),
                // What a line says when it is plugged in.
                _ => self.bytes.extend([0, *byte]),
            }
        }
        // The rest of it is lost.
        if self.damage > 0 && random.one_in(self.damage / 4 + 1) {
            let kept = usize::try_from(random.below(self.bytes.len() as u64 + 1)).unwrap();
            self.bytes.truncate(kept);
        }
    }

    fn arrived(&mut self) -> Vec<u8> {
        let count = self.bytes.len().min(BYTES_A_MS);
        self.bytes.drain(..count).collect()
    }
}

/// Both ends and what is between them.
struct Model {
    random: Random,
    now_ms: u64,
    client: ClientLink,
    to_device: Wire,
    server: ServerLink,
    to_client: Wire,
    /// What is being carried out, and until when.
    work: Option<(Reply, u64)>,
    /// The longest time that the device takes for a request.
    work_ms_max: u64,
    done: Vec<u32>,
    console: Vec<u8>,
}

impl Model {
    fn new(seed: u64, damage: u64, tries_max: u32, work_ms_max: u64) -> Self {
        let wire = || Wire {
            bytes: VecDeque::new(),
            damage,
        };
        let mut random = Random::new(seed);
        let first = u32::try_from(random.next() >> 32).unwrap();
        let timing = Timing {
            repeat_ms: 200,
            tries_max,
        };
        let mut client = ClientLink::new(first, 1024, timing).unwrap();
        client.set_message_bytes_max(512);
        Self {
            random,
            now_ms: 0,
            client,
            to_device: wire(),
            server: ServerLink::new(512).unwrap(),
            to_client: wire(),
            work: None,
            work_ms_max,
            done: Vec::new(),
            console: Vec::new(),
        }
    }

    /// Asks for something that has this number, and waits for the answer.
    fn ask(&mut self, number: u32) -> Result<Reply, LinkError> {
        let request = Request::InstallPart {
            offset: number,
            bytes: self.random.bytes(400),
        };
        self.client.ask(&request, self.now_ms).unwrap();
        loop {
            match self.client.step(self.now_ms) {
                Step::Transmit(bytes) => {
                    let bytes = bytes.to_vec();
                    self.to_device.send(&bytes, &mut self.random);
                }
                Step::Failed(error) => return Err(error),
                Step::Wait { .. } => {}
                Step::Idle => panic!("nobody asked"),
            }
            self.device();
            for byte in self.to_client.arrived() {
                if let Some(ClientEvent::Reply(reply)) = self.client.receive(byte, self.now_ms) {
                    return reply;
                }
            }
            self.now_ms += 1;
        }
    }

    fn device(&mut self) {
        for byte in self.to_device.arrived() {
            match self.server.receive(byte, self.now_ms) {
                Some(ServerEvent::Request(Request::InstallPart { offset, .. })) => {
                    self.done.push(offset);
                    let until_ms = self.now_ms + self.random.below(self.work_ms_max + 1);
                    self.work = Some((Reply::Received { bytes: offset }, until_ms));
                }
                Some(ServerEvent::Request(other)) => panic!("nobody asked for {other:?}"),
                Some(ServerEvent::Text(text)) => self.console.extend(text.bytes()),
                Some(ServerEvent::Outgoing) => self.flush(),
                None => {}
            }
        }
        if let Some((reply, _)) = self.work.take_if(|(_, until_ms)| *until_ms <= self.now_ms) {
            self.server.answer(reply);
            self.flush();
        }
        if self.random.one_in(50) {
            self.to_client
                .send(b"a container says something\r\n", &mut self.random);
        }
    }

    fn flush(&mut self) {
        self.to_client
            .send(self.server.outgoing(), &mut self.random);
        self.server.sent();
    }
}

#[test]
fn a_good_line_needs_no_repetition() {
    let mut model = Model::new(1, 0, 1, 100);
    for number in 0..50 {
        assert_eq!(model.ask(number), Ok(Reply::Received { bytes: number }));
    }
    assert_eq!(model.done, (0..50).collect::<Vec<_>>());
    assert_eq!(model.console, b"");
}

#[test]
fn over_a_bad_line_each_is_carried_out_once() {
    for seed in 0..40 {
        for damage in [100, 300, 2000] {
            let mut model = Model::new(seed, damage, 10_000, 700);
            for number in 0..25 {
                let reply = model.ask(number);
                assert_eq!(reply, Ok(Reply::Received { bytes: number }), "seed {seed}");
            }
            let expected: Vec<_> = (0..25).collect();
            assert_eq!(model.done, expected, "seed {seed}, damage {damage}");
        }
    }
}

#[test]
fn what_is_given_up_is_carried_out_once_at_most() {
    let mut given_up = 0;
    for seed in 0..40 {
        let mut model = Model::new(seed, 150, 2, 300);
        let mut answered = Vec::new();
        for number in 0..25 {
            match model.ask(number) {
                Ok(reply) => {
                    assert_eq!(reply, Reply::Received { bytes: number }, "seed {seed}");
                    answered.push(number);
                }
                Err(LinkError::NoAnswer { tries, .. }) => {
                    assert_eq!(tries, 2);
                    given_up += 1;
                }
                Err(other) => panic!("seed {seed}: {other:?}"),
            }
        }
        assert!(
            model.done.is_sorted_by(|a, b| a < b),
            "seed {seed}: {:?}",
            model.done
        );
        assert!(
            answered.iter().all(|number| model.done.contains(number)),
            "seed {seed}"
        );
    }
    assert!(given_up > 0, "the line was too good for this test");
}

#[test]
fn what_takes_long_is_not_given_up() {
    let mut model = Model::new(3, 0, 2, 20_000);
    for number in 0..5 {
        assert_eq!(model.ask(number), Ok(Reply::Received { bytes: number }));
    }
    assert_eq!(model.done, [0, 1, 2, 3, 4]);
}

#[test]
fn another_client_waits_for_what_the_first_began() {
    let mut model = Model::new(4, 0, 1, 0);
    model.client.ask(&Request::Storage, 0).unwrap();
    let Step::Transmit(bytes) = model.client.step(0) else {
        panic!("a request is sent");
    };
    let requests: Vec<_> = bytes
        .iter()
        .filter_map(|byte| model.server.receive(*byte, 0))
        .collect();
    assert_eq!(requests, [ServerEvent::Request(Request::Storage)]);
    // The first client is gone; the second repeats until the device has time.
    let mut second = ClientLink::new(99, 512, Timing::default()).unwrap();
    second.ask(&Request::Fault, 0).unwrap();
    let send = |second: &mut ClientLink, server: &mut ServerLink, now_ms| {
        let Step::Transmit(bytes) = second.step(now_ms) else {
            panic!("a request is sent");
        };
        let bytes = bytes.to_vec();
        let event = bytes
            .iter()
            .filter_map(|byte| server.receive(*byte, now_ms))
            .last();
        let mut events = Vec::new();
        for byte in server.outgoing().to_vec() {
            events.extend(second.receive(byte, now_ms));
        }
        server.sent();
        (event, events)
    };
    let (event, events) = send(&mut second, &mut model.server, 0);
    assert_eq!(event, Some(ServerEvent::Outgoing));
    assert_eq!(events, [ClientEvent::Working]);
    model.server.answer(Reply::Done);
    model.server.sent();
    let (event, _) = send(&mut second, &mut model.server, 1000);
    assert_eq!(event, Some(ServerEvent::Request(Request::Fault)));
}

#[test]
fn what_the_device_does_not_know_is_refused() {
    let mut server = ServerLink::new(256).unwrap();
    let mut bytes = Vec::new();
    thimble_serial::frame::encode(
        thimble_serial::frame::Kind::Request,
        5,
        &[0x82, 0x18, 0xff, 0xa0],
        &mut bytes,
    );
    let events: Vec<_> = bytes
        .iter()
        .filter_map(|byte| server.receive(*byte, 0))
        .collect();
    assert_eq!(events, [ServerEvent::Outgoing]);
    let mut client = ClientLink::new(4, 256, Timing::default()).unwrap();
    client.ask(&Request::Device, 0).unwrap();
    let mut replies = server
        .outgoing()
        .iter()
        .filter_map(|byte| client.receive(*byte, 0));
    match replies.next() {
        Some(ClientEvent::Reply(Ok(Reply::Refused(refusal)))) => {
            assert_eq!(refusal.kind, RefusalKind::Invalid);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_that_is_too_long_is_told() {
    let mut model = Model::new(5, 0, 1, 0);
    model
        .client
        .ask(&Request::Records { name: "a".into() }, 0)
        .unwrap();
    let Step::Transmit(bytes) = model.client.step(0) else {
        panic!("a request is sent");
    };
    for byte in bytes {
        model.server.receive(*byte, 0);
    }
    model.server.answer(Reply::Installed {
        digest: "x".repeat(1000),
    });
    let replies: Vec<_> = model
        .server
        .outgoing()
        .iter()
        .filter_map(|byte| model.client.receive(*byte, 0))
        .collect();
    assert!(
        matches!(&replies[..], [ClientEvent::Reply(Ok(Reply::Refused(refusal)))] if refusal.kind == RefusalKind::Device),
        "{replies:?}"
    );
}

#[test]
fn an_answer_is_shortened_to_fit() {
    let mut shortened = 0;
    for seed in 0..40 {
        let mut random = Random::new(seed);
        for number in [7, 10] {
            let mut reply = crate::samples::reply(number, &mut random);
            match &mut reply {
                Reply::Container(container) => container.declaration.env.push("x".repeat(600)),
                Reply::Records(ends) => {
                    for end in ends {
                        end.last_output = "x".repeat(600);
                    }
                }
                _ => {}
            }
            let mut server = ServerLink::new(512).unwrap();
            let mut client = ClientLink::new(0, 512, Timing::default()).unwrap();
            client.ask(&Request::Device, 0).unwrap();
            let Step::Transmit(bytes) = client.step(0) else {
                panic!("a request is sent");
            };
            for byte in bytes {
                server.receive(*byte, 0);
            }
            server.answer(reply.clone());
            let got = server
                .outgoing()
                .iter()
                .find_map(|byte| client.receive(*byte, 0));
            match (&reply, got) {
                (Reply::Container(whole), Some(ClientEvent::Reply(Ok(Reply::Container(got))))) => {
                    assert_eq!(whole.declaration.name, got.declaration.name);
                    assert!(got.declaration.env.is_empty());
                    shortened += 1;
                }
                (Reply::Records(whole), Some(ClientEvent::Reply(Ok(Reply::Records(got))))) => {
                    // The newest ones, with some of the newest one's output.
                    assert!(got.is_empty() == whole.is_empty());
                    for (got, whole) in got.iter().zip(whole) {
                        assert_eq!(got.started_unix_ms, whole.started_unix_ms);
                        assert!(whole.last_output.ends_with(&got.last_output));
                    }
                }
                (_, got) => panic!("seed {seed}: {got:?}"),
            }
        }
    }
    assert_eq!(shortened, 40);
}

/// What a client of a device with messages of so many bytes gets.
fn told(message_bytes_max: u32, reply: &Reply) -> Reply {
    let mut server = ServerLink::new(message_bytes_max).unwrap();
    let mut client = ClientLink::new(0, message_bytes_max, Timing::default()).unwrap();
    client.ask(&Request::Device, 0).unwrap();
    let Step::Transmit(bytes) = client.step(0) else {
        panic!("a request is sent");
    };
    for byte in bytes {
        server.receive(*byte, 0);
    }
    server.answer(reply.clone());
    let got = server
        .outgoing()
        .iter()
        .find_map(|byte| client.receive(*byte, 0));
    match got {
        Some(ClientEvent::Reply(Ok(reply))) => reply,
        other => panic!("{other:?}"),
    }
}

/// A container with everything as long as it can get.
fn longest_container() -> ContainerStatus {
    let mut random = Random::new(0);
    let Reply::Container(sample) = crate::samples::reply(7, &mut random) else {
        panic!("7 is a container");
    };
    ContainerStatus {
        declaration: Declaration {
            name: "n".repeat(48),
            image: "i".repeat(128),
            args: Some(vec!["a".repeat(60); 5]),
            env: vec!["e".repeat(60); 5],
            grants: vec!["g".repeat(60); 5],
            limits: LimitOverrides {
                memory_bytes: Some(u32::MAX),
                stack_bytes: Some(u32::MAX),
                cpu_share_thousandths: Some(u32::MAX),
                storage_bytes: Some(u32::MAX),
                key_value_bytes: Some(u32::MAX),
                log_bytes: Some(u32::MAX),
                ..LimitOverrides::default()
            },
            restart: Policy::OnFailure { tries: u32::MAX },
            is_stopped: true,
            is_removed_after: true,
            entry: Some("f".repeat(60)),
            timeout_ms: Some(u32::MAX),
        },
        digest: format!("sha256:{}", "d".repeat(64)),
        state: RunState::Failed,
        health_message: "h".repeat(96),
        // A year.
        up_ms: 1 << 35,
        cpu_us: 1 << 45,
        slices: 1 << 40,
        restarts: u32::MAX,
        restart_in_ms: Some(60_000),
        memory_bytes: 1 << 20,
        memory_bytes_max: 1 << 20,
        stack_bytes: 1 << 20,
        end: Some(RunEnd {
            reason: "r".repeat(160),
            exit_code: i32::MIN,
            started_unix_ms: 1 << 41,
            ended_unix_ms: 1 << 41,
            cpu_us: 1 << 45,
            memory_bytes_max: 1 << 20,
            memory_refused: true,
            last_output: "o".repeat(128),
        }),
        ..sample
    }
}

#[test]
fn what_is_asked_most_fits_small_messages() {
    for (bytes, image_bytes) in [(320, 64), (384, 128), (512, 128)] {
        let mut whole = longest_container();
        whole.declaration.image.truncate(image_bytes);
        let Reply::Container(got) = told(bytes, &Reply::Container(whole.clone())) else {
            panic!("{bytes} bytes do not suffice");
        };
        assert_eq!(got.declaration.name, whole.declaration.name);
        assert_eq!(got.declaration.image, whole.declaration.image);
        assert_eq!(got.state, whole.state);
        assert!(whole.digest.starts_with(&got.digest) && got.digest.len() >= 19);
        let (got, whole) = (got.end.unwrap(), whole.end.clone().unwrap());
        assert_eq!(got.exit_code, whole.exit_code);
        assert!(got.reason.len() >= 16, "{bytes}: {}", got.reason);
        let ends = vec![whole.clone(); 8];
        let Reply::Records(ends) = told(bytes, &Reply::Records(ends)) else {
            panic!("{bytes} bytes do not suffice");
        };
        assert!(!ends.is_empty());
        assert_eq!(ends[0].exit_code, whole.exit_code);
    }
}

#[test]
fn refusals_and_what_a_device_says_of_itself_fit_small_messages() {
    let message = "ä".repeat(400);
    let refusal = Reply::Refused(Refusal {
        kind: RefusalKind::NoRoom,
        message: message.clone(),
    });
    let Reply::Refused(refusal) = told(256, &refusal) else {
        panic!("a refusal is one");
    };
    assert_eq!(refusal.kind, RefusalKind::NoRoom);
    assert!(message.starts_with(&refusal.message) && refusal.message.len() > 200);
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let Reply::Device(mut device) = crate::samples::reply(2, &mut random) else {
            panic!("2 is the device");
        };
        (device.board, device.version) = ("board-of-somebody".into(), "1.20.300".into());
        device.started_by = "power-on".into();
        device.recovered = message.clone();
        let Reply::Device(got) = told(320, &Reply::Device(device.clone())) else {
            panic!("320 bytes do not suffice");
        };
        assert_eq!(got.heap, device.heap);
        assert!(got.recovered.len() > 64);
        // Numbers are as long as they are.
        let storage = crate::samples::reply(11, &mut random);
        assert_eq!(told(256, &storage), storage);
    }
}

#[test]
fn nobody_answers() {
    let timing = Timing {
        repeat_ms: 100,
        tries_max: 3,
    };
    let mut client = ClientLink::new(0, 256, timing).unwrap();
    assert_eq!(client.step(0), Step::Idle);
    client.ask(&Request::Device, 0).unwrap();
    for now_ms in [0, 100, 200] {
        assert!(matches!(client.step(now_ms), Step::Transmit(_)));
        assert_eq!(
            client.step(now_ms),
            Step::Wait {
                until_ms: now_ms + 100
            }
        );
    }
    let error = LinkError::NoAnswer {
        tries: 3,
        damaged: 0,
    };
    assert_eq!(client.step(300), Step::Failed(error));
    assert_eq!(client.step(300), Step::Idle);
}
