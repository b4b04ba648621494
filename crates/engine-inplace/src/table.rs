//! The side table: what the validator found out about a module and the loops need at every step.
//!
//! It is written once, when an image is installed, front to back but for its head, and each byte once, so that it can go
//! straight into flash; then it is only read, where it lies. All numbers are of 32 bits, little-endian, so that a
//! processor can read them as they are. It is bound to the digest of its module, and nothing in it is trusted unless
//! this device's validator made it (`docs/inplace-safety.md`).
//!
//! ```text
//! head        HEAD_WORDS words: magic, version, digest, where everything is
//! types       a word for each type: the number of the first type that is the same
//! functions   FUNCTION_WORDS words for each function, imported ones first
//! elements    SEGMENT_WORDS words for each element segment
//! branches    BRANCH_WORDS words for each branch, in the order of the code
//! data        SEGMENT_WORDS words for each data segment
//! ```

mod head;

use core::ops::Range;

use crate::error::Reason;

pub(crate) use head::Head;

/// `thmb` and the version of the format.
const MAGIC: [u32; 2] = [0x626d_6874, 1];
/// Words of the head.
pub(crate) const HEAD_WORDS: u32 = 33;
/// Words of a function's entry.
pub(crate) const FUNCTION_WORDS: u32 = 7;
/// Words of a segment's entry.
pub(crate) const SEGMENT_WORDS: u32 = 3;
/// Words of a branch's entry.
pub(crate) const BRANCH_WORDS: u32 = 2;

/// The SHA-256 of a module.
pub type Digest = [u8; 32];

/// Where a side table is written: flash, or memory.
pub trait Store {
    /// Writes bytes at an offset. Each byte is written once; only the head comes after what follows it.
    ///
    /// # Errors
    /// [`NotStored`], after which nothing more is written and the table counts as never made.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NotStored>;
}

/// A side table could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotStored;

/// What a function is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Function {
    /// The offset of its first instruction in the module; of an imported one, which import it is.
    pub(crate) code: u32,
    /// The offset behind its last instruction, which returns.
    pub(crate) end: u32,
    /// Its first branch.
    pub(crate) branch: u32,
    /// Slots of its parameters and locals.
    pub(crate) locals: u16,
    /// Slots of operands that it has at most.
    pub(crate) operands: u16,
    /// Slots of its parameters.
    pub(crate) parameters: u16,
    /// Slots of its results.
    pub(crate) results: u16,
    /// The first type that is the same as its own.
    pub(crate) ty: u16,
    /// [`Function::IMPORTED`] and what else is known of it.
    pub(crate) flags: u16,
}

impl Function {
    /// The host answers it.
    pub(crate) const IMPORTED: u16 = 1;
    /// All of its values have 32 bits.
    pub(crate) const NARROW: u16 = 2;
    /// All indices of locals, labels (but for those of tables), types of blocks and alignments in its code are one byte.
    pub(crate) const SHORT: u16 = 4;
    /// All of its locals, and the globals that it reads and writes, have 32 bits.
    pub(crate) const SMALL: u16 = 8;
    /// As [`Function::SHORT`], but for indices of locals.
    pub(crate) const ONE_BYTE: u16 = 16;

    /// The order is known to the loops in assembly, for which two sums stand there: bytes of locals and operands
    /// together, and locals that are no parameters.
    fn words(self) -> [u32; FUNCTION_WORDS as usize] {
        let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        let room = 8 * (u32::from(self.locals) + u32::from(self.operands));
        let own_locals = self.locals.saturating_sub(self.parameters);
        [
            self.code,
            self.end,
            self.branch,
            room,
            pair(self.parameters, self.results),
            pair(self.locals, self.ty),
            pair(self.flags, own_locals),
        ]
    }

    pub(crate) fn from_words(words: [u32; FUNCTION_WORDS as usize]) -> Self {
        let [code, end, branch, room, shape, frame, kind] = words;
        let (parameters, results) = halves(shape);
        let (locals, ty) = halves(frame);
        let (flags, _) = halves(kind);
        let (operands, _) = halves((room / 8).saturating_sub(locals.into()));
        Self {
            code,
            end,
            branch,
            locals,
            operands,
            parameters,
            results,
            ty,
            flags,
        }
    }

    pub(crate) const fn is_imported(&self) -> bool {
        self.flags & Self::IMPORTED != 0
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "halves are what is asked for"
)]
const fn halves(word: u32) -> (u16, u16) {
    (word as u16, (word >> 16) as u16)
}

/// A segment of data or elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The offset of its content in the module.
    pub(crate) offset: u32,
    /// Bytes, or elements.
    pub(crate) count: u32,
    /// For elements: how they are written.
    pub(crate) form: u32,
}

/// A taken branch, as its entry says it.
///
/// The first word is by how much the next instruction lies behind the branch's opcode. The second holds, from the top,
/// by how many entries the next one lies behind this one (20 bits, signed), how many values are kept (4 bits), and
/// how many below them are dropped (8 bits). Where something does not fit, the number of values kept is
/// [`Branch::ELSEWHERE`] and the first word says how many entries further the same stands in two entries, with a word for
/// each of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) code_delta: i32,
    pub(crate) branch_delta: i32,
    pub(crate) keep: u32,
    pub(crate) drop: u32,
}

impl Branch {
    /// In the place of the number of values kept: the entry is elsewhere.
    pub(crate) const ELSEWHERE: u32 = 15;

    /// The entry, if everything fits.
    pub(crate) fn words(self) -> Option<[u32; BRANCH_WORDS as usize]> {
        let fits = self.keep < Self::ELSEWHERE
            && self.drop < 1 << 8
            && (-(1 << 19)..1 << 19).contains(&self.branch_delta);
        let second = (self.branch_delta << 12).cast_unsigned() | self.keep << 8 | self.drop;
        fits.then_some([self.code_delta.cast_unsigned(), second])
    }

    /// The two entries elsewhere.
    pub(crate) fn long_words(self) -> [u32; 2 * BRANCH_WORDS as usize] {
        [
            self.code_delta.cast_unsigned(),
            self.branch_delta.cast_unsigned(),
            self.keep,
            self.drop,
        ]
    }

    /// The entry that points so many entries further.
    pub(crate) const fn elsewhere(entries: u32) -> [u32; BRANCH_WORDS as usize] {
        [entries, Self::ELSEWHERE << 8]
    }

    /// What an entry says, unless it points elsewhere.
    pub(crate) const fn from_words(words: [u32; BRANCH_WORDS as usize]) -> Result<Self, u32> {
        let [first, second] = words;
        let keep = second >> 8 & 15;
        if keep == Self::ELSEWHERE {
            return Err(first);
        }
        Ok(Self {
            code_delta: first.cast_signed(),
            branch_delta: second.cast_signed() >> 12,
            keep,
            drop: second & 0xff,
        })
    }

    pub(crate) const fn from_long_words(words: [u32; 2 * BRANCH_WORDS as usize]) -> Self {
        let [code, branch, keep, drop] = words;
        Self {
            code_delta: code.cast_signed(),
            branch_delta: branch.cast_signed(),
            keep,
            drop,
        }
    }
}

/// Writes a side table as the validator goes.
pub(crate) struct Writer<'s> {
    store: &'s mut dyn Store,
    /// Where the next part begins.
    end: u32,
}

impl<'s> Writer<'s> {
    pub(crate) fn new(store: &'s mut dyn Store) -> Self {
        Self {
            store,
            end: HEAD_WORDS * 4,
        }
    }

    /// Where what is appended next will stand.
    pub(crate) const fn end(&self) -> u32 {
        self.end
    }

    /// Sets room aside for so many words; where it begins.
    pub(crate) fn reserve(&mut self, words: u32) -> Result<u32, Reason> {
        let start = self.end;
        let bytes = words.checked_mul(4).ok_or(TOO_LONG)?;
        self.end = start.checked_add(bytes).ok_or(TOO_LONG)?;
        Ok(start)
    }

    pub(crate) fn append(&mut self, words: &[u32]) -> Result<(), Reason> {
        let count = u32::try_from(words.len()).map_err(|_| TOO_LONG)?;
        let start = self.reserve(count)?;
        self.put(start, words)
    }

    pub(crate) fn put_function(
        &mut self,
        part: u32,
        index: u32,
        function: Function,
    ) -> Result<(), Reason> {
        self.put(part + index * FUNCTION_WORDS * 4, &function.words())
    }

    /// Writes the head, which makes it a table.
    pub(crate) fn finish(mut self, mut head: Head, digest: &Digest) -> Result<u32, Reason> {
        head.table_bytes = self.end;
        let mut words = [0_u32; HEAD_WORDS as usize];
        let digest = digest.chunks_exact(4).map(|bytes| {
            bytes
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u32::from(*byte))
        });
        let all = MAGIC.into_iter().chain(digest).chain(head.fields());
        words
            .iter_mut()
            .zip(all)
            .for_each(|(word, value)| *word = value);
        self.put(0, &words)?;
        Ok(self.end)
    }

    fn put(&mut self, offset: u32, words: &[u32]) -> Result<(), Reason> {
        const WORDS: usize = 16;
        let mut at = offset;
        for words in words.chunks(WORDS) {
            let mut bytes = [0; WORDS * 4];
            for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
                place.copy_from_slice(&word.to_le_bytes());
            }
            let length = words.len() * 4;
            let bytes = bytes.get(..length).unwrap_or_default();
            self.store
                .write(at, bytes)
                .map_err(|NotStored| Reason::NotStored)?;
            at += u32::try_from(length).unwrap_or(0);
        }
        Ok(())
    }
}

const TOO_LONG: Reason = Reason::Limit {
    what: "bytes of side table",
    most: u32::MAX,
};

// Magic, digest and fields are the head.
const _: () = assert!(head::FIELDS + 2 + 8 == HEAD_WORDS as usize);

/// A side table that was checked to be one, for a module that was checked to be its own.
#[derive(Clone, Copy)]
pub(crate) struct SideTable<'m> {
    words: &'m [u32],
    pub(crate) head: Head,
}

/// Why bytes are no side table for a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// They are none, or one of another version, or cut short.
    NotATable,
    /// It is that of another module.
    OtherModule,
}

impl core::fmt::Display for TableError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::NotATable => {
                "the side table is damaged or of another version; validate the module again"
            }
            Self::OtherModule => {
                "the side table is that of another module; validate the module again"
            }
        })
    }
}

impl core::error::Error for TableError {}

impl<'m> SideTable<'m> {
    /// Checks the head. What follows it is as this device's validator wrote it.
    pub(crate) fn open(
        words: &'m [u32],
        module_bytes: usize,
        digest: &Digest,
    ) -> Result<Self, TableError> {
        let table = Self::opened(words)?;
        let own_digest = words.iter().skip(MAGIC.len());
        let own_digest = own_digest.map(|word| u32::from_le(*word).to_le_bytes());
        let is_own = own_digest
            .zip(digest.chunks_exact(4))
            .all(|(own, part)| own == *part);
        if !is_own || u32::try_from(module_bytes) != Ok(table.head.module_bytes) {
            return Err(TableError::OtherModule);
        }
        Ok(table)
    }

    /// One that was checked before.
    pub(crate) fn opened(words: &'m [u32]) -> Result<Self, TableError> {
        let head = words
            .get(..HEAD_WORDS as usize)
            .ok_or(TableError::NotATable)?;
        let mut head = head.iter().map(|word| u32::from_le(*word));
        let mut next = || head.next().unwrap_or_default();
        if [next(), next()] != MAGIC {
            return Err(TableError::NotATable);
        }
        // The digest.
        for _ in 0..8 {
            next();
        }
        let head = Head::from_fields(core::array::from_fn(|_| next()));
        let length = usize::try_from(head.table_bytes / 4).map_err(|_| TableError::NotATable)?;
        let words = words.get(..length).ok_or(TableError::NotATable)?;
        Ok(Self { words, head })
    }

    fn part<const N: usize>(&self, part: u32, index: u32, words: u32) -> Option<[u32; N]> {
        let start = index.checked_mul(words)?.checked_add(part / 4)?;
        let start = usize::try_from(start).ok()?;
        let found = self.words.get(start..start.checked_add(N)?)?;
        Some(core::array::from_fn(|at| {
            found.get(at).map_or(0, |word| u32::from_le(*word))
        }))
    }

    /// The function of an index; an empty one beyond them, which validated code never asks for.
    pub(crate) fn function(&self, index: u32) -> Function {
        let words = self.part(self.head.functions, index, FUNCTION_WORDS);
        Function::from_words(words.unwrap_or_default())
    }

    pub(crate) fn element_segment(&self, index: u32) -> Segment {
        self.segment(self.head.elements, index)
    }

    pub(crate) fn data_segment(&self, index: u32) -> Segment {
        self.segment(self.head.data, index)
    }

    fn segment(&self, part: u32, index: u32) -> Segment {
        let [offset, count, form] = self.part(part, index, SEGMENT_WORDS).unwrap_or_default();
        Segment {
            offset,
            count,
            form,
        }
    }

    /// The words of all branches.
    pub(crate) fn branches(&self) -> &'m [u32] {
        let range = self.word_range(self.head.branches, self.head.data);
        self.words.get(range).unwrap_or_default()
    }

    /// For each type the first one that is the same.
    pub(crate) fn types(&self) -> &'m [u32] {
        let start = self.head.types;
        let range = self.word_range(start, start + self.head.type_count * 4);
        self.words.get(range).unwrap_or_default()
    }

    /// The words of all functions.
    pub(crate) fn functions(&self) -> &'m [u32] {
        let start = self.head.functions;
        let range = self.word_range(start, start + self.head.function_count * FUNCTION_WORDS * 4);
        self.words.get(range).unwrap_or_default()
    }

    fn word_range(&self, start: u32, end: u32) -> Range<usize> {
        let place = |bytes: u32| usize::try_from(bytes / 4).unwrap_or(usize::MAX);
        place(start)..place(end)
    }
}
