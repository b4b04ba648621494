//! Finding where two texts part.

use super::first_difference;

#[test]
fn shows_where_two_texts_part() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(
        first_difference("a\nb\n", "a\nc\n").unwrap(),
        "line 2 is `b`, should be `c`"
    );
    assert_eq!(
        first_difference("", "a\n").unwrap(),
        "line 1 is nothing, should be `a`"
    );
    assert_eq!(
        first_difference("a\nb\n", "a\n").unwrap(),
        "line 2 is `b`, should be nothing"
    );
    assert!(first_difference("a", "a\n").unwrap().contains("end"));
}

#[test]
fn the_contract_names_every_call_and_grant() {
    let text = super::contract().unwrap();
    for spec in thimble_abi::calls::all() {
        assert!(text.contains(&format!("`{}(", spec.name)), "{}", spec.name);
    }
    for grant in thimble_abi::grant::GRANTS {
        assert!(
            text.contains(&format!("| `{}` |", grant.name)),
            "{}",
            grant.name
        );
    }
}
