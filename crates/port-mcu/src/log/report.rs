//! What opening a log found.

use core::fmt;

/// What was found when a log was opened. Displayed, it is a line for the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Records that there are.
    pub records: u32,
    /// There was a log. Without one, the region was blank, or is about to be overwritten.
    pub found: bool,
    /// A version of the format that this program does not know. If `found` is false, writing overwrites that log.
    pub foreign_version: Option<u8>,
    /// Blocks that hold something else than what the log wrote there; they are erased when their turn comes.
    pub blocks_damaged: u32,
    /// Blocks in which some bytes are damaged or unfinished. The power cut that ended the last run leaves one.
    pub blocks_incomplete: u32,
    /// Groups of changes that were ignored, because not all of their frames are whole.
    pub groups_ignored: u32,
    /// Blocks that were erased, to end a reset that was cut short.
    pub blocks_erased: u32,
    /// Moving records to a fresh block was cut short; it begins anew.
    pub collection_repeated: bool,
}

impl fmt::Display for Recovered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.found {
            write!(formatter, "{} records", self.records)?;
        } else {
            formatter.write_str("no log, begins empty")?;
        }
        if let Some(version) = self.foreign_version {
            write!(
                formatter,
                "; there is a log of version {version}, which this firmware does not read"
            )?;
        }
        let counts = [
            (self.blocks_damaged, "damaged or foreign blocks ignored"),
            (
                self.blocks_incomplete,
                "blocks with unfinished or damaged bytes",
            ),
            (self.groups_ignored, "unfinished or damaged changes ignored"),
            (self.blocks_erased, "blocks erased to finish a reset"),
        ];
        for (count, what) in counts {
            if count > 0 {
                write!(formatter, "; {count} {what}")?;
            }
        }
        if self.collection_repeated {
            formatter.write_str("; cleaning up begins anew")?;
        }
        Ok(())
    }
}
