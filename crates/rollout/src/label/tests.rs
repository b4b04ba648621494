//! Labels give back what they were made of.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use super::{LABELS_MAX, LabelError, Labels};

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs.iter();
    owned
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn every_key_has_its_value_in_whatever_order_they_come() {
    let given = [
        ("site", "north"),
        ("a", ""),
        ("line", "größe"),
        ("aa", "1"),
        ("a", "2"),
    ];
    let labels = Labels::new(pairs(&given)).unwrap();
    let sorted = [
        ("a", "2"),
        ("aa", "1"),
        ("line", "größe"),
        ("site", "north"),
    ];
    assert_eq!(labels.iter().collect::<Vec<_>>(), sorted);
    for (key, value) in sorted {
        assert_eq!(labels.value(key), Some(value));
    }
    for key in ["", "b", "lin", "line2", "zzz"] {
        assert_eq!(labels.value(key), None);
    }
    assert_eq!(Labels::default().value("a"), None);
    assert_eq!(
        format!("{labels:?}"),
        r#"{"a": "2", "aa": "1", "line": "größe", "site": "north"}"#
    );
}

#[test]
fn as_many_as_may_be_are_found() {
    let many: Vec<_> = (0..LABELS_MAX)
        .map(|number| (format!("key-{number}"), format!("{number}")))
        .collect();
    let labels = Labels::new(many.iter().rev().cloned()).unwrap();
    assert_eq!(labels, Labels::of_kept(many.clone()));
    for (key, value) in &many {
        assert_eq!(labels.value(key), Some(value.as_str()));
    }
    let more = many.into_iter().chain(vec![("more".into(), String::new())]);
    assert_eq!(
        Labels::new(more),
        Err(LabelError::TooMany {
            count: LABELS_MAX + 1
        })
    );
}
