//! What a module begins with.

use super::ModuleError;

/// Checks that bytes begin as a module does.
///
/// # Errors
/// [`ModuleError`] says what they are instead, where that can be seen.
pub fn check_header(bytes: &[u8]) -> Result<(), ModuleError> {
    match bytes {
        [] => Err(ModuleError::Empty),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Err(ModuleError::Component),
        [0, b'a', b's', b'm', a, b, c, d, ..] => Err(ModuleError::Version {
            version: u32::from_le_bytes([*a, *b, *c, *d]),
        }),
        _ if b"\0asm".starts_with(bytes) || bytes.starts_with(b"\0asm") => {
            Err(ModuleError::Truncated {
                offset: bytes.len(),
            })
        }
        _ => Err(ModuleError::NotWasm {
            looks_like: looks_like(bytes),
        }),
    }
}

fn looks_like(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => "a native ELF program; build for wasm32-wasip1 instead",
        [0, b'a', b'o', b't', ..] => "a WAMR ahead-of-time file; give the .wasm it was made from",
        [b'P', b'K', ..] => "a zip archive",
        [0x1f, 0x8b, ..] => "a gzip file; unpack it first",
        [b'#', b'!', ..] => "a script",
        [b'{', ..] => "JSON",
        [b'(', ..] => "WebAssembly text that could not be read",
        [b'M', b'Z', ..] => "a Windows program",
        _ if bytes.iter().all(|byte| *byte == 0) => "zeros; the file was not copied in full",
        _ => "something else",
    }
}
