//! The lists do not contradict each other, and the filters fit.

use std::collections::BTreeSet;

use seccompiler::TargetArch;

use super::{arguments, filters, table};

#[test]
fn no_call_is_on_two_lists_but_the_one_that_adds_filters() {
    let mut seen = BTreeSet::new();
    let arguments: Vec<i64> = arguments::rules().unwrap().into_keys().collect();
    let lists: [&[i64]; 5] = [
        table::ALLOWED,
        table::ALLOWED_HERE,
        table::DEADLY,
        table::ABSENT,
        &arguments,
    ];
    for call in lists.into_iter().flatten() {
        assert!(
            seen.insert(*call) || *call == libc::SYS_seccomp,
            "call {call} is on two lists"
        );
        assert!(!table::UNKNOWN.contains(call), "call {call} is known");
    }
}

#[test]
fn filters_are_made_for_every_machine() {
    for target in [TargetArch::x86_64, TargetArch::aarch64, TargetArch::riscv64] {
        for filter in filters(target).unwrap() {
            assert!(filter.len() < 4096, "{} instructions", filter.len());
        }
    }
}
