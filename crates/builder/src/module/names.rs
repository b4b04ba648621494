//! The `name` section, of which backtraces need the names of functions (WebAssembly core specification, appendix,
//! name section).

use wasm_encoder::{NameMap, NameSection};
use wasmparser::{BinaryReader, CustomSectionReader, Name, NameSectionReader};

/// The content of a name section that names functions only, `None` if it names none or cannot be read.
pub(super) fn of_functions(section: &CustomSectionReader<'_>) -> Option<Vec<u8>> {
    let reader = BinaryReader::new(section.data(), section.data_offset());
    let mut functions = NameMap::new();
    let mut last = None;
    for subsection in NameSectionReader::new(reader) {
        // What comes after a broken subsection cannot be told from garbage.
        let Ok(subsection) = subsection else { break };
        let Name::Function(map) = subsection else {
            continue;
        };
        for naming in map {
            let Ok(naming) = naming else { break };
            // A name map is in the order of its indices, each once.
            if last.is_some_and(|last| naming.index <= last) {
                continue;
            }
            last = Some(naming.index);
            functions.append(naming.index, naming.name);
        }
    }
    last?;
    let mut names = NameSection::new();
    names.functions(&functions);
    Some(names_only(&names))
}

/// The section's content, without the section's frame.
fn names_only(names: &NameSection) -> Vec<u8> {
    names.as_custom().data.into_owned()
}
