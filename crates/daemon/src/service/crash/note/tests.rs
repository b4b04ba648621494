//! Every line that may be found.

use super::{Cause, CrashNote, take};

fn note(cause: Cause, container: Option<u64>) -> Option<CrashNote> {
    Some(CrashNote { cause, container })
}

#[test]
fn a_line_is_understood_or_told_as_it_is() {
    let panic = |words: &str| Cause::Panic(words.to_owned());
    let other = |words: &str| Cause::Other(words.to_owned());
    let table = [
        ("", None),
        ("signal 11 container 7\n", note(Cause::Signal(11), Some(7))),
        ("signal 6 container -\n", note(Cause::Signal(6), None)),
        (
            "panic container 3 at a.rs:1:2: no container here\n",
            note(panic("at a.rs:1:2: no container here"), Some(3)),
        ),
        ("panic container -: late", note(panic("late"), None)),
        (
            "signal x container 7\n",
            note(other("signal x container 7"), None),
        ),
        (
            "panic container 1x\n",
            note(other("panic container 1x"), None),
        ),
        ("\u{1}\u{2}", note(other("\u{1}\u{2}"), None)),
    ];
    for (text, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("crash"), text).unwrap();
        assert_eq!(take(folder.path()), expected, "{text:?}");
        assert_eq!(take(folder.path()), None, "it is told once");
    }
}

#[test]
fn a_huge_file_of_anything_is_read_in_part() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crash"), vec![0xff; 1 << 20]).unwrap();
    let Some(CrashNote {
        cause: Cause::Other(words),
        ..
    }) = take(folder.path())
    else {
        panic!("something was there");
    };
    assert!(words.chars().count() <= 512);
}
