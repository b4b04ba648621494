//! Changes of whole sections: some leave a module valid, most do not.

use arbitrary::{Arbitrary, Result, Unstructured};
use wasm_encoder::Encode as _;

/// What to do to a module.
pub(super) struct Shakes(Vec<Shake>);

/// One change. Places are taken modulo the number of sections.
#[derive(Arbitrary)]
enum Shake {
    /// A custom section before this one.
    Custom { at: u8, len: u8 },
    /// A section twice.
    Twice { at: u8 },
    /// A section gone.
    Drop { at: u8 },
    /// Two sections in each other's place.
    Swap { at: u8, other: u8 },
    /// Another section's number on this one.
    Rename { at: u8, id: u8 },
    /// An empty section of this number.
    Empty { at: u8, id: u8 },
    /// A byte of a section changed.
    Flip { at: u8, offset: u16, bits: u8 },
    /// The end of the module gone.
    Cut { bytes: u8 },
}

impl Shakes {
    /// Often none, at most four.
    pub(super) fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let count = u.int_in_range(0_usize..=7)?.saturating_sub(3);
        Ok(Self(
            (0..count).map(|_| u.arbitrary()).collect::<Result<_>>()?,
        ))
    }

    /// The module after them.
    pub(super) fn apply(self, module: &[u8]) -> Vec<u8> {
        let mut sections = split(module);
        let mut cut = 0;
        for shake in self.0 {
            match shake {
                Shake::Cut { bytes } => cut += usize::from(bytes),
                shake => shake.apply(&mut sections),
            }
        }
        let mut bytes = module.get(..8).unwrap_or_default().to_vec();
        for (id, body) in sections {
            bytes.push(id);
            body.as_slice().encode(&mut bytes);
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        bytes
    }
}

impl Shake {
    fn apply(self, sections: &mut Vec<(u8, Vec<u8>)>) {
        let place = |at: u8| usize::from(at) % sections.len().max(1);
        match self {
            Self::Custom { at, len } => {
                let mut body = vec![1, b'c'];
                body.resize(2 + usize::from(len), 0xa5);
                sections.insert(usize::from(at) % (sections.len() + 1), (0, body));
            }
            Self::Empty { at, id } => {
                sections.insert(usize::from(at) % (sections.len() + 1), (id % 14, vec![0]));
            }
            Self::Twice { at } => {
                if let Some(section) = sections.get(place(at)).cloned() {
                    sections.insert(place(at), section);
                }
            }
            Self::Drop { at } if !sections.is_empty() => {
                sections.remove(place(at));
            }
            Self::Swap { at, other } if !sections.is_empty() => {
                let (at, other) = (place(at), place(other));
                sections.swap(at, other);
            }
            Self::Rename { at, id } => {
                let at = place(at);
                if let Some(section) = sections.get_mut(at) {
                    section.0 = id % 14;
                }
            }
            Self::Flip { at, offset, bits } => {
                let at = place(at);
                if let Some((_, body)) = sections.get_mut(at) {
                    let offset = usize::from(offset) % body.len().max(1);
                    if let Some(byte) = body.get_mut(offset) {
                        *byte ^= bits;
                    }
                }
            }
            Self::Drop { .. } | Self::Swap { .. } | Self::Cut { .. } => {}
        }
    }
}

/// The sections of a module: numbers and bodies.
fn split(module: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut sections = Vec::new();
    let mut reader = wasmparser::BinaryReader::new(module.get(8..).unwrap_or_default(), 8);
    while !reader.eof() {
        let (Ok(id), Ok(len)) = (reader.read_u8(), reader.read_var_u32()) else {
            break;
        };
        let Ok(body) = reader.read_bytes(len as usize) else {
            break;
        };
        sections.push((id, body.to_vec()));
    }
    sections
}
