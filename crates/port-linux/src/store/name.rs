//! Turns any bytes into a file name that cannot leave its folder.

/// Bytes of an encoded name; longer ones are cut and end in a hash.
const NAME_BYTES_MAX: usize = 180;
const KEPT_BYTES: usize = 120;

/// A file name for these bytes: letters, digits, `-`, `_` and inner dots stay, others become `%XX`.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut name = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(*byte)),
            b'.' if index > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.is_empty() {
        // No other bytes give this: a `%` is always followed by its number.
        return "%".to_owned();
    }
    if name.len() > NAME_BYTES_MAX {
        // The double sign keeps it apart from names that were not cut.
        return format!(
            "{}%%{:032X}",
            name.get(..KEPT_BYTES).unwrap_or_default(),
            hash(bytes)
        );
    }
    name
}

/// FNV-1a, 128 bits. Only a container's own keys share a folder, so it can deceive nobody but itself;
/// files hold their whole key, which is checked.
fn hash(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}
