//! The order of starts.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thimble_testkit::random::{Random, seed};

use crate::lifecycle::{Condition, Node, OrderError, start_order};

/// Nodes from `name: dependency dependency; …`.
fn nodes(text: &str) -> Vec<Node<'_>> {
    text.split_terminator(';')
        .map(|node| {
            let (name, dependencies) = node.split_once(':').unwrap_or((node, ""));
            Node {
                name: name.trim(),
                dependencies: dependencies.split_whitespace().collect(),
            }
        })
        .collect()
}

#[test]
fn each_comes_after_what_it_depends_on() {
    let cases = [
        ("", ""),
        ("a", "a"),
        ("a; b; c", "a b c"),
        ("a: b; b: c; c", "c b a"),
        ("a: c b; b; c; d: a", "c b a d"),
        ("a: b b b; b", "b a"),
        ("a: b c; b: d; c: d; d", "d b c a"),
    ];
    for (text, order) in cases {
        let nodes = nodes(text);
        let places = start_order(&nodes).unwrap();
        let names: Vec<_> = places.iter().map(|place| nodes[*place].name).collect();
        assert_eq!(names.join(" "), order, "{text}");
    }
}

#[test]
fn what_has_no_order_is_told() {
    let cases = [
        (
            "a: a",
            "these depend on each other, so that none can start first: a -> a",
        ),
        (
            "x: a; a: b; b: c; c: a",
            "these depend on each other, so that none can start first: a -> b -> c -> a",
        ),
        ("a: b", "`a` depends on `b`, which is not there"),
        (
            "a; b; a",
            "two are called `a`; give one of them another name",
        ),
    ];
    for (text, told) in cases {
        assert_eq!(
            start_order(&nodes(text)).unwrap_err().to_string(),
            told,
            "{text}"
        );
    }
}

#[test]
fn a_long_chain_needs_no_stack_and_a_long_cycle_no_screen() {
    const COUNT: usize = 100_000;
    let names: Vec<String> = (0..COUNT).map(|number| number.to_string()).collect();
    let chain = |last: &'static [&'static str]| -> Vec<Node<'_>> {
        names
            .iter()
            .enumerate()
            .map(|(place, name)| Node {
                name,
                dependencies: match names.get(place + 1) {
                    Some(next) => [next.as_str()].into(),
                    None => last.into(),
                },
            })
            .collect()
    };
    let order = start_order(&chain(&[])).unwrap();
    assert_eq!(order, (0..COUNT).rev().collect::<Vec<_>>());
    let error = start_order(&chain(&["0"])).unwrap_err();
    assert!(matches!(&error, OrderError::Cycle { names } if names.len() == COUNT + 1));
    assert_eq!(
        error.to_string(),
        "these depend on each other, so that none can start first: 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> … 99989 more … -> 99995 -> 99996 -> 99997 -> 99998 -> 99999 -> 0"
    );
}

#[test]
fn random_graphs_are_ordered_or_have_the_cycle_that_is_told() {
    let seed = seed(0x6f72_6465_7273);
    let mut random = Random::new(seed);
    let names: Vec<String> = (0..12).map(|number| alloc::format!("n{number}")).collect();
    for _ in 0..3000 {
        let count = random.index(12) + 1;
        let edges = random.index(count * 2);
        let mut nodes: Vec<_> = names[..count]
            .iter()
            .map(|name| Node {
                name: name.as_str(),
                dependencies: Vec::new(),
            })
            .collect();
        for _ in 0..edges {
            let (from, to) = (random.index(count), random.index(count));
            nodes[from].dependencies.push(&names[to]);
        }
        let depends = |from: &str, to: &str| {
            nodes
                .iter()
                .any(|node| node.name == from && node.dependencies.contains(&to))
        };
        match start_order(&nodes) {
            Ok(order) => {
                let mut all = order.clone();
                all.sort_unstable();
                assert_eq!(all, (0..count).collect::<Vec<_>>());
                for (position, place) in order.iter().enumerate() {
                    for later in &order[position..] {
                        assert!(!depends(nodes[*place].name, nodes[*later].name));
                    }
                }
            }
            Err(OrderError::Cycle { names }) => {
                assert!(names.len() > 1 && names.first() == names.last());
                assert!(names.windows(2).all(|pair| depends(&pair[0], &pair[1])));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn conditions_are_read_and_written() {
    for (text, condition) in [
        ("started", Condition::Started),
        ("healthy", Condition::Healthy),
        ("completed", Condition::Completed),
    ] {
        assert_eq!(text.parse(), Ok(condition));
        assert_eq!(condition.to_string(), text);
    }
    for text in ["", "Started", "service_healthy", "done"] {
        assert!(text.parse::<Condition>().is_err(), "{text}");
    }
}
