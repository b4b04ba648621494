//! The functions that fill and copy in pieces.
//!
//! Both begin alike: what is one piece at most, or leaves the memory, is left to the instruction itself, which
//! traps before it writes anything. A memory never shrinks, so looking once is enough. `fill.wat` and
//! `copy.wat` are the same as text.

use wasm_encoder::{BlockType, Function, InstructionSink};

use super::PIECE_BYTES;

/// `(func (param i32 i32 i32))`.
pub(super) const TYPE: [u8; 6] = [0x60, 3, 0x7f, 0x7f, 0x7f, 0];

const TO: u32 = 0;
/// The second parameter of the one that fills.
const VALUE: u32 = 1;
/// The second parameter of the one that copies.
const FROM: u32 = 1;
const LENGTH: u32 = 2;

/// The body of the function that does the work of `memory.fill`.
pub(super) fn fill(page_bytes: u64) -> Vec<u8> {
    in_pieces(
        page_bytes,
        |code| {
            code.local_get(TO);
        },
        |code| {
            code.loop_(BlockType::Empty);
            code.local_get(TO).local_get(VALUE).piece().memory_fill(0);
            code.advance(TO).shorten().more().end();
        },
        |code| {
            code.local_get(TO).local_get(VALUE).local_get(LENGTH);
            code.memory_fill(0);
        },
    )
}

/// The body of the function that does the work of `memory.copy`. What is overwritten must have been read: it goes
/// from the front or from the back.
pub(super) fn copy(page_bytes: u64) -> Vec<u8> {
    in_pieces(
        page_bytes,
        |code| {
            code.local_get(TO).local_get(FROM);
            code.local_get(TO).local_get(FROM).i32_gt_u().select();
        },
        |code| {
            code.local_get(TO).local_get(FROM).i32_le_u();
            code.if_(BlockType::Empty).loop_(BlockType::Empty);
            code.local_get(TO).local_get(FROM).piece().memory_copy(0, 0);
            code.advance(TO).advance(FROM).shorten().more().end();
            code.else_().loop_(BlockType::Empty);
            code.local_get(TO).shorten().i32_add();
            code.local_get(FROM).local_get(LENGTH).i32_add();
            code.piece().memory_copy(0, 0);
            code.local_get(LENGTH).more().end().end();
        },
        |code| {
            code.local_get(TO).local_get(FROM).local_get(LENGTH);
            code.memory_copy(0, 0);
        },
    )
}

type Code<'a, 'b> = &'a mut InstructionSink<'b>;

/// All pieces but the last one, if the higher of the places, `highest`, stays in the memory with all of the length; then
/// what is left, or all of it.
fn in_pieces(
    page_bytes: u64,
    highest: impl FnOnce(Code<'_, '_>),
    pieces: impl FnOnce(Code<'_, '_>),
    rest: impl FnOnce(Code<'_, '_>),
) -> Vec<u8> {
    let mut function = Function::new([]);
    let code = &mut function.instructions();
    code.block(BlockType::Empty);
    code.local_get(LENGTH).piece().i32_le_u().br_if(0);
    highest(code);
    code.i64_extend_i32_u();
    code.local_get(LENGTH).i64_extend_i32_u().i64_add();
    code.memory_size(0).i64_extend_i32_u();
    code.i64_const(i64::from(page_bytes.trailing_zeros()));
    code.i64_shl().i64_gt_u().br_if(0);
    pieces(code);
    code.end();
    rest(code);
    code.end();
    function.into_raw_body()
}

/// Steps that both take.
trait Steps {
    /// The length of a piece.
    fn piece(&mut self) -> &mut Self;

    /// Moves a place on by one piece.
    fn advance(&mut self, place: u32) -> &mut Self;

    /// Makes the length shorter by one piece, and gives it.
    fn shorten(&mut self) -> &mut Self;

    /// Goes on with the loop if a length is more than one piece.
    fn more(&mut self) -> &mut Self;
}

impl Steps for InstructionSink<'_> {
    fn piece(&mut self) -> &mut Self {
        self.i32_const(PIECE_BYTES.cast_signed())
    }

    fn advance(&mut self, place: u32) -> &mut Self {
        self.local_get(place).piece().i32_add().local_set(place)
    }

    fn shorten(&mut self) -> &mut Self {
        self.local_get(LENGTH).piece().i32_sub().local_tee(LENGTH)
    }

    fn more(&mut self) -> &mut Self {
        self.piece().i32_gt_u().br_if(0)
    }
}
