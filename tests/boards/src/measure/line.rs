//! How fast an image comes over the console.

use anyhow::{Context as _, Result, bail};
use thimble_bench_report::Outcome;
use thimble_serial::link::{Step, Timing};
use thimble_serial::{ClientLink, Reply, Request, ServerEvent, ServerLink};
use thimble_tests_boards::{Packed, Time, guests};

use super::Board;
use super::passing::executed_millions;

/// A module of 31 KB.
const GUEST: &str = "blinky-ocre";
/// Bits of a byte on the line: one to begin, eight, one to end.
const BITS_PER_BYTE: f64 = 10.0;
const BAUD: f64 = 115_200.0;

/// Installs an image.
pub(super) fn install(board: &Board) -> Result<Vec<Outcome>> {
    let packed = Packed::of_file(&guests::guest(GUEST), false)?;
    let mut rig = board.start("256K", Time::Counted)?;
    let before = rig.device()?;
    rig.install(&packed, "guest:1")?;
    let after = rig.device()?;
    let millions = executed_millions(&after) - executed_millions(&before);
    let bytes = line_bytes(&packed, after.message_bytes_max)?;
    Ok(vec![
        Outcome::new("install of an image", millions, "M instr")
            .budget(board.key("install_minstructions_max"))
            .note(format!("{} bytes of module", packed.layer.len())),
        Outcome::new("  on the line", bytes * BITS_PER_BYTE / BAUD, "s")
            .budget(board.key("install_line_s_max"))
            .note(format!("{bytes:.0} bytes there and back at 115200 baud")),
    ])
}

/// Bytes on the line, both ways, of an installation without a fault.
fn line_bytes(packed: &Packed, message_bytes_max: u32) -> Result<f64> {
    let mut line = Line::new(message_bytes_max)?;
    let layer_bytes = u32::try_from(packed.layer.len())?;
    line.carry(
        &Request::InstallBegin {
            manifest: packed.manifest.clone(),
            config: packed.config.clone(),
            layer_bytes,
            reference: "guest:1".to_owned(),
        },
        &Reply::Done,
    )?;
    // As the client cuts it: a message with numbers and keys beside the bytes.
    let part_bytes = (message_bytes_max - 16) as usize;
    for (number, bytes) in packed.layer.chunks(part_bytes).enumerate() {
        let offset = u32::try_from(number * part_bytes)?;
        let bytes = bytes.to_vec();
        let received = offset + u32::try_from(bytes.len())?;
        let reply = Reply::Received { bytes: received };
        line.carry(&Request::InstallPart { offset, bytes }, &reply)?;
    }
    let digest = packed.digest();
    line.carry(&Request::InstallEnd, &Reply::Installed { digest })?;
    Ok(line.bytes)
}

/// Both ends of a line, without a board between them.
struct Line {
    client: ClientLink,
    server: ServerLink,
    bytes: f64,
}

impl Line {
    fn new(message_bytes_max: u32) -> Result<Self> {
        let no_memory = "there is no memory for the line";
        let mut client = ClientLink::new(1, 64 << 10, Timing::default())
            .ok()
            .context(no_memory)?;
        client.set_message_bytes_max(message_bytes_max);
        let server = ServerLink::new(message_bytes_max).ok().context(no_memory)?;
        Ok(Self {
            client,
            server,
            bytes: 0.0,
        })
    }

    fn carry(&mut self, request: &Request, reply: &Reply) -> Result<()> {
        self.client.ask(request, 0)?;
        let Step::Transmit(bytes) = self.client.step(0) else {
            bail!("a request gives nothing to send");
        };
        self.bytes += length(bytes);
        let mut is_asked = false;
        for byte in bytes {
            is_asked |= matches!(self.server.receive(*byte, 0), Some(ServerEvent::Request(_)));
        }
        if !is_asked {
            bail!("a request does not come through");
        }
        self.server.answer(reply);
        let bytes = self.server.outgoing().to_vec();
        self.server.sent();
        self.bytes += length(&bytes);
        for byte in &bytes {
            self.client.receive(*byte, 0);
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes at most")]
fn length(bytes: &[u8]) -> f64 {
    bytes.len() as f64
}
