//! A device at the other end of a serial line: the real link and console, before containers that only pretend.
//!
//! A container's environment says what it does: it writes each `SAY` as a line and ends with `EXIT`, or runs until it is
//! stopped if there is `FOREVER`.

mod containers;
mod images;

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use thimble_serial::{
    DeviceStatus, FaultReport, Refusal, RefusalKind, Reply, Request, ServerEvent, ServerLink,
    Shell, Space, StorageStatus, frame::Text,
};

use containers::Containers;
use images::Images;

/// A device.
pub struct SerialDevice {
    link: ServerLink,
    shell: Shell,
    began: Instant,
    images: Images,
    containers: Containers,
    has_fault: bool,
    /// What it was asked, in order.
    pub asked: Vec<Request>,
}

impl SerialDevice {
    /// Makes one that takes messages of so many bytes.
    #[must_use]
    pub fn new(message_bytes_max: u32) -> Self {
        Self {
            link: ServerLink::new(message_bytes_max).unwrap(),
            shell: Shell::new(),
            began: Instant::now(),
            images: Images::default(),
            containers: Containers::default(),
            has_fault: true,
            asked: Vec::new(),
        }
    }

    /// After so many parts it forgets what is being installed, once, as if it had restarted.
    pub fn forget_after(&mut self, parts: u32) {
        self.images.forget_after = Some(parts);
    }

    /// Serves a line until it is closed.
    pub fn serve(&mut self, line: &mut (impl Read + Write)) {
        let mut hello = String::from("a device for tests\r\n");
        self.shell.start(&mut hello);
        let _ = line.write_all(hello.as_bytes());
        let mut bytes = [0; 256];
        loop {
            let count = match line.read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            for byte in &bytes[..count] {
                let outgoing = self.receive(*byte);
                if line.write_all(&outgoing).is_err() {
                    return;
                }
            }
        }
    }

    /// Takes a byte; what it says to that.
    pub fn receive(&mut self, byte: u8) -> Vec<u8> {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        match self.link.receive(byte, now_ms) {
            None => return Vec::new(),
            Some(ServerEvent::Text(text)) => return self.typed(text, now_ms),
            Some(ServerEvent::Request(request)) => {
                let reply = self.carry_out(&request);
                self.link.answer(reply);
            }
            Some(ServerEvent::Outgoing) => {}
        }
        let outgoing = self.link.outgoing().to_vec();
        self.link.sent();
        outgoing
    }

    fn typed(&mut self, text: Text, now_ms: u64) -> Vec<u8> {
        let mut out = String::new();
        for byte in text.bytes() {
            self.shell.feed(*byte, &mut out);
            while let Some(request) = self.shell.next_request(now_ms) {
                let reply = self.carry_out(&request);
                self.shell.reply(&reply, now_ms, &mut out);
            }
        }
        out.into_bytes()
    }

    fn carry_out(&mut self, request: &Request) -> Reply {
        self.asked.push(request.clone());
        match request {
            Request::Device => self.device(),
            Request::Storage => storage(),
            Request::Fault if self.has_fault => fault(),
            Request::Fault => Reply::NoMore,
            Request::ClearFault => {
                self.has_fault = false;
                Reply::Done
            }
            Request::SetTime { .. } | Request::Reboot | Request::FactoryReset => Reply::Done,
            Request::Create {
                declaration,
                replace,
            } => match self.images.digest(&declaration.image) {
                Some(digest) => self.containers.create(declaration, digest, *replace),
                None => refused(
                    RefusalKind::NotFound,
                    "there is no such image on the device",
                ),
            },
            request => self
                .images
                .carry_out(request)
                .unwrap_or_else(|| self.containers.carry_out(request)),
        }
    }

    fn device(&self) -> Reply {
        let space = Space {
            used_bytes: 10_240,
            total_bytes: 131_072,
        };
        Reply::Device(DeviceStatus {
            board: "testkit".into(),
            version: "0.1.0".into(),
            protocol: thimble_serial::codec::PROTOCOL,
            message_bytes_max: self.link.message_bytes_max(),
            uptime_ms: 61_000,
            unix_ms: 951_827_696_000,
            started_by: "power on".into(),
            recovered: String::new(),
            heap: space,
            heap_peak_bytes: 20_480,
            stack_peak_bytes: 900,
            idle_wakeups: 12,
            idle_ms: 50_000,
            has_fault: self.has_fault,
        })
    }
}

fn storage() -> Reply {
    let space = Space {
        used_bytes: 4096,
        total_bytes: 4_194_304,
    };
    Reply::Storage(StorageStatus {
        images: space,
        images_largest_free_bytes: 4_190_208,
        log: space,
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
        lr: 0,
        sp: 0x2000_0f00,
        cause: 0x8200,
        address: 0xdead_beef,
        uptime_ms: 3_725_000,
        container: String::new(),
        count: 1,
    })
}

fn refused(kind: RefusalKind, message: &str) -> Reply {
    Reply::Refused(Refusal {
        kind,
        message: message.into(),
    })
}
