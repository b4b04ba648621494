//! Apps' files, right and wrong, as people write them.

mod bad;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use thimble_testkit::random::{Random, seed};

use super::variables::Variables;
use super::{Context, parse, variables, words};

/// What is set outside.
fn outside(name: &str) -> Option<String> {
    let set = BTreeMap::from([
        ("TAG", "1.0"),
        ("FROM_OUTSIDE", "yes"),
        ("EMPTY", ""),
        ("SUFFIX_2", "-2"),
        ("SELF", "${SELF}"),
        ("LONG", LONG.as_str()),
    ]);
    set.get(name).map(|value| (*value).to_owned())
}

static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "x".repeat(100_000));

fn file(path: &Path) -> Result<String, String> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("vars.env") => Ok(
            "export A=1 # one\nB='two words'\n\n# C=3\nD=\"a\\n\\\"b\\\"\" # d\nLEVEL=lost\n"
                .into(),
        ),
        Some("broken.env") => Ok("A=1\nB\n".into()),
        _ => Err("there is no such file".into()),
    }
}

/// The declaration of a text as JSON, or what is wrong with it and where.
fn read(text: &str) -> Result<String, String> {
    let variables = Variables::new(&outside);
    let context = Context {
        folder: Path::new("/home/ada/app"),
        variables: &variables,
        read: &file,
    };
    match parse(text, &context) {
        Ok(app) => Ok(format!(
            "{:#}\n",
            serde_json::json!({"name": app.name, "spec": app.spec})
        )),
        Err(wrong) => Err(format!(
            "{}:{}: {}",
            wrong.place.line, wrong.place.column, wrong.problem
        )),
    }
}

#[test]
fn good_files_become_what_stands_beside_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app/tests/good");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        count += 1;
        let found = read(&fs::read_to_string(&path).unwrap()).unwrap();
        let golden = path.with_extension("json");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(
            found,
            expected,
            "{}: look, and set UPDATE=1",
            path.display()
        );
    }
    assert_eq!(count, 2);
}

#[test]
fn files_of_variables() {
    for (text, expected) in [
        ("", Ok(vec![])),
        ("A=1\r\n B = 2 \n", Ok(vec![("A", "1"), ("B", "2")])),
        ("A=a#b #c\n", Ok(vec![("A", "a#b")])),
        ("A='a\\n$B'", Ok(vec![("A", "a\\n$B")])),
        ("A=\"\\t\\x\"", Ok(vec![("A", "\t\\x")])),
        ("A=", Ok(vec![("A", "")])),
        ("\nA", Err("line 2: write NAME=VALUE")),
        ("1=2", Err("line 1: a variable's name has letters")),
        ("A='b", Err("line 1: the value begins with a quote")),
        ("A='b'c", Err("line 1: the value begins with a quote")),
        ("A=\"b\\", Err("line 1: the value begins with a quote")),
    ] {
        let found = variables::read(text);
        match expected {
            Ok(expected) => {
                let expected: Vec<_> = expected
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                assert_eq!(found.unwrap(), expected, "{text:?}");
            }
            Err(expected) => {
                let error = found.unwrap_err();
                assert!(error.starts_with(expected), "{text:?}: {error}");
            }
        }
    }
}

#[test]
fn the_environment_counts_before_the_file() {
    let variables = Variables::with_file(&outside, "TAG=2\nOTHER=3\n").unwrap();
    assert_eq!(variables.find("TAG").as_deref(), Some("1.0"));
    assert_eq!(variables.find("OTHER").as_deref(), Some("3"));
    assert_eq!(variables.find("NONE"), None);
}

#[test]
fn commands_are_split_as_a_shell_does() {
    for (text, expected) in [
        ("", &[][..]),
        ("  a  b ", &["a", "b"]),
        ("a' b'c", &["a bc"]),
        (r#""a \" \n" '\'"#, &[r#"a " \n"#, r"\"]),
        ("'' \"\"", &["", ""]),
    ] {
        assert_eq!(words::split(text).unwrap(), expected, "{text:?}");
    }
    for text in ["'a", "\"a", "a\\"] {
        assert!(words::split(text).is_err(), "{text:?}");
    }
}

#[test]
fn shaken_files_never_panic() {
    const PIECES: [&str; 22] = [
        "[", "]", "{", "}", ":", "- ", "\n", "  ", "|", ">", "&a ", "*a", "!t ", "\"", "'", "?",
        "$", "${", "${A:-", "}", "$$", "image: ",
    ];
    let mut random = Random::new(seed(0xa99));
    let rounds = std::env::var("THIMBLE_ROUNDS").map_or(3000, |rounds| rounds.parse().unwrap());
    let files = [
        include_str!("tests/good/line.yaml"),
        include_str!("tests/good/compose.yaml"),
    ];
    for _ in 0..rounds {
        let mut text: Vec<char> = random.pick(&files).chars().collect();
        for _ in 0..=random.below(6) {
            let place = random.index(text.len());
            match random.below(4) {
                0 => drop(text.remove(place)),
                1 => {
                    for character in random.pick(&PIECES).chars().rev() {
                        text.insert(place, character);
                    }
                }
                2 => {
                    // Lines change their places.
                    let other = random.index(text.len());
                    text.swap(place, other);
                }
                _ => text.truncate(place.max(20)),
            }
        }
        let text: String = text.into_iter().collect();
        drop(read(&text));
        // The same as text that only looks for variables and words.
        drop(variables::read(&text));
        drop(words::split(&text));
    }
}
