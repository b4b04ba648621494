use super::*;

#[test]
fn every_guest_is_a_module() {
    for visit in &VISITS {
        wat::parse_str(visit.text).unwrap_or_else(|error| panic!("{}: {error}", visit.name));
    }
}

#[test]
fn only_the_server_has_a_client() {
    let servers: Vec<&str> = VISITS
        .iter()
        .filter(|visit| visit.serves())
        .map(|visit| visit.name)
        .collect();
    assert_eq!(servers, ["network"]);
}
