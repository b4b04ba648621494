//! Reading apt's answers.

use super::candidate;

#[test]
fn reads_the_version_that_would_be_installed() {
    let policy = "golang-go:\n  Installed: (none)\n  Candidate: 2:1.19~1\n  Version table:\n";
    assert_eq!(candidate(policy), Some((1, 19)));
    assert_eq!(candidate("x:\n  Candidate: 2:1.24~2\n"), Some((1, 24)));
    assert_eq!(candidate("x:\n  Candidate: (none)\n"), None);
    assert_eq!(candidate(""), None);
}
