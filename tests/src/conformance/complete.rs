//! No call is left out: each is imported by a guest of the suite and succeeds there.

use std::collections::BTreeSet;

use thimble_abi::calls;
use thimble_runtime::module::Module;

use super::device::Device;
use super::groups::GROUPS;
use super::life_cycle;
use super::on_every_engine;
use crate::command::guest;

on_every_engine! { every_call_succeeds_in_some_guest }

#[test]
fn every_call_is_imported_by_some_guest() {
    let imported: BTreeSet<_> = GROUPS
        .iter()
        .flat_map(|(name, _)| {
            let bytes = std::fs::read(guest(&format!("conform-{name}"))).unwrap();
            let module = Module::parse(bytes).unwrap();
            let calls = module.imports().iter().map(|import| import.spec.call);
            calls.collect::<Vec<_>>()
        })
        .collect();
    let missing: Vec<_> = calls::all()
        .filter(|spec| !imported.contains(&spec.call))
        .map(|spec| format!("{}.{}", spec.module, spec.name))
        .collect();
    assert!(missing.is_empty(), "no guest imports {missing:#?}");
}

/// An import that is never called proves nothing, and neither does one that is only ever refused.
fn every_call_succeeds_in_some_guest(device: &Device) {
    for (_, group) in GROUPS {
        group(device);
    }
    // Nobody can answer who was not asked.
    life_cycle::a_guest_that_wants_to_be_asked_answers(device);
    let missing: Vec<_> = calls::all()
        .filter(|spec| !device.succeeded.has(spec))
        .map(|spec| format!("{}.{}", spec.module, spec.name))
        .collect();
    assert!(missing.is_empty(), "nowhere succeeds {missing:#?}");
}
