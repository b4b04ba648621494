use super::is_too_much;

const KIB: usize = 1024;

#[test]
fn what_is_large_leaves_something_for_what_is_small() {
    // Bytes, in use, in all, and whether it is refused.
    let cases = [
        (1023, 256 * KIB, 256 * KIB, false),
        (1, 0, 0, false),
        (1024, 0, 0, true),
        (1024, 251 * KIB, 256 * KIB, false),
        (1024, 251 * KIB + 1, 256 * KIB, true),
        (252 * KIB, 0, 256 * KIB, false),
        (252 * KIB + 1, 0, 256 * KIB, true),
        // A sixteenth of a small heap.
        (15 * KIB, 0, 16 * KIB, false),
        (15 * KIB + 1, 0, 16 * KIB, true),
        (1024, 14 * KIB, 16 * KIB, false),
        (1024, 14 * KIB + 1, 16 * KIB, true),
        (usize::MAX, 0, usize::MAX, true),
        (2048, 10, 5, true),
    ];
    for (bytes, used, total, expected) in cases {
        assert_eq!(
            is_too_much(bytes, used, total),
            expected,
            "{bytes} of {total}, {used} in use"
        );
    }
}
