//! Who is in which wave.

use alloc::vec::Vec;

use crate::policy::Wave;
use crate::snapshot::{Hold, Snapshot};

use super::device::{Class, Row, Shuffle};

/// Puts devices that take part and have no wave into one: the first that is not over, picks them, and has room.
///
/// A wave keeps its devices. Devices that can be reached come first, so that a small first wave tells something.
pub(super) fn join(waves: &[Wave], snapshot: &Snapshot, rows: &mut [Row<'_>]) {
    let shuffle = Shuffle::of(snapshot.rollout);
    let mut joining = Vec::new();
    let mut whole = 0;
    for (index, row) in rows.iter().enumerate() {
        if row.class == Class::Outside {
            continue;
        }
        whole += 1;
        if row.wave.is_none() {
            let is_away = row.class == Class::Aside || row.device.hold != Hold::Free;
            let id = row.device.id;
            joining.push((is_away, shuffle.place(id), id, index));
        }
    }
    if joining.is_empty() {
        return;
    }
    joining.sort_unstable();
    let mut taken: Vec<u32> = waves.iter().map(|_| 0).collect();
    for wave in rows.iter().filter_map(|row| row.wave) {
        if let Some(taken) = taken.get_mut(usize::from(wave)) {
            *taken += 1;
        }
    }
    let room = waves.iter().zip(taken);
    let mut room: Vec<u32> = room
        .map(|(wave, taken)| wave.amount.of(whole).saturating_sub(taken))
        .collect();
    let picks = |wave: &Wave, row: &Row<'_>| {
        wave.selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&row.device.labels))
    };
    let current = usize::from(snapshot.progress.wave);
    for (_, _, _, index) in joining {
        let Some(row) = rows.get_mut(index) else {
            continue;
        };
        let is_late = waves.iter().take(current).any(|wave| picks(wave, row));
        let place = waves
            .iter()
            .zip(&room)
            .enumerate()
            .skip(current)
            .find(|(_, (wave, room))| **room > 0 && picks(wave, row))
            .map(|(index, _)| index)
            .or(is_late.then_some(current));
        if let Some(room) = place.and_then(|index| room.get_mut(index)) {
            *room = room.saturating_sub(1);
        }
        row.wave = place.and_then(|index| u16::try_from(index).ok());
    }
}
