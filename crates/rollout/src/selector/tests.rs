//! Selectors pick what they say, say where they are wrong, and read back what they write.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};

use super::{Selector, TEXT_BYTES_MAX};
use crate::label::Labels;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    )
    .unwrap()
}

#[test]
fn selectors_pick_by_every_kind_of_requirement() {
    let device = labels(&[
        ("line", "1"),
        ("site", "a"),
        ("device/arch", "thumbv7em"),
        ("model", "Nucleo H743"),
    ]);
    for (text, expected) in [
        ("", true),
        ("  ", true),
        ("line", true),
        ("line=1", true),
        ("line == 1", true),
        ("line=2", false),
        ("line!=2", true),
        ("line!=1", false),
        ("other!=1", true),
        ("!canary", true),
        ("! line", false),
        ("site in (a, b)", true),
        ("site in (b)", false),
        ("site notin (b,c)", true),
        ("other notin (b)", true),
        ("device/arch=thumbv7em, line=1", true),
        ("model=\"Nucleo H743\"", true),
        ("line=1,site in (b,c)", false),
        ("in=1", false),
    ] {
        let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(selector.matches(&device), expected, "{text}");
        let again = Selector::parse(&selector.to_string()).unwrap();
        assert_eq!(again, selector, "{text} is written as {selector}");
    }
}

#[test]
fn a_wrong_selector_says_where_and_what() {
    let long = "a".repeat(TEXT_BYTES_MAX + 1);
    let word = "a".repeat(65);
    let many = format!("a{}", ",a".repeat(16));
    let values = format!("a in (b{})", ",b".repeat(64));
    let cases: [(&str, &str); 14] = [
        (",", "at character 1: expected a label's key, found ','"),
        (
            "line=",
            "at character 6: expected a value, but the selector ends",
        ),
        (
            "line=1,",
            "at character 8: expected a label's key, but the selector ends",
        ),
        (
            "line=1 site=a",
            "at character 8: expected a comma or the end, found 's'",
        ),
        (
            "line ~ 1",
            "at character 6: expected =, !=, in, notin, a comma or the end, found '~'",
        ),
        (
            "site inn (a)",
            "at character 6: expected =, !=, in, notin, a comma or the end, found 'i'",
        ),
        (
            "site in a",
            "at character 9: expected ( and values, found 'a'",
        ),
        (
            "site in (a",
            "at character 11: expected a comma or ), but the selector ends",
        ),
        ("a!b", "at character 3: expected = after !, found 'b'"),
        ("model=\"x", "at character 7: this quote has no end"),
        (
            &long,
            "at character 1: a selector of 4097 bytes is too long: 4096 at most",
        ),
        (&word, "at character 1: 65 bytes are too long: 64 at most"),
        (&many, "at character 33: more than 16 requirements"),
        (&values, "at character 135: more than 64 values"),
    ];
    for (text, expected) in cases {
        assert_eq!(
            Selector::parse(text).unwrap_err().to_string(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn labels_keep_the_last_of_a_key_and_refuse_what_a_selector_could_not_name() {
    let twice = labels(&[("a", "1"), ("a", "2")]);
    assert_eq!(twice.value("a"), Some("2"));
    let pair = |key: &str, value: &str| Labels::new([(key.to_owned(), value.to_owned())]);
    assert!(pair("", "1").is_err());
    assert!(pair("a b", "1").is_err());
    assert!(pair("a", "\n").is_err());
    assert!(pair("a", &"x".repeat(129)).is_err());
    let kept = Labels::of_kept(
        [("b", "1"), ("a b", "1"), ("a", "2"), ("b", "3")]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    assert_eq!(
        kept.iter().collect::<alloc::vec::Vec<_>>(),
        [("a", "2"), ("b", "1")]
    );
    let many = (0..513).map(|index| (format!("k{index}"), String::new()));
    assert!(Labels::new(many).is_err());
}
