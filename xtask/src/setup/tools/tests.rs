//! Reading tools' versions.

use super::{go_is_new_enough, go_version};

#[test]
fn reads_the_version_of_go() {
    assert_eq!(go_version("go version go1.26.8 linux/amd64"), Some((1, 26)));
    assert_eq!(
        go_version("go version go1.21rc2 linux/arm64"),
        Some((1, 21))
    );
    assert_eq!(go_version("go version devel"), None);
    assert!(go_is_new_enough((1, 23)));
    assert!(!go_is_new_enough((1, 22)));
}
