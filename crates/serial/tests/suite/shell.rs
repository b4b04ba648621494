//! What a person sees at the console, kept as transcripts.

use thimble_serial::{
    ContainerStatus, Declaration, DeviceStatus, FaultReport, HealthStatus, ImageStatus, LogEntry,
    LogStream, Refusal, RefusalKind, Reply, Request, RunEnd, RunState, Shell, Space, StorageStatus,
};

use crate::golden;

const CONTROL_C: &str = "\x03";

/// A device that has an answer to everything, and what is seen of it.
struct Terminal {
    shell: Shell,
    now_ms: u64,
    transcript: String,
    /// Times that a log is looked at before it ends.
    looks: u32,
    /// Whether requests are answered.
    is_answering: bool,
}

impl Terminal {
    fn new() -> Self {
        let mut terminal = Self {
            shell: Shell::new(),
            now_ms: 0,
            transcript: String::new(),
            looks: 0,
            is_answering: true,
        };
        let mut out = String::new();
        terminal.shell.start(&mut out);
        terminal.show(&out);
        terminal
    }

    /// Types, and lets the device answer.
    fn types(&mut self, text: &str) -> &mut Self {
        let mut out = String::new();
        for byte in text.bytes() {
            self.shell.feed(byte, &mut out);
        }
        self.show(&out);
        while self.is_answering && self.step() {}
        self
    }

    /// Asks the shell for a request, now or when it wants to be woken, and answers it.
    fn step(&mut self) -> bool {
        let mut request = self.shell.next_request(self.now_ms);
        if request.is_none()
            && let Some(wake_at_ms) = self.shell.wake_at_ms()
        {
            self.transcript += &format!("[{} ms later]\n", wake_at_ms - self.now_ms);
            self.now_ms = wake_at_ms;
            request = self.shell.next_request(self.now_ms);
        }
        let Some(request) = request else {
            return false;
        };
        self.transcript += &format!("[{request:?}]\n");
        let reply = self.answer(&request);
        let mut out = String::new();
        self.shell.reply(&reply, self.now_ms, &mut out);
        self.show(&out);
        true
    }

    fn show(&mut self, out: &str) {
        for line in out.split_inclusive('\n') {
            match line.strip_suffix("\r\n") {
                Some(line) => {
                    self.transcript += &format!("{}\n", escaped(line));
                }
                None => self.transcript += &format!("{}⏎\n", escaped(line)),
            }
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        match request {
            Request::Container { after } | Request::Image { after } if after == "z" => {
                Reply::NoMore
            }
            Request::Container { after } => listed(after),
            Request::Inspect { name } => container(name, RunState::Failed),
            Request::Image { after } => image(after),
            Request::Create { declaration, .. } => Reply::Created {
                name: declaration.name.clone(),
                refused: vec!["timer".into()],
            },
            Request::Log { from, .. } => self.log(*from),
            Request::Start { name } | Request::Remove { name, .. } if name == "gone" => {
                Reply::Refused(Refusal {
                    kind: RefusalKind::NotFound,
                    message: "there is no container gone".into(),
                })
            }
            Request::Device => device(),
            Request::Records { .. } => Reply::Records(vec![end(134), end(0)]),
            Request::Storage => storage(),
            Request::Fault => fault(),
            _ => Reply::Done,
        }
    }

    fn log(&mut self, from: u64) -> Reply {
        let is_over = self.looks == 0;
        self.looks = self.looks.saturating_sub(1);
        let entry = |stream, bytes: &[u8]| LogEntry {
            stream,
            at_ms: from,
            bytes: bytes.into(),
        };
        let entries = match from {
            0 => vec![
                entry(LogStream::Output, b"one\ntwo"),
                entry(LogStream::Error, b" three\n\xff\0\x1b[2Jfour\n"),
            ],
            10 => vec![
                entry(LogStream::Device, b"timer was not granted\n"),
                entry(LogStream::Output, b"no end"),
            ],
            _ => vec![],
        };
        Reply::Log {
            next: if entries.is_empty() { from } else { from + 10 },
            entries,
            lost_bytes: if from == 10 { 1234 } else { 0 },
            is_over,
        }
    }
}

fn escaped(line: &str) -> String {
    line.chars()
        .map(|character| match character {
            '\x1b' => "␛".into(),
            '\r' => "␍".into(),
            '\x07' => "␇".into(),
            character if character.is_control() => format!("{character:?}"),
            character => character.into(),
        })
        .collect()
}

fn end(exit_code: i32) -> RunEnd {
    RunEnd {
        reason: if exit_code == 0 {
            "exited".into()
        } else {
            "trapped: unreachable".into()
        },
        exit_code,
        started_unix_ms: 1_764_448_000_000,
        ended_unix_ms: 1_764_448_090_500,
        cpu_us: 1_500_000,
        memory_bytes_max: 65_536,
        memory_refused: exit_code != 0,
        last_output: "the last\nwords".into(),
    }
}

fn container(name: &str, state: RunState) -> Reply {
    Reply::Container(ContainerStatus {
        declaration: Declaration {
            name: name.into(),
            image: "line1/pump:1".into(),
            args: Some(vec!["--fast".into(), "two words".into()]),
            env: vec!["A=b".into()],
            grants: vec!["timer".into(), "gpio:led0".into()],
            restart: thimble_serial::Policy::OnFailure { tries: 3 },
            timeout_ms: Some(90_000),
            ..Declaration::default()
        },
        digest: "sha256:0123456789abcdef".into(),
        state,
        health: HealthStatus::Healthy,
        health_message: String::new(),
        restarts: 2,
        restart_in_ms: Some(8_000),
        up_ms: 93_784_000,
        cpu_us: 12_345_678,
        memory_bytes: 65_536,
        memory_bytes_max: 131_072,
        stack_bytes: 4096,
        slices: 99,
        end: Some(end(134)),
    })
}

fn listed(after: &str) -> Reply {
    match after {
        "" => container("a", RunState::Running),
        "a" => container("b", RunState::Paused),
        "b" => container("c", RunState::Exited),
        "c" => container("d", RunState::Failed),
        "d" => container("e", RunState::Restarting),
        _ => container("z", RunState::Created),
    }
}

fn image(after: &str) -> Reply {
    Reply::Image(ImageStatus {
        digest: if after.is_empty() {
            "sha256:0123456789abcdef".into()
        } else {
            "z".into()
        },
        references: if after.is_empty() {
            vec!["line1/pump:1".into(), "line1/pump:latest".into()]
        } else {
            vec![]
        },
        module_bytes: 100,
        table_bytes: 10,
        stored_bytes: 1_500_000,
        used_by: 1,
    })
}

fn device() -> Reply {
    let space = |used_bytes, total_bytes| Space {
        used_bytes,
        total_bytes,
    };
    Reply::Device(DeviceStatus {
        board: "qemu-mps2".into(),
        version: "0.1.0".into(),
        protocol: 1,
        message_bytes_max: 2048,
        uptime_ms: 61_000,
        unix_ms: 951_827_696_000,
        started_by: "power on".into(),
        recovered: "a torn record".into(),
        heap: space(10_240, 131_072),
        heap_peak_bytes: 20_000,
        stack_peak_bytes: 900,
        idle_wakeups: 12,
        idle_ms: 50_000,
        has_fault: true,
    })
}

fn storage() -> Reply {
    Reply::Storage(StorageStatus {
        images: Space {
            used_bytes: 4096,
            total_bytes: 4_194_304,
        },
        images_largest_free_bytes: 3_000_000,
        log: Space {
            used_bytes: 100,
            total_bytes: 65_536,
        },
        log_records: 7,
        log_records_max: 900,
        erasures_max: 12,
        erasures_min: 9,
    })
}

fn fault() -> Reply {
    Reply::Fault(FaultReport {
        kind: "hard fault".into(),
        message: "a bus error".into(),
        pc: 0x0800_1234,
        lr: 0xffff_fffd,
        sp: 0x2000_0f00,
        cause: 0x8200,
        address: 0xdead_beef,
        uptime_ms: 3_725_000,
        container: "pump".into(),
        count: 2,
    })
}

fn check(name: &str, lines: &[&str]) {
    let mut terminal = Terminal::new();
    for line in lines {
        terminal.types(line);
    }
    golden::check(&format!("shell/{name}.txt"), &terminal.transcript);
}

#[test]
fn help() {
    check("help", &["help\r"]);
}

#[test]
fn line_ends() {
    check("line_ends", &["time\r\n", "time\n", "\r\r", "  \r\n"]);
}

#[test]
fn editing() {
    check(
        "editing",
        &[
            "tinme\x7f\x7f\x7fme\r",
            "ime\x01t\r",
            "Xtime\x1b[H\x1b[3~\x1b[F\r",
            "tiäme\x1b[D\x1b[D\x08\r",
            "rm me please\x17\x17a\x15time\r",
            "time now\x1b[D\x1bOD\x02\x02\x0b\r",
            "ti\x0cme\r",
            "never\x03time\r",
            // Backspace with nothing before it; deleting with nothing behind it.
            "\x7f\x04\x15\x17\x0btime\r",
        ],
    );
}

#[test]
fn history() {
    check(
        "history",
        &[
            "first\r",
            "second\r",
            "second\r",
            "\x1b[A\x1b[A\x1b[A\r",
            "\x10\x10\x0e\r",
            "typed\x1b[B\r",
        ],
    );
}

#[test]
fn long_lines() {
    check(
        "long_lines",
        &[&"x".repeat(300), "\x15", &"€".repeat(100), "\r"],
    );
}

#[test]
fn bytes_that_are_no_text() {
    let mut terminal = Terminal::new();
    let mut out = String::new();
    for byte in b"\xff\xc3\x28\xe2\x82\xed\xa0\x80\xf8\x88\x00\xc0\x80\xc3\xa4\x1b[99;99~\x1bx\r" {
        terminal.shell.feed(*byte, &mut out);
    }
    terminal.show(&out);
    golden::check("shell/bytes.txt", &terminal.transcript);
}

#[test]
fn quotes() {
    check(
        "quotes",
        &[
            "start 'two words' \"a \\\" quote\" back\\ slash ''\r",
            "start 'open\r",
            "start \"open\\\r",
            "start open\\\r",
        ],
    );
}

#[test]
fn creating() {
    check(
        "creating",
        &[
            "create --name pump --restart on-failure:3 --allow timer --allow=gpio:led0 -e A=b --env C= -m 64k --cpus 0.5 \
             --timeout 1.5m --entry main --limit stack=4k --limit kv=1m i:1 --name x -- y\r",
            "run -d --rm --name pump --queue-messages 4 --message-bytes 512 i:1\r",
            "create\r",
            "create --name\r",
            "create --nam x\r",
            "create -m 5q i\r",
            "create --memory=0 i\r",
            "create --rm=yes i\r",
            "create -d i\r",
            "create -e A i\r",
            "create --limit x=1 i\r",
            "create --restart sometimes i\r",
            "create --cpus 0.00001 i\r",
            "create --cpus 4294967.295 i\r",
            "create --timeout 2000000h i\r",
        ],
    );
}

#[test]
fn life() {
    check(
        "life",
        &[
            "start a gone b\r",
            "stop -t 500ms a\r",
            "stop a b\r",
            "kill a\r",
            "pause a\r",
            "unpause a\r",
            "restart a\r",
            "rm -f a gone\r",
            "rm\r",
            "rm -x a\r",
            "rmi line1/pump:1\r",
            "reboot\r",
            "reboot now\r",
            "fly\r",
        ],
    );
}

#[test]
fn showing() {
    check(
        "showing",
        &[
            "ps\r",
            "ps -a\r",
            "stats\r",
            "images\r",
            "inspect a\r",
            "records a\r",
            "df\r",
            "device\r",
            "fault\r",
            "fault clear\r",
            "fault x\r",
            "time\r",
            "time 2000-02-29T12:34:56Z\r",
            "time '2026-12-31 23:59:59'\r",
            "time 951827696\r",
            "time 2026-13-01T00:00:00Z\r",
            "time noon\r",
        ],
    );
}

#[test]
fn logs() {
    check("logs", &["logs pump\r", "logs\r", "logs a b\r"]);
}

#[test]
fn logs_are_followed_until_interrupted() {
    let mut terminal = Terminal::new();
    terminal.looks = u32::MAX;
    terminal.is_answering = false;
    terminal.types("logs -f pump\r");
    for _ in 0..5 {
        terminal.step();
    }
    terminal.types("time\r").types(CONTROL_C).types("time\r");
    terminal.step();
    golden::check("shell/follow.txt", &terminal.transcript);
}

#[test]
fn a_container_that_is_run_is_followed_to_its_end() {
    let mut terminal = Terminal::new();
    terminal.looks = 4;
    terminal.types("run --name pump i:1\r").types("time\r");
    golden::check("shell/run.txt", &terminal.transcript);
}

#[test]
fn control_c_stops_what_is_run_and_then_kills_it() {
    let mut terminal = Terminal::new();
    terminal.looks = u32::MAX;
    terminal.is_answering = false;
    terminal.types("run --name pump i:1\r");
    for _ in 0..3 {
        terminal.step();
    }
    for _ in 0..3 {
        terminal.types(CONTROL_C);
        terminal.step();
        terminal.step();
    }
    golden::check("shell/interrupt.txt", &terminal.transcript);
}

#[test]
fn what_is_typed_ahead_comes_afterwards() {
    check("ahead", &["time\rdf\rps -a\r"]);
}

#[test]
fn an_interrupted_command_swallows_no_other_reply() {
    let mut terminal = Terminal::new();
    terminal.is_answering = false;
    terminal.types("stop pump\r");
    let request = terminal.shell.next_request(0);
    assert!(matches!(request, Some(Request::Stop { .. })));
    terminal.types(CONTROL_C).types("time\r");
    assert_eq!(
        terminal.shell.next_request(0),
        None,
        "the stop is not answered yet"
    );
    let mut out = String::new();
    terminal.shell.reply(&Reply::Done, 0, &mut out);
    assert_eq!(out, "");
    assert_eq!(terminal.shell.next_request(0), Some(Request::Device));
}

#[test]
fn a_factory_reset_is_meant() {
    check(
        "factory_reset",
        &[
            "factory-reset\r",
            "no\r",
            "factory-reset\r",
            CONTROL_C,
            "yes\r",
            "factory-reset\r",
            "yes\r",
        ],
    );
}

#[test]
fn notices_do_not_disturb_what_is_typed() {
    let mut terminal = Terminal::new();
    let mut out = String::new();
    terminal.types("ti");
    terminal.shell.notice("pump: trapped", &mut out);
    terminal.show(&out);
    terminal.types("me\r");
    golden::check("shell/notice.txt", &terminal.transcript);
}
