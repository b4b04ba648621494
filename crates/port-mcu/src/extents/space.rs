//! Where there is room, and what to move to make some. Blocks only: nothing here touches flash.

use alloc::vec::Vec;

/// A row of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The first.
    pub(super) start: u32,
    /// How many.
    pub(super) blocks: u32,
}

impl Span {
    /// The block behind the last.
    pub(super) fn end(self) -> u32 {
        self.start.saturating_add(self.blocks)
    }

    /// Whether they share a block.
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.start < other.end() && other.start < self.end()
    }
}

/// A row of blocks that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Which.
    pub(super) span: Span,
    /// It must stay there.
    pub(super) pinned: bool,
}

/// One image that is to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// Its place among those that are placed.
    pub(super) place: usize,
    /// Where it begins afterwards.
    pub(super) to: u32,
}

/// What is to be done next so that a piece becomes free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Done,
    /// This.
    Move(Move),
    /// Nothing helps.
    Stuck,
}

/// The free pieces between what is placed, which is in the order of starts.
pub(super) fn gaps(placed: &[Placed], total: u32) -> Gaps<'_> {
    Gaps {
        rest: placed,
        start: 0,
        total,
    }
}

/// Walks over free pieces.
pub(super) struct Gaps<'a> {
    rest: &'a [Placed],
    start: u32,
    total: u32,
}

impl Iterator for Gaps<'_> {
    type Item = Span;

    // There are many walks, and one piece of code.
    #[inline(never)]
    fn next(&mut self) -> Option<Span> {
        while self.start < self.total {
            let (until, after) = match self.rest.split_first() {
                Some((first, rest)) => {
                    self.rest = rest;
                    (first.span.start, first.span.end())
                }
                None => (self.total, self.total),
            };
            let start = self.start;
            self.start = after;
            if start < until {
                return Some(Span {
                    start,
                    blocks: until - start,
                });
            }
        }
        None
    }
}

/// Blocks that are free.
pub(super) fn free(placed: &[Placed], total: u32) -> u32 {
    gaps(placed, total).map(|gap| gap.blocks).sum()
}

/// Blocks of the largest free piece.
pub(super) fn largest_free(placed: &[Placed], total: u32) -> u32 {
    gaps(placed, total)
        .map(|gap| gap.blocks)
        .max()
        .unwrap_or_default()
}

/// Whether so many blocks are free in one piece.
pub(super) fn fits(placed: &[Placed], total: u32, needed: u32) -> bool {
    largest_free(placed, total) >= needed
}

/// A piece for a new image: the first from the cursor on, round the end, that has all that is wanted, or else the
/// largest.
pub(super) fn choose(
    placed: &[Placed],
    total: u32,
    cursor: u32,
    needed: u32,
    wanted: u32,
) -> Option<Span> {
    let mut best: Option<(Span, u32)> = None;
    for gap in gaps(placed, total) {
        let inside = gap.start < cursor && cursor < gap.end();
        let behind = Span {
            start: if inside { cursor } else { gap.start },
            blocks: if inside { gap.end() - cursor } else { 0 },
        };
        for piece in [gap, behind] {
            if piece.blocks < needed {
                continue;
            }
            let piece = Span {
                blocks: piece.blocks.min(wanted),
                ..piece
            };
            let distance = (piece.start + total).saturating_sub(cursor) % total;
            let better = best.is_none_or(|(other, nearest)| {
                piece.blocks > other.blocks || (piece.blocks == other.blocks && distance < nearest)
            });
            if better {
                best = Some((piece, distance));
            }
        }
    }
    best.map(|(piece, _)| piece)
}

/// What to do next so that so many blocks become free in one piece.
pub(super) fn next(placed: &[Placed], total: u32, needed: u32) -> Next {
    if fits(placed, total, needed) {
        return Next::Done;
    }
    if free(placed, total) < needed {
        return Next::Stuck;
    }
    clear_cheapest(placed, total, needed)
        .or_else(|| pack(placed, total))
        .map_or(Next::Stuck, Next::Move)
}

/// Carries out a move among what is placed; the order of starts is kept.
pub(super) fn carry_out(placed: &mut [Placed], step: Move) {
    if let Some(moved) = placed.get_mut(step.place) {
        moved.span.start = step.to;
    }
    sort(placed);
}

/// Puts what is placed into the order of starts. Images are few, and the library's sorting is 5 KB of code.
pub(super) fn sort(placed: &mut [Placed]) {
    for unsorted in 1..placed.len() {
        for place in (1..=unsorted).rev() {
            let Some([before, after]) = placed.get_mut(place - 1..=place) else {
                break;
            };
            if before.span.start <= after.span.start {
                break;
            }
            core::mem::swap(before, after);
        }
    }
}

/// Whether moves lead to so many free blocks in one piece; how many. `scratch` is what is placed, and is used up.
pub(super) fn rehearse(scratch: &mut [Placed], total: u32, needed: u32) -> Option<usize> {
    let moves_max = scratch.len().saturating_mul(8);
    for moves in 0..=moves_max {
        match next(scratch, total, needed) {
            Next::Done => return Some(moves),
            Next::Move(step) => carry_out(scratch, step),
            Next::Stuck => return None,
        }
    }
    None
}

/// The first move that clears the window which takes the least moving.
fn clear_cheapest(placed: &[Placed], total: u32, needed: u32) -> Option<Move> {
    let last = total.checked_sub(needed)?;
    let mut best: Option<(u32, Move)> = None;
    let mut consider = |start: u32| {
        let window = Span {
            start,
            blocks: needed,
        };
        let cost = within(placed, window)
            .map(|(_, moved)| moved.span.blocks)
            .sum();
        if start > last || best.is_some_and(|(least, _)| least <= cost) {
            return;
        }
        if let Some(step) = clear(placed, total, window) {
            best = Some((cost, step));
        }
    };
    consider(0);
    consider(last);
    for placed in placed {
        for edge in [placed.span.start, placed.span.end()] {
            consider(edge);
            consider(edge.saturating_sub(needed));
        }
    }
    best.map(|(_, step)| step)
}

fn within(placed: &[Placed], window: Span) -> impl Iterator<Item = (usize, &Placed)> {
    placed
        .iter()
        .enumerate()
        .filter(move |(_, placed)| placed.span.overlaps(window))
}

/// The first move that clears a window, if all moves can be made.
fn clear(placed: &[Placed], total: u32, window: Span) -> Option<Move> {
    if within(placed, window).any(|(_, placed)| placed.pinned) {
        return None;
    }
    let mut scratch = Vec::new();
    scratch.try_reserve_exact(placed.len()).ok()?;
    scratch.extend_from_slice(placed);
    let mut first = None;
    // Each move leaves one image fewer in the window.
    while let Some(step) = out_of(&scratch, total, window)? {
        first.get_or_insert(step);
        carry_out(&mut scratch, step);
    }
    first
}

/// The next move out of a window, the largest image first; `Some(None)` if it is empty, `None` if there is no place.
fn out_of(placed: &[Placed], total: u32, window: Span) -> Option<Option<Move>> {
    let Some((place, moved)) = within(placed, window).max_by_key(|(_, placed)| placed.span.blocks)
    else {
        return Some(None);
    };
    gaps(placed, total)
        .flat_map(|gap| without(gap, window))
        .filter(|piece| piece.blocks >= moved.span.blocks)
        .min_by_key(|piece| piece.blocks)
        .map(|piece| {
            Some(Move {
                place,
                to: piece.start,
            })
        })
}

/// What is left of a piece on both sides of a window.
fn without(gap: Span, window: Span) -> [Span; 2] {
    if !gap.overlaps(window) {
        let nothing = Span {
            start: gap.end(),
            blocks: 0,
        };
        return [gap, nothing];
    }
    [
        Span {
            start: gap.start,
            blocks: window.start.saturating_sub(gap.start),
        },
        Span {
            start: window.end().min(gap.end()),
            blocks: gap.end().saturating_sub(window.end()),
        },
    ]
}

/// A move towards the beginning: the largest image that fits into a piece before it.
fn pack(placed: &[Placed], total: u32) -> Option<Move> {
    let mut best: Option<(u32, Move)> = None;
    for (place, moved) in placed.iter().enumerate().filter(|(_, moved)| !moved.pinned) {
        let target = gaps(placed, total)
            .find(|gap| gap.start < moved.span.start && gap.blocks >= moved.span.blocks);
        if let Some(gap) = target
            && best.is_none_or(|(most, _)| moved.span.blocks > most)
        {
            let step = Move {
                place,
                to: gap.start,
            };
            best = Some((moved.span.blocks, step));
        }
    }
    best.map(|(_, step)| step)
}
