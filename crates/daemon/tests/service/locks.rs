//! One daemon to a state folder.

use std::path::Path;

use crate::{Talker, part};

pub(crate) fn two_daemons_on_one_folder(folder: &Path) {
    let mut first = Talker::start(&mut part("hold", folder));
    let process = first.child.id();
    assert_eq!(first.line(), format!("held by {process}"));

    let mut second = Talker::start(&mut part("hold", folder));
    let words = second.line();
    let expected = format!(
        "another daemon uses {}: process {process};",
        folder.display()
    );
    assert!(words.starts_with(&expected), "{words}");
    second.end();

    first.signal(libc::SIGKILL);
    first.end();
    let mut third = Talker::start(&mut part("hold", folder));
    assert!(third.line().starts_with("held by"));
    third.end();

    let mut nowhere = Talker::start(&mut part("hold", &folder.join("absent")));
    assert!(nowhere.line().starts_with("cannot lock"));
    nowhere.end();
}
