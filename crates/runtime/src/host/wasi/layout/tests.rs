//! The bytes of structures.

use thimble_abi::Errno;

use super::{check, dirent, fdstat, filestat, prestat};
use crate::port::{Entry, Metadata};

#[test]
fn structures_have_the_layout_of_the_specification() {
    let metadata = Metadata {
        device: 1,
        inode: 2,
        filetype: 3,
        links: 4,
        size: 5,
        accessed_nanos: 6,
        modified_nanos: 7,
        changed_nanos: 0x0102_0304_0506_0708,
    };
    let bytes = filestat(&metadata);
    let places: [usize; 7] = [0, 8, 16, 24, 32, 40, 48];
    assert_eq!(places.map(|place| bytes[place]), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(bytes[56..], [8, 7, 6, 5, 4, 3, 2, 1]);
    let bytes = fdstat(4, 0x0102, 5, 6);
    assert_eq!(bytes[..8], [4, 0, 2, 1, 0, 0, 0, 0]);
    assert_eq!((bytes[8], bytes[16]), (5, 6));
    assert_eq!(prestat(9), [0, 0, 0, 0, 9, 0, 0, 0]);
    let bytes = dirent(&Entry {
        name: "abc".into(),
        inode: 2,
        filetype: 4,
        next: 7,
    });
    assert_eq!((bytes[0], bytes[8], bytes[16], bytes[20]), (7, 2, 3, 4));
}

#[test]
fn a_structure_must_lie_inside() {
    let memory = [0; 16];
    assert_eq!(check(&memory, 8, 8), Ok(()));
    assert_eq!(check(&memory, 16, 0), Ok(()));
    for (offset, len) in [(9, 8), (17, 0), (u32::MAX, 2), (0, u32::MAX)] {
        assert_eq!(check(&memory, offset, len), Err(Errno::Fault));
    }
}
