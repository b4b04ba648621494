//! A terminal at a console whose device has an answer to everything.

use thimble_serial::{
    ContainerStatus, Declaration, DeviceStatus, FaultReport, HealthStatus, ImageStatus, LogEntry,
    LogStream, Policy, Refusal, RefusalKind, Reply, Request, RunEnd, RunState, Shell, Space,
    StorageStatus,
};

/// A device that has an answer to everything, and what is seen of it.
pub(crate) struct Terminal {
    pub(crate) shell: Shell,
    now_ms: u64,
    pub(crate) transcript: String,
    /// Times that a log is looked at before it ends.
    pub(crate) looks: u32,
    /// Whether requests are answered.
    pub(crate) is_answering: bool,
}

impl Terminal {
    pub(crate) fn new() -> Self {
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
    pub(crate) fn types(&mut self, text: &str) -> &mut Self {
        let mut out = String::new();
        for byte in text.bytes() {
            self.shell.feed(byte, &mut out);
        }
        self.show(&out);
        while self.is_answering && self.step() {}
        self
    }

    /// Asks the shell for a request, now or when it wants to be woken, and answers it.
    pub(crate) fn step(&mut self) -> bool {
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

    pub(crate) fn show(&mut self, out: &str) {
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
            restart: Policy::OnFailure { tries: 3 },
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
