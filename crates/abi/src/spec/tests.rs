//! The document holds everything, and the same each time.

extern crate std;

use std::string::String;

use super::markdown;
use crate::calls;

#[test]
fn the_document_is_the_same_each_time_and_holds_every_call() {
    let mut texts = [String::new(), String::new()];
    for text in &mut texts {
        markdown(text).unwrap();
    }
    let [one, two] = texts;
    assert_eq!(one, two);
    for spec in calls::all() {
        assert!(
            one.contains(&std::format!("**`{}(", spec.name)),
            "{}",
            spec.name
        );
        assert!(
            one.contains(spec.call.description().summary),
            "{}",
            spec.name
        );
    }
}
