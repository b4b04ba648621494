//! The steps against the guests there are.

use std::collections::BTreeSet;
use std::path::Path;

use super::{PORT, STEPS, Show, Step};
use crate::guests::Manifest;

#[test]
fn every_step_has_its_own_title_and_a_port_if_it_serves() {
    let titles: BTreeSet<&str> = STEPS.iter().map(|step| step.title).collect();
    assert_eq!(titles.len(), STEPS.len());
    for step in STEPS {
        let takes_port = step.command.iter().any(|word| word.contains(PORT));
        assert_eq!(
            takes_port,
            matches!(step.show, Show::Serve(_)),
            "{}",
            step.title
        );
    }
}

#[test]
fn every_guest_shown_is_built() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/guests.toml");
    let manifest = Manifest::read(&path).unwrap();
    for guest in STEPS.iter().flat_map(Step::guests) {
        assert!(
            manifest.guests.iter().any(|built| built.name == guest),
            "{guest}"
        );
    }
}
