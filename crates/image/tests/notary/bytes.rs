//! CBOR and DER written by hand, so that no library of ours is asked what is right.

/// A CBOR head (RFC 8949, section 3).
fn head(major: u8, argument: u64) -> Vec<u8> {
    let first = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..=23 => vec![first | bytes[7]],
        24..=0xff => vec![first | 24, bytes[7]],
        0x100..=0xffff => [&[first | 25], &bytes[6..]].concat(),
        0x1_0000..=0xffff_ffff => [&[first | 26], &bytes[4..]].concat(),
        _ => [&[first | 27], &bytes[..]].concat(),
    }
}

pub(crate) fn int(number: i64) -> Vec<u8> {
    match u64::try_from(number) {
        Ok(number) => head(0, number),
        Err(_) => head(1, number.unsigned_abs() - 1),
    }
}

pub(crate) fn bstr(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len() as u64), bytes.to_vec()].concat()
}

pub(crate) fn tstr(text: &str) -> Vec<u8> {
    [head(3, text.len() as u64), text.as_bytes().to_vec()].concat()
}

pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

pub(crate) fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = head(5, entries.len() as u64);
    for (key, value) in entries {
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
    }
    bytes
}

pub(crate) fn tag(number: u64, content: Vec<u8>) -> Vec<u8> {
    [head(6, number), content].concat()
}

/// Seconds since 1970 with the tag that says so.
pub(crate) fn time(seconds: i64) -> Vec<u8> {
    tag(1, int(seconds))
}

/// A DER element (X.690, section 8.1).
pub(crate) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let mut bytes = vec![tag];
    match content.len() {
        0..=127 => bytes.push(length[7]),
        128..=255 => bytes.extend([0x81, length[7]]),
        _ => bytes.extend([0x82, length[6], length[7]]),
    }
    bytes.extend_from_slice(content);
    bytes
}

pub(crate) fn sequence(items: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &items.concat())
}

/// An object identifier from its text.
pub(crate) fn identifier(text: &str) -> Vec<u8> {
    let arcs: Vec<u64> = text.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = Vec::new();
    let first = arcs[0] * 40 + arcs[1];
    for arc in std::iter::once(first).chain(arcs[2..].iter().copied()) {
        let mut groups = vec![u8::try_from(arc & 0x7f).unwrap()];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        groups.reverse();
        content.extend(groups);
    }
    der(0x06, &content)
}
