//! `guests.toml`, good and bad.

use super::{Abi, Language, Manifest};

#[test]
fn reads_every_kind_of_guest() {
    let manifest = Manifest::parse(
        r#"
        [[guest]]
        name = "hello-c"
        language = "c"
        path = "c/hello"
        abi = "ocre"
        flags = ["-DX=1"]

        [[guest]]
        name = "busy"
        language = "wat"
        path = "wat/busy.wat"
        "#,
    )
    .unwrap();
    assert_eq!(manifest.guests.len(), 2);
    assert_eq!(manifest.guests[0].abi, Some(Abi::Ocre));
    assert_eq!(manifest.guests[0].flags, ["-DX=1"]);
    assert_eq!(manifest.guests[1].language, Language::Wat);
}

#[test]
fn an_empty_file_has_no_guests() {
    assert!(Manifest::parse("").unwrap().guests.is_empty());
}

#[test]
fn refuses_what_could_not_be_built() {
    for (text, reason) in [
        (r#"name = "../x", language = "c", path = "c""#, "a-z"),
        (
            r#"name = "x", language = "c", path = "../c""#,
            "below the list",
        ),
        (
            r#"name = "x", language = "c", path = "/c""#,
            "below the list",
        ),
        (r#"name = "x", language = "c", path = """#, "below the list"),
        (
            r#"name = "x", language = "go", path = "go", abi = "wasi""#,
            "only C guests",
        ),
        (
            r#"name = "x", language = "c", path = "c", headers = "../c""#,
            "below the list",
        ),
        (
            r#"name = "x", language = "go", path = "go", headers = "go""#,
            "only C guests",
        ),
        (
            r#"name = "x", language = "wat", path = "a", flags = ["-O2"]"#,
            "no compiler",
        ),
        (
            r#"name = "x", language = "cobol", path = "a""#,
            "unknown variant",
        ),
        (
            r#"name = "x", language = "c", path = "a", speed = 1"#,
            "unknown field",
        ),
        (
            r#"name = "x", language = "c", path = "a" }, { name = "x", language = "c", path = "b""#,
            "two guests",
        ),
    ] {
        let error = Manifest::parse(&format!("guest = [{{ {text} }}]")).unwrap_err();
        assert!(format!("{error:#}").contains(reason), "{text}: {error:#}");
    }
}
