//! Who is in which wave.

use alloc::vec::Vec;

use crate::policy::Wave;
use crate::snapshot::{Hold, Snapshot};

use super::device::{Class, Row};

/// Puts devices that take part and have no wave into one: the first that is not over, picks them, and has room.
///
/// A wave keeps its devices. Devices that can be reached come first, so that a small first wave tells something.
pub(super) fn join(waves: &[Wave], snapshot: &Snapshot, rows: &mut [Row<'_>]) {
    let picks = |wave: &Wave, row: &Row<'_>| {
        wave.selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&row.device.labels))
    };
    let whole = rows.iter().filter(|row| row.class != Class::Outside);
    let whole = number(whole.count());
    let mut room: Vec<u32> = waves
        .iter()
        .enumerate()
        .map(|(index, wave)| {
            let taken = rows
                .iter()
                .filter(|row| row.wave.map(usize::from) == Some(index));
            wave.amount.of(whole).saturating_sub(number(taken.count()))
        })
        .collect();
    let mut joining: Vec<&mut Row<'_>> = rows
        .iter_mut()
        .filter(|row| row.class != Class::Outside && row.wave.is_none())
        .collect();
    joining.sort_unstable_by_key(|row| {
        let is_away = row.class == Class::Aside || row.device.hold != Hold::Free;
        (is_away, row.shuffle, row.device.id)
    });
    let current = usize::from(snapshot.progress.wave);
    for row in joining {
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

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
