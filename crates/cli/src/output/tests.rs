//! Templates, right and wrong; and that the fields which are said to be there are.

use serde_json::json;

use super::*;

const FIELDS: &[&str] = &["name", "state", "health"];

fn rendered(text: &str, value: serde_json::Value) -> Result<String, String> {
    let output = Output::of(false, Some(text), FIELDS).map_err(|failure| failure.to_string())?;
    output
        .rendered(value)
        .map_err(|failure| failure.to_string())
}

#[test]
fn templates_are_filled_in() {
    let value = || json!({"name": "pump\u{1b}[2J", "health": {"status": "healthy"}});
    for (template, expected) in [
        ("{{ name }}|{{ state }}|", "pump\u{fffd}[2J||\n"),
        ("{{ health.status|upper }}", "HEALTHY\n"),
        ("{% for i in range(2) %}{{ i }}{% endfor %}", "01\n"),
        ("<b>", "<b>\n"),
    ] {
        assert_eq!(rendered(template, value()).unwrap(), expected, "{template}");
    }
}

#[test]
fn templates_that_are_wrong_are_told_before_anything_is_done() {
    for (template, expected) in [
        (
            "{{ nam }}",
            "--format {{ nam }}: unknown field `nam`; did you mean `name`?",
        ),
        (
            "{{ whatever }}",
            "--format {{ whatever }}: unknown field `whatever`; fields are name, state, health",
        ),
        ("{{.Names}}", "write {{ name }}, without the dot"),
        ("{{ name", "--format {{ name: syntax error"),
        ("{{ health.nothing }}", "undefined value"),
    ] {
        let error = rendered(template, json!({"health": {}})).unwrap_err();
        assert!(error.contains(expected), "{template}: {error}");
    }
}

/// What is told of a type must be what it has.
pub(crate) fn check<T: utoipa::PartialSchema>(fields: &[&str]) {
    let schema = serde_json::to_value(T::schema()).unwrap();
    let found: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    assert_eq!(found, fields, "{}", std::any::type_name::<T>());
}

#[test]
fn the_fields_are_those_of_the_interface() {
    use thimble_device_api::{bus, container, device, event, log, stats};
    check::<container::Container>(CONTAINER);
    check::<container::Created>(CREATED);
    check::<log::LogLine>(LINE);
    check::<stats::Stats>(STATS);
    check::<event::Event>(EVENT);
    check::<thimble_device_api::AppStatus>(APP);
    check::<thimble_device_api::Plan>(PLAN);
    check::<device::Volume>(VOLUME);
    check::<device::Device>(DEVICE);
    check::<bus::BusStatus>(BUS);
    check::<bus::Published>(PUBLISHED);
    check::<bus::BusMessage>(MESSAGE);
    let mut ended = ENDED.to_vec();
    ended.retain(|field| *field != "name");
    check::<thimble_device_api::ExitRecord>(&ended);
}
