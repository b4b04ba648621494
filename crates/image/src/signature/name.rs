//! Distinguished names, as text that is safe to show (RFC 4514).

use alloc::string::{String, ToString as _};
use core::fmt::Write as _;

use x509_cert::der::Tag;
use x509_cert::der::Tagged as _;
use x509_cert::der::asn1::{Any, Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::name::Name;

/// A name as RFC 4514 writes it, last component first.
pub(super) fn render(name: &Name) -> String {
    let mut text = String::new();
    for character in name.to_string().chars() {
        if is_deceptive(character) {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\{byte:02x}");
            }
        } else {
            text.push(character);
        }
    }
    text
}

/// The text of an attribute's value, if it has one of the types that certificates of today use.
pub(super) fn value_text(value: &Any) -> Option<&str> {
    match value.tag() {
        Tag::Utf8String => Utf8StringRef::try_from(value).ok().map(|it| it.as_str()),
        Tag::PrintableString => PrintableStringRef::try_from(value)
            .ok()
            .map(|it| it.as_str()),
        Tag::Ia5String => Ia5StringRef::try_from(value).ok().map(|it| it.as_str()),
        _ => None,
    }
}

/// Whether a terminal would obey it, or show what follows in another order.
pub(super) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
