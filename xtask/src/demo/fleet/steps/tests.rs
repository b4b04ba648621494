//! The steps against each other and the guests there are.

use std::collections::BTreeSet;
use std::path::Path;

use super::{STEPS, Show, Step};
use crate::guests::Manifest;

#[test]
fn every_step_has_its_own_title_and_can_fail() {
    let titles: BTreeSet<&str> = STEPS.iter().map(|step| step.title).collect();
    assert_eq!(titles.len(), STEPS.len());
    for step in STEPS {
        assert!(
            !step.says.is_empty() && !step.command.is_empty(),
            "{}",
            step.title
        );
        if matches!(step.show, Show::Becomes | Show::Watch) {
            assert!(
                !step.expects.is_empty(),
                "{} would never end, or at once",
                step.title
            );
        }
    }
    assert_eq!(STEPS.iter().filter(|step| step.gives_code).count(), 1);
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
