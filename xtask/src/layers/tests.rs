//! The map against small sets of crates.

use super::rules::{Crate, Edge, EdgeKind, complaints};

const PURE: &[&str] = &["#![no_std]", "#![forbid(unsafe_code)]"];

fn package(name: &str, linked: &[&str], dev: &[&str]) -> Crate {
    let edge = |kind| {
        move |to: &&str| Edge {
            to: (*to).to_owned(),
            kind,
        }
    };
    let mut edges: Vec<Edge> = linked.iter().map(edge(EdgeKind::Linked)).collect();
    edges.extend(dev.iter().map(edge(EdgeKind::Dev)));
    let attributes = Some(
        PURE.iter()
            .map(|attribute| (*attribute).to_owned())
            .collect(),
    );
    Crate {
        name: name.to_owned(),
        edges,
        attributes,
    }
}

/// One complaint that holds all of these words.
fn check(package: Crate, words: &[&str]) {
    let name = package.name.clone();
    let complaints = complaints(&[package]);
    assert_eq!(complaints.len(), 1, "{name}: {complaints:?}");
    for word in words {
        assert!(
            complaints[0].contains(word),
            "`{word}` is not in: {}",
            complaints[0]
        );
    }
}

#[test]
fn the_design_is_as_drawn() {
    let crates = [
        package("thimble-abi", &[], &[]),
        package("thimble-protocol", &["thimble-abi", "thimble-image"], &[]),
        package("thimble-image", &["thimble-abi"], &["thimble-testkit"]),
        package("thimble-hub-api", &["thimble-image"], &[]),
        package("thimble-runtime", &["thimble-abi"], &["thimble-testkit"]),
        package(
            "thimble-agent",
            &["thimble-runtime", "thimble-image", "thimble-protocol"],
            &[],
        ),
        package("thimble-rollout", &[], &["thimble-testkit"]),
        package(
            "thimble-engine-inplace",
            &["thimble-runtime"],
            &["thimble-engine-inplace"],
        ),
        package(
            "thimble-engine-wasmi",
            &["thimble-runtime", "thimble-abi"],
            &[],
        ),
        package(
            "thimble-port-linux",
            &["thimble-agent", "thimble-runtime"],
            &[],
        ),
        package(
            "thimble-hub",
            &["thimble-rollout", "thimble-protocol", "thimble-hub-api"],
            &[],
        ),
        package(
            "thimble-cli",
            &[
                "thimble-engine-wasmi",
                "thimble-port-linux",
                "thimble-runtime",
            ],
            &[],
        ),
        package("thimble-testkit", &["thimble-runtime"], &[]),
        package(
            "thimble-tests",
            &["thimble-cli", "thimble-testkit", "thimble-engine-wasmi"],
            &[],
        ),
        package("xtask", &["thimble-abi"], &[]),
    ];
    assert_eq!(complaints(&crates), Vec::<String>::new());
}

#[test]
fn names_the_edge_and_what_to_do() {
    check(
        package("thimble-engine-wasmi", &["thimble-port-linux"], &[]),
        &[
            "thimble-engine-wasmi -> thimble-port-linux",
            "never see each other",
        ],
    );
    check(
        package("thimble-port-linux", &["thimble-engine-wasmtime"], &[]),
        &["never see each other"],
    );
    check(
        package("thimble-agent", &["thimble-port-linux"], &[]),
        &["arrows point down"],
    );
    check(
        package("thimble-runtime", &["thimble-agent"], &[]),
        &["thimble-runtime -> thimble-agent"],
    );
    check(
        package("thimble-abi", &["thimble-image"], &[]),
        &["stands alone"],
    );
    check(
        package("thimble-rollout", &["thimble-abi"], &[]),
        &["rollout stands alone"],
    );
    check(
        package("thimble-cli", &["thimble-testkit"], &[]),
        &["[dev-dependencies]"],
    );
    check(
        package("thimble-engine-wasmi", &[], &["thimble-engine-wasmtime"]),
        &["(in its tests)"],
    );
    check(
        package("xtask", &["thimble-runtime"], &[]),
        &["ready in seconds"],
    );
}

#[test]
fn refuses_crates_that_are_not_on_the_map() {
    check(
        package("thimble-gadgets", &[], &[]),
        &["not on the map", "docs/adr/"],
    );
    check(package("thimble-utils", &[], &[]), &["says nothing"]);
    check(package("thimble-common", &[], &[]), &["says nothing"]);
}

#[test]
fn contracts_and_logic_are_pure() {
    let mut runtime = package("thimble-runtime", &[], &[]);
    runtime.attributes = Some(vec!["#![no_std]".to_owned()]);
    check(runtime, &["#![forbid(unsafe_code)]"]);
    let mut abi = package("thimble-abi", &[], &[]);
    abi.attributes = Some(vec!["#![forbid(unsafe_code)]".to_owned()]);
    check(abi, &["#![no_std]"]);
    let mut agent = package("thimble-agent", &[], &[]);
    agent.attributes = None;
    check(agent, &["no src/lib.rs"]);
    let mut port = package("thimble-port-linux", &[], &[]);
    port.attributes = Some(Vec::new());
    assert!(complaints(&[port]).is_empty());
}
