//! Makes a module smaller without changing what it does: no debug sections, no padding in its numbers.
//!
//! The code is validated in full, with exactly the features that all engines run.

mod names;
mod sections;

use std::fmt;

use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{BinaryReaderError, CustomSectionReader, Parser, Validator, WasmFeatures};

use sections::Fate;

/// What of a module's custom sections stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strip {
    /// Debug sections go; the names of functions stay, because backtraces tell them.
    #[default]
    Debug,
    /// All custom sections go, the names of functions too.
    All,
}

/// How a module is made smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TidyOptions {
    /// What of its custom sections stays.
    pub strip: Strip,
}

/// A module that was made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tidied {
    /// The module.
    pub bytes: Vec<u8>,
    /// Bytes that it had before.
    pub bytes_before: u64,
    /// What was taken out, in the order in which it stood.
    pub removed: Vec<Removed>,
}

/// A custom section that was taken out, or of which a part was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The section's name.
    pub section: String,
    /// Bytes of its content that are gone.
    pub bytes: u64,
}

/// Why a module cannot be made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TidyError {
    /// It is not a valid module, or uses features that containers do not have.
    Invalid {
        /// What is wrong.
        reason: String,
        /// Where, from the first byte.
        offset: usize,
    },
    /// What came out is not valid: the fault is ours.
    Defect {
        /// What is wrong with it.
        reason: String,
    },
}

/// Validates a module, takes out what does not count when it runs, and writes every number in as few bytes as it
/// needs.
///
/// # Errors
/// [`TidyError`] if it is not valid.
pub fn tidy(bytes: &[u8], options: &TidyOptions) -> Result<Tidied, TidyError> {
    validate(bytes).map_err(|error| invalid(&error))?;
    let mut tidier = Tidier {
        strip: options.strip,
        removed: Vec::new(),
    };
    let mut module = wasm_encoder::Module::new();
    tidier
        .parse_core_module(&mut module, Parser::new(0), bytes)
        .map_err(|error| TidyError::Defect {
            reason: error.to_string(),
        })?;
    let tidied = module.finish();
    validate(&tidied).map_err(|error| TidyError::Defect {
        reason: error.to_string(),
    })?;
    Ok(Tidied {
        bytes: tidied,
        bytes_before: bytes.len() as u64,
        removed: tidier.removed,
    })
}

impl Tidied {
    /// Bytes that were saved by writing numbers shorter, and by the frames of what was taken out.
    #[must_use]
    pub fn padding_bytes(&self) -> u64 {
        let removed: u64 = self.removed.iter().map(|removed| removed.bytes).sum();
        self.bytes_before
            .saturating_sub(self.bytes.len() as u64)
            .saturating_sub(removed)
    }
}

/// The features that every engine here runs: WebAssembly 2.0 with tail calls, extended constant expressions and
/// custom page sizes.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::CUSTOM_PAGE_SIZES
}

/// What to say of a module that is not valid.
pub(crate) fn invalid(error: &BinaryReaderError) -> TidyError {
    TidyError::Invalid {
        reason: error.message().to_owned(),
        offset: error.offset(),
    }
}

/// Checks a module in full, code included.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), BinaryReaderError> {
    Validator::new_with_features(features())
        .validate_all(bytes)
        .map(drop)
}

/// Writes a module anew; indices stay as they are.
struct Tidier {
    strip: Strip,
    removed: Vec<Removed>,
}

impl Reencode for Tidier {
    type Error = std::convert::Infallible;

    fn parse_custom_section(
        &mut self,
        module: &mut wasm_encoder::Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error<Self::Error>> {
        let names;
        let kept = match sections::fate(section.name(), self.strip) {
            Fate::Stays => Some(section.data()),
            Fate::Goes => None,
            Fate::KeepsFunctionNames => {
                names = names::of_functions(&section);
                names.as_deref()
            }
        };
        if let Some(data) = kept {
            module.section(&wasm_encoder::CustomSection {
                name: section.name().into(),
                data: data.into(),
            });
        }
        let bytes =
            (section.data().len() as u64).saturating_sub(kept.map_or(0, |data| data.len() as u64));
        if bytes > 0 || kept.is_none() {
            self.removed.push(Removed {
                section: section.name().to_owned(),
                bytes,
            });
        }
        Ok(())
    }
}

impl fmt::Display for TidyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { reason, offset } => write!(
                formatter,
                "the module is not valid: {reason} (at byte {offset}); build it for wasm32-wasip1 without \
                 features beyond WebAssembly 2.0"
            ),
            Self::Defect { reason } => write!(
                formatter,
                "the module became invalid when it was made smaller, which is a fault of Thimble: {reason}; \
                 please report it with the module"
            ),
        }
    }
}

impl std::error::Error for TidyError {}
