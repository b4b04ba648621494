//! Entity tags of states.

use thimble_protocol::{ETag, StateVersion};
use thimble_testkit::random::{Random, seed};

#[test]
fn a_tag_is_read_as_written() {
    let mut random = Random::new(seed(11));
    for bits in 0..64 {
        let tag = ETag::of(StateVersion(u64::MAX >> bits), &random.bytes(20));
        assert_eq!(tag.to_string().parse(), Ok(tag));
    }
    assert_eq!(
        ETag::of(StateVersion(3), b"").to_string(),
        "\"3.47DEQpj8HBSa\"",
        "the SHA-256 of nothing begins with e3b0c44298fc1c149a"
    );
}

#[test]
fn a_text_that_is_no_tag_is_refused() {
    for text in [
        "",
        "\"",
        "\"\"",
        "3.47DEQpj8HBSa",
        "W/\"3.47DEQpj8HBSa\"",
        "\"3\"",
        "\".47DEQpj8HBSa\"",
        "\"03.47DEQpj8HBSa\"",
        "\"+3.47DEQpj8HBSa\"",
        "\"18446744073709551616.47DEQpj8HBSa\"",
        "\"3.47DEQpj8HBS\"",
        "\"3.47DEQpj8HBSaa\"",
        "\"3.47DEQpj8HBS=\"",
        "\"3.47DEQpj8+BSa\"",
        "\"3.47DEQpj8HBSa\" ",
    ] {
        let error = text.parse::<ETag>().unwrap_err();
        assert!(!error.to_string().is_empty());
    }
}
