//! Licence expressions against a list of allowed ones.

use super::is_allowed;

#[test]
fn one_allowed_branch_is_enough_and_every_part_of_it_counts() {
    let allowed = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "Unicode-3.0",
    ]
    .map(str::to_owned);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT/Apache-2.0", true),
        ("MPL-2.0", false),
    ] {
        assert_eq!(
            is_allowed(expression, &allowed),
            Ok(expected),
            "{expression}"
        );
    }
    assert!(is_allowed("my own words", &allowed).is_err());
}
