//! What is measured every few hours, always in the same state.

use std::fmt;

use anyhow::{Context as _, Result, bail};
use thimble_image::ImageConfig;
use thimble_serial::{Declaration, Reply, Request};

use super::Hours;
use crate::sim::guests;

/// How a board is.
#[derive(Clone, Debug)]
pub struct Row {
    /// Minutes of the board's time in all.
    pub minutes: u64,
    /// Starts so far.
    pub starts: u32,
    /// Bytes of the heap in use while the same containers run.
    pub heap_used_bytes: u32,
    /// The most since the last start.
    pub heap_peak_bytes: u32,
    /// The most of the stack since the last start.
    pub stack_peak_bytes: u32,
    /// Pages that one more container can have.
    pub largest_pages: u32,
    /// Bytes of the largest image that can be installed.
    pub largest_image_bytes: u32,
    /// Records in flash.
    pub records: u32,
    /// Bytes that they take.
    pub records_bytes: u32,
    /// Erasures of the block that was erased least and of the one that was erased most.
    pub erasures: (u32, u32),
    /// The number that the keeper has come to.
    pub kept: u32,
}

impl Row {
    /// The names of its columns.
    pub const HEAD: &str = " hours  starts  heap used   peak  stack  pages  image max  records  bytes  erasures    kept";
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.erasures;
        write!(
            formatter,
            "{:3}:{:02} {:7} {:10} {:6} {:6} {:6} {:10} {:8} {:6} {:4}..{:<4} {:6}",
            self.minutes / 60,
            self.minutes % 60,
            self.starts,
            self.heap_used_bytes,
            self.heap_peak_bytes,
            self.stack_peak_bytes,
            self.largest_pages,
            self.largest_image_bytes,
            self.records,
            self.records_bytes,
            least,
            most,
            self.kept
        )
    }
}

const PROBE: &str = "probe";
/// Those whose memory is another one from minute to minute: they are held while it is measured, as they begin.
const RESTLESS: [&str; 3] = ["grower", "other-grower", "crasher"];

impl Hours {
    /// Measures.
    pub(super) fn measure(&mut self, now_ms: u64) -> Result<Row> {
        for name in RESTLESS {
            let name = name.to_owned();
            // Begins anew and is held, whatever it has grown to.
            self.rig
                .client
                .done(&Request::Restart { name: name.clone() })?;
            self.rig.client.done(&Request::Pause { name })?;
        }
        let largest_pages = self.probe()?;
        let device = self.rig.device()?;
        let Reply::Storage(storage) = self.rig.ask(&Request::Storage)? else {
            bail!("the device does not tell of its storage");
        };
        for name in RESTLESS {
            let name = name.to_owned();
            self.rig.client.done(&Request::Unpause { name })?;
        }
        Ok(Row {
            minutes: now_ms / 60_000,
            starts: 1 + self.counts.cuts + self.counts.resets,
            heap_used_bytes: device.heap.used_bytes,
            heap_peak_bytes: device.heap_peak_bytes,
            stack_peak_bytes: device.stack_peak_bytes,
            largest_pages,
            largest_image_bytes: storage.images_largest_free_bytes,
            records: storage.log_records,
            records_bytes: storage.log.used_bytes,
            erasures: (storage.erasures_min, storage.erasures_max),
            kept: self.kept,
        })
    }

    /// How many pages one more container can have.
    fn probe(&mut self) -> Result<u32> {
        let image = guests::image(guests::PROBE, ImageConfig::default())?;
        self.rig.install(&image, "probe:1")?;
        let mut declaration = Declaration {
            name: PROBE.to_owned(),
            image: "probe:1".to_owned(),
            ..Declaration::default()
        };
        declaration.limits.memory_bytes = Some(8 << 20);
        let outcome = self.rig.run(declaration)?;
        let pages = outcome.output.trim().strip_prefix("pages ").map(str::parse);
        let pages = pages.with_context(|| format!("the probe says {outcome:?}"))??;
        let (name, force) = (PROBE.to_owned(), true);
        self.rig.client.done(&Request::Remove { name, force })?;
        let image = "probe:1".to_owned();
        self.rig.client.done(&Request::RemoveImage { image })?;
        Ok(pages)
    }
}
