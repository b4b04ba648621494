//! Signing in and out, and hubs that cannot be had.

use std::os::unix::fs::PermissionsExt as _;

use crate::place::{Hub, Operator};

#[test]
fn a_login_is_kept_for_its_owner_and_for_pushes() {
    let hub = Hub::start();
    let operator = Operator::new();
    operator.refused(125, &["thimble fleet login URL"], &["devices"]);
    let login = ["login", &hub.url, "--token-file", "-"];
    let outcome = operator.with_input(&login, &format!("{}\n", hub.token));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.stderr, "");
    operator.golden("login", &hub, &outcome.stdout);
    let kept = operator.path("thimble/config/hubs.json");
    let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let docker = std::fs::read_to_string(operator.path("docker/config.json")).unwrap();
    let host = hub.url.strip_prefix("http://").unwrap();
    assert!(docker.contains(host), "{docker}");
    operator.golden("whoami", &hub, &operator.ok(&["whoami"]));
    assert_eq!(operator.json(&["whoami"])["user"], "admin");
    assert_eq!(
        operator.ok(&["whoami", "--format", "{{ user }}@{{ tenant }}"]),
        "admin@main\n"
    );

    operator.ok(&["logout"]);
    operator.refused(125, &["nobody has signed in"], &["whoami"]);
    let docker = std::fs::read_to_string(operator.path("docker/config.json")).unwrap();
    assert!(!docker.contains(host), "{docker}");
    // The hub has ended the token too.
    let again = operator.with_input(&login, &hub.token);
    assert_eq!(again.code, 125);
    assert!(again.stderr.contains("sign in with"), "{again:?}");
}

#[test]
fn a_password_is_taken_from_standard_input_and_a_wrong_one_refused() {
    let hub = Hub::start();
    let operator = Operator::new();
    let login = ["login", &hub.url, "--user", "admin"];
    let wrong = operator.with_input(&login, "wrong");
    assert_eq!(wrong.code, 125, "{wrong:?}");
    assert!(!operator.path("thimble/config/hubs.json").exists());
    let right = operator.with_input(&login, "correct horse battery\n");
    assert_eq!(right.code, 0, "{right:?}");
    assert_eq!(operator.json(&["whoami"])["user"], "admin");
}

#[test]
fn a_program_brings_its_own_token() {
    let hub = Hub::start();
    let admin = Operator::of(&hub);
    let create = ["tokens", "create", "ci", "--role", "viewer", "--quiet"];
    let token = admin.ok(&create).trim().to_owned();
    let other = Operator::new();
    let run = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_thimble"))
            .arg("fleet")
            .args(arguments)
            .env_clear()
            .env("THIMBLE_ROOT", other.path("thimble"))
            .env("HOME", other.root.path())
            .env("THIMBLE_HUB", &hub.url)
            .env("THIMBLE_HUB_TOKEN", &token)
            .output()
            .unwrap()
    };
    assert!(run(&["devices"]).status.success());
    let refused = run(&["enrol", "code"]);
    assert_eq!(refused.status.code(), Some(125));
    let listed = admin.json(&["tokens", "ls"]);
    let id = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["name"] == "ci")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin.ok(&["tokens", "rm", &id]);
    let ended = run(&["devices"]);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        said.contains("sign in with `thimble fleet login URL`"),
        "{said}"
    );
}

#[test]
fn a_hub_that_cannot_be_had_is_told_with_what_to_do() {
    let operator = Operator::new();
    let token = operator.write("token", "thb_nothing");
    let login = |url: &str, words: &[&str]| {
        operator.refused(125, words, &["login", url, "--token-file", &token]);
    };
    // Nobody listens at the port of discarded bytes.
    login(
        "http://127.0.0.1:9",
        &["was not reached", "check the address"],
    );
    login("http://hub.example.org", &["use https://"]);
    login("ftp://127.0.0.1", &["https://"]);
    let missing = operator.path("nothing.pem");
    operator.refused(
        125,
        &["nothing.pem"],
        &[
            "login",
            "https://127.0.0.1:9",
            "--token-file",
            &token,
            "--ca",
            missing.to_str().unwrap(),
        ],
    );
    operator.refused(
        125,
        &["nothing"],
        &["login", "https://127.0.0.1:9", "--token-file", "nothing"],
    );
    operator.write("thimble/config/hubs.json", "{\"current\": 7");
    operator.refused(125, &["hubs.json", "sign in again"], &["devices"]);
}
