//! Logs over flash that holds anything: random bytes, or a log that was written and then damaged.

mod memory;

use std::collections::BTreeMap;
use std::time::Duration;

use thimble_port_mcu::flash::SharedFlash;
use thimble_port_mcu::log::{Log, LogSettings};
use thimble_port_mcu::records::{Change, Records, RecordsError};

use crate::finding::{Violation, ensure};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};
use memory::{BLOCK_BYTES, BYTES, Memory};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "flash_log",
    summary: "logs over any bytes: never panic, go on, write no word twice, and can be reset",
    bytes_max: BYTES,
    patience: Duration::from_secs(5),
    tokens: &[
        b"Tlog\x01",
        b"\x11\x01",
        b"\x91\x01",
        b"\xa2\x01",
        b"\xff\xff\xff\xff",
    ],
    make: || Box::new(Logs),
};

struct Logs;

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

impl Target for Logs {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((way, rest)) = input.split_first() else {
            return Ok(());
        };
        let memory = Memory::default();
        let flash = match way % 3 {
            0 => memory.share::<4>(),
            1 => memory.share::<8>(),
            _ => memory.share::<16>(),
        };
        if way & 0x80 == 0 {
            memory.overwrite(0, rest);
        } else {
            let (script, damage) = rest.split_at(rest.len() / 2);
            write(&flash, script)?;
            for change in damage.chunks_exact(3) {
                let [low, high, bits] = *change else { continue };
                memory.flip(usize::from(u16::from_le_bytes([low, high])), bits);
            }
        }
        works(&flash, &memory, shapes)
    }
}

/// Writes what a script says: a byte for the key, one for the value's length.
fn write(flash: &SharedFlash, script: &[u8]) -> Result<(), Violation> {
    let (mut log, _) = open(flash)?;
    for pair in script.chunks_exact(2) {
        let [key, length] = *pair else { continue };
        let (first, second) = ([key % 16], [key / 16]);
        let value = vec![key; usize::from(length) % 100];
        let put = Change::Put {
            key: &first,
            value: &value,
        };
        let change = if length % 4 == 0 {
            Change::Delete { key: &second }
        } else {
            Change::Put {
                key: &second,
                value: b"also",
            }
        };
        match log.apply(&[put, change]) {
            Ok(()) | Err(RecordsError::Full { .. }) => {}
            Err(error) => {
                return Err(Violation::new(
                    "a sound log takes changes",
                    error.to_string(),
                ));
            }
        }
    }
    Ok(())
}

/// Whatever is on flash, a log opens, says the same twice, goes on and can be reset.
fn works(flash: &SharedFlash, memory: &Memory, shapes: &mut Shapes) -> Result<(), Violation> {
    let (mut log, recovered) = open(flash)?;
    shapes.note((
        recovered.found,
        recovered.records,
        recovered.blocks_incomplete,
        recovered.groups_ignored,
    ));
    let mut expected = contents(&mut log)?;
    for number in 0..24_u8 {
        let (key, value) = ([b'z', number % 3], [number; 20]);
        let done = log.apply(&[Change::Put {
            key: &key,
            value: &value,
        }]);
        match done {
            Ok(()) => drop(expected.insert(key.to_vec(), value.to_vec())),
            Err(RecordsError::Full { .. } | RecordsError::TooMany { .. }) => {}
            Err(error) => return Err(Violation::new("a log goes on", error.to_string())),
        }
    }
    let found = contents(&mut log)?;
    ensure(found == expected, "a log keeps what it took", || {
        format!("{found:?} instead of {expected:?}")
    })?;
    let found = contents(&mut open(flash)?.0)?;
    ensure(found == expected, "a log says the same again", || {
        format!("{found:?} instead of {expected:?}")
    })?;
    log.format()
        .map_err(|error| Violation::new("a log can be reset", error.to_string()))?;
    let found = contents(&mut open(flash)?.0)?;
    ensure(found.is_empty(), "a reset leaves nothing", || {
        format!("{found:?}")
    })?;
    ensure(
        !memory.wrote_twice(),
        "no word is written twice",
        String::new,
    )
}

fn open(flash: &SharedFlash) -> Result<(Log, thimble_port_mcu::log::Recovered), Violation> {
    let settings = LogSettings {
        block_bytes: u32::try_from(BLOCK_BYTES).ok(),
        ..LogSettings::default()
    };
    flash
        .region(0..flash.geometry().capacity_bytes)
        .map_err(|error| Violation::new("all of a flash is a region", error.to_string()))
        .and_then(|region| {
            Log::open(region, &settings)
                .map_err(|error| Violation::new("a log opens", error.to_string()))
        })
}

fn contents(log: &mut Log) -> Result<Contents, Violation> {
    let failed = |error: RecordsError| Violation::new("a log can be read", error.to_string());
    let mut found = Contents::new();
    let (mut key, mut after, mut value) = (Vec::new(), Vec::new(), Vec::new());
    while log.next(&[], &after, &mut key).map_err(failed)?.is_some() {
        ensure(key > after, "keys are in order", || format!("{key:?}"))?;
        let there = log.get(&key, &mut value).map_err(failed)?;
        ensure(there, "what is listed is there", || format!("{key:?}"))?;
        found.insert(key.clone(), value.clone());
        after.clone_from(&key);
    }
    Ok(found)
}
