//! What a line holds.

use super::{LINE_BYTES_MAX, Line};

#[test]
fn texts_and_numbers_follow_each_other_on_one_line() {
    let mut line = Line::default();
    line.text("a\nb ");
    for number in [0, 7, 10, u64::MAX] {
        line.number(number);
        line.text(",");
    }
    line.container(None);
    assert_eq!(line.bytes(), b"a b 0,7,10,18446744073709551615,-\n");
}

#[test]
fn what_is_too_much_is_left_out() {
    let mut line = Line::default();
    for _ in 0..3 {
        line.text(&"x".repeat(LINE_BYTES_MAX / 2));
    }
    line.number(1);
    assert_eq!(line.bytes().len(), LINE_BYTES_MAX);
    assert!(line.bytes().ends_with(b"x\n"));
}
