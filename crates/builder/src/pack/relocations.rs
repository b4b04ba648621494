//! Addresses in code and data, as a linker leaves them with `--emit-relocs`: what of a module can be moved.
//!
//! They count only as a whole: if one of them does not fit the bytes, a tool has changed the module since, and
//! none is used.

use std::ops::Range;

use wasmparser::{
    CustomSectionReader, KnownCustom, Linking, LinkingSectionReader, Payload, RelocSectionReader,
    RelocationType, SymbolInfo,
};

/// Bytes of a number that can be overwritten: LEB128 with padding.
const LEB_BYTES: usize = 5;
/// Bytes of an address in data.
const WORD_BYTES: usize = 4;

/// Every place of a module that holds an address in memory.
#[derive(Default)]
pub(super) struct Relocations<'a> {
    /// The places.
    pub(super) places: Vec<Place<'a>>,
    /// The global that is the stack pointer, if a symbol says so.
    pub(super) stack_pointer: Option<u32>,
    /// What the place of every piece of data is a multiple of.
    pub(super) alignment: u32,
}

/// A place that holds an address.
pub(super) struct Place<'a> {
    /// The address's symbol.
    pub(super) symbol: &'a str,
    /// Where the symbol lies in memory.
    pub(super) address: u32,
    /// Its bytes.
    pub(super) size: u32,
    /// What is added to it.
    pub(super) addend: i64,
    /// Where the number stands, from the module's first byte.
    position: usize,
    /// How it is written.
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Unsigned,
    Signed,
    Word,
}

/// Where the content of each section begins, in the order in which they stand.
#[derive(Default)]
pub(super) struct SectionStarts {
    ranges: Vec<Range<usize>>,
    data: Vec<Option<u32>>,
}

impl SectionStarts {
    /// Hears of the next payload.
    pub(super) fn take(&mut self, payload: &Payload<'_>) {
        if let Payload::CustomSection(section) = payload {
            self.ranges.push(section.range());
        } else if let Some((_, range)) = payload.as_section() {
            self.ranges.push(range);
        }
    }

    /// Hears where the segments of data begin.
    pub(super) fn segments(&mut self, addresses: Vec<Option<u32>>) {
        self.data = addresses;
    }
}

impl<'a> Relocations<'a> {
    /// Reads them; `None` if there are none, or if they do not fit the module.
    pub(super) fn read(
        module: &[u8],
        customs: &[CustomSectionReader<'a>],
        starts: &SectionStarts,
    ) -> Option<Self> {
        let mut linked = None;
        let mut sections = Vec::new();
        for custom in customs {
            match custom.as_known() {
                KnownCustom::Linking(linking) => linked = Some(Linked::read(&linking)?),
                KnownCustom::Reloc(relocations) if !custom.name().starts_with("reloc..") => {
                    sections.push(relocations);
                }
                _ => {}
            }
        }
        let Linked { symbols, alignment } = linked.filter(|_| !sections.is_empty())?;
        let mut places = Vec::new();
        for section in sections {
            take_section(module, &section, &symbols, starts, &mut places)?;
        }
        let stack_pointer = symbols.iter().find_map(|symbol| match symbol {
            SymbolInfo::Global { index, name, .. } if *name == Some("__stack_pointer") => {
                Some(*index)
            }
            _ => None,
        });
        Some(Self {
            places,
            stack_pointer,
            alignment,
        })
    }
}

/// What the linker tells besides places.
struct Linked<'a> {
    symbols: Vec<SymbolInfo<'a>>,
    alignment: u32,
}

impl<'a> Linked<'a> {
    fn read(linking: &LinkingSectionReader<'a>) -> Option<Self> {
        let mut symbols = None;
        let mut alignment = 1_u32;
        for subsection in linking.subsections() {
            match subsection.ok()? {
                Linking::SymbolTable(table) => {
                    symbols = Some(table.into_iter().collect::<Result<_, _>>().ok()?);
                }
                Linking::SegmentInfo(segments) => {
                    for segment in segments {
                        let of_segment = 1_u32.checked_shl(segment.ok()?.alignment)?;
                        alignment = alignment.max(of_segment);
                    }
                }
                _ => {}
            }
        }
        Some(Self {
            symbols: symbols?,
            alignment,
        })
    }
}

/// Adds a section's addresses; `None` if one does not fit.
fn take_section<'a>(
    module: &[u8],
    section: &RelocSectionReader<'_>,
    symbols: &[SymbolInfo<'a>],
    starts: &SectionStarts,
    places: &mut Vec<Place<'a>>,
) -> Option<()> {
    let target = starts.ranges.get(section.section_index() as usize)?;
    for entry in section.entries() {
        let entry = entry.ok()?;
        let form = match entry.ty {
            RelocationType::MemoryAddrLeb => Form::Unsigned,
            RelocationType::MemoryAddrSleb => Form::Signed,
            RelocationType::MemoryAddrI32 => Form::Word,
            RelocationType::FunctionIndexLeb
            | RelocationType::TableIndexSleb
            | RelocationType::TableIndexI32
            | RelocationType::TypeIndexLeb
            | RelocationType::GlobalIndexLeb
            | RelocationType::GlobalIndexI32
            | RelocationType::TableNumberLeb
            | RelocationType::FunctionIndexI32 => continue,
            // Of position-independent code, threads and 64-bit memories: nobody here can place them.
            _ => return None,
        };
        let position = target.start.checked_add(entry.offset as usize)?;
        let SymbolInfo::Data {
            name,
            symbol: Some(symbol),
            ..
        } = symbols.get(entry.index as usize)?
        else {
            return None;
        };
        let value = read_number(module, position, form)?;
        let address = u32::try_from(i64::from(value) - entry.addend).ok()?;
        let in_segment = starts
            .data
            .get(symbol.index as usize)
            .copied()
            .flatten()
            .and_then(|begins| begins.checked_add(symbol.offset));
        // The linker's own symbols lie in no segment: their offset is their address.
        if in_segment != Some(address) && symbol.offset != address {
            return None;
        }
        places.push(Place {
            symbol: name,
            address,
            size: symbol.size,
            addend: entry.addend,
            position,
            form,
        });
    }
    Some(())
}

impl Place<'_> {
    /// Writes the address for a symbol that lies elsewhere now.
    pub(super) fn write(&self, module: &mut [u8], address: u32) -> Option<()> {
        let value = u32::try_from(i64::from(address) + self.addend).ok()?;
        write_number(module, self.position, self.form, value)
    }
}

fn read_number(module: &[u8], position: usize, form: Form) -> Option<u32> {
    if form == Form::Word {
        let bytes = module.get(position..position.checked_add(WORD_BYTES)?)?;
        return Some(u32::from_le_bytes(bytes.try_into().ok()?));
    }
    let bytes: [u8; LEB_BYTES] = module
        .get(position..position.checked_add(LEB_BYTES)?)?
        .try_into()
        .ok()?;
    let [first @ .., last] = bytes;
    if first.iter().any(|byte| byte & 0x80 == 0) || last & 0x80 != 0 {
        return None;
    }
    let low = (0..).zip(first).fold(0_u32, |sum, (index, byte)| {
        sum | (u32::from(byte & 0x7f) << (7 * index))
    });
    Some(low | (u32::from(last & 0x0f) << 28))
}

fn write_number(module: &mut [u8], position: usize, form: Form, value: u32) -> Option<()> {
    if form == Form::Word {
        let bytes = module.get_mut(position..position.checked_add(WORD_BYTES)?)?;
        bytes.copy_from_slice(&value.to_le_bytes());
        return Some(());
    }
    let bytes = module.get_mut(position..position.checked_add(LEB_BYTES)?)?;
    // Signed numbers repeat their highest bit.
    let value = match form {
        Form::Signed => i64::from(value.cast_signed()),
        _ => i64::from(value),
    };
    for (index, byte) in bytes.iter_mut().enumerate() {
        let [low, ..] = (value >> (7 * index)).to_le_bytes();
        let more = if index + 1 < LEB_BYTES { 0x80 } else { 0 };
        *byte = (low & 0x7f) | more;
    }
    Some(())
}
