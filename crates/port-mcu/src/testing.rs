//! Records in memory for tests, whose power can be cut at any group of changes.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use crate::machine::Lock;
use crate::records::{Change, Records, RecordsError, RecordsRoom};
use crate::shared::SharedRecords;

/// Records in memory. Clones are the same records.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Mutex<State>>);

/// What is in a [`Memory`], and what happens to it.
pub(crate) struct State {
    pub(crate) records: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) record_bytes_max: usize,
    pub(crate) group_bytes_max: usize,
    pub(crate) records_max: usize,
    /// Groups until the power is cut, and whether the last one is still made.
    pub(crate) cut: Option<(u32, bool)>,
    /// Reads until one fails, once.
    pub(crate) fails_in: Option<u32>,
    /// Whether the power is gone.
    pub(crate) dead: bool,
    /// Groups that were made.
    pub(crate) groups: u32,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            records: BTreeMap::new(),
            record_bytes_max: 1024,
            group_bytes_max: 4096,
            records_max: usize::MAX,
            cut: None,
            fails_in: None,
            dead: false,
            groups: 0,
        })))
    }

    /// Others with the same records.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        copy.state().records = self.state().records.clone();
        copy
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn shared(&self) -> SharedRecords {
        let records: Box<dyn Records> = Box::new(self.clone());
        Arc::new(Lock::new(records))
    }

    /// Power is back.
    pub(crate) fn revive(&self) {
        let mut state = self.state();
        state.dead = false;
        state.cut = None;
        state.fails_in = None;
    }
}

impl State {
    fn alive(&self) -> Result<(), RecordsError> {
        if self.dead {
            Err(RecordsError::Device)
        } else {
            Ok(())
        }
    }

    fn reads(&mut self) -> Result<(), RecordsError> {
        self.alive()?;
        match self.fails_in.take() {
            Some(0) => return Err(RecordsError::Device),
            left => self.fails_in = left.map(|left| left - 1),
        }
        Ok(())
    }

    fn check(&self, changes: &[Change<'_>]) -> Result<(), RecordsError> {
        let mut sum = 0;
        let mut added = 0;
        for change in changes {
            let (key, length) = match change {
                Change::Put { key, value } => (key, key.len() + value.len()),
                Change::Delete { key } => (key, key.len()),
            };
            sum += length;
            if matches!(change, Change::Put { .. }) && !self.records.contains_key(*key) {
                added += 1;
            }
            for (bytes, bytes_max) in [(length, self.record_bytes_max), (sum, self.group_bytes_max)]
            {
                if bytes > bytes_max {
                    return Err(RecordsError::TooLarge {
                        bytes: bytes.try_into().unwrap(),
                        bytes_max: bytes_max.try_into().unwrap(),
                    });
                }
            }
        }
        if self.records.len() + added > self.records_max {
            return Err(RecordsError::TooMany {
                records_max: self.records_max.try_into().unwrap(),
            });
        }
        Ok(())
    }
}

impl Records for Memory {
    fn record_bytes_max(&self) -> usize {
        self.state().record_bytes_max
    }

    fn read(
        &mut self,
        key: &[u8],
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, RecordsError> {
        let mut state = self.state();
        state.reads()?;
        let Some(value) = state.records.get(key) else {
            return Ok(None);
        };
        for (to, from) in buffer.iter_mut().zip(value.iter().skip(offset)) {
            *to = *from;
        }
        Ok(Some(value.len()))
    }

    fn apply(&mut self, changes: &[Change<'_>]) -> Result<(), RecordsError> {
        let mut state = self.state();
        state.alive()?;
        state.check(changes)?;
        let cut = state.cut.is_some_and(|(left, _)| left == 0);
        let made = state.cut.is_none_or(|(left, made)| left > 0 || made);
        if made {
            state.groups += 1;
            for change in changes {
                match change {
                    Change::Put { key, value } => {
                        state.records.insert(key.to_vec(), value.to_vec());
                    }
                    Change::Delete { key } => {
                        state.records.remove(*key);
                    }
                }
            }
        }
        if cut {
            state.dead = true;
            return Err(RecordsError::Device);
        }
        if let Some((left, _)) = &mut state.cut {
            *left -= 1;
        }
        Ok(())
    }

    fn next(
        &mut self,
        prefix: &[u8],
        after: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<Option<usize>, RecordsError> {
        let mut state = self.state();
        state.reads()?;
        let from = if after < prefix {
            Bound::Included(prefix)
        } else {
            Bound::Excluded(after)
        };
        let mut behind = state.records.range::<[u8], _>((from, Bound::Unbounded));
        let found = behind.next().filter(|(own, _)| own.starts_with(prefix));
        Ok(found.map(|(own, value)| {
            key.clear();
            key.extend_from_slice(own);
            value.len()
        }))
    }

    fn room(&self) -> RecordsRoom {
        RecordsRoom::default()
    }
}

/// Numbers that a seed repeats: SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    /// Starts at what `SEED` in the environment says, or else this number, and prints it.
    pub(crate) fn new(otherwise: u64) -> Self {
        let seed = std::env::var("SEED").map_or(otherwise, |seed| seed.parse().unwrap());
        std::println!("to repeat: SEED={seed}");
        Self(seed)
    }

    /// A number less than `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % bound).unwrap()
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let first = u8::try_from(self.below(256)).unwrap();
        (0..count)
            .map(|index| first.wrapping_add(u8::try_from(index % 251).unwrap()))
            .collect()
    }
}
