//! The operators' interface over real connections.

mod devices;
mod every_endpoint;
mod limits;
mod people;
mod plans;
mod refusals;
mod site;
mod tables;
mod things;

use std::path::Path;

/// `spec/openapi/hub.json` is what the hub says of itself; `UPDATE=1` writes it anew.
#[test]
fn the_description_is_the_one_that_was_reviewed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/openapi/hub.json");
    let mut text = super::openapi().to_pretty_json().unwrap();
    text.push('\n');
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == reviewed,
        "run this test with UPDATE=1 and look at the difference"
    );
}

/// Whoever generates a client from the description gets a function for each operation, and knows what each answer means.
#[test]
fn operations_have_names_of_their_own_and_answers_that_are_explained() {
    let document: serde_json::Value =
        serde_json::from_str(&super::openapi().to_json().unwrap()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(
                names.insert(name.to_owned()),
                "{method} {path} is called {name} too"
            );
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let (answer, place) = match answer["$ref"].as_str() {
                    None => (answer, "here"),
                    Some(place) => {
                        let found = document.pointer(place.trim_start_matches('#'));
                        (found.unwrap_or(&serde_json::Value::Null), place)
                    }
                };
                let is_problem = answer["content"]["application/problem+json"].is_object();
                let is_good = status.starts_with('2');
                assert!(is_good != is_problem, "{method} {path} {status}: {place}");
                if is_problem {
                    let words = answer["description"].as_str().unwrap_or_default();
                    assert!(!words.is_empty(), "{method} {path} {status}: {place}");
                }
            }
        }
    }
}
