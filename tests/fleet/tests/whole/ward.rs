//! Nothing that a test started outlives it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use thimble_tests_fleet::rig::{Ward, until};

/// Set where this program is to start something and wait.
const VARIABLE: &str = "THIMBLE_TEST_WARD";

/// Where it is asked to by the test below, it starts something, says what, and waits to be killed.
#[test]
fn starts_something_if_it_is_asked_to() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let ward = Ward::start(Command::new("sleep").arg("1000").stdin(Stdio::null()));
    println!("\nstarted {}", ward.id());
    loop {
        std::thread::park();
    }
}

#[test]
fn what_was_started_ends_with_a_test_that_is_killed() {
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args([
            "ward::starts_something_if_it_is_asked_to",
            "--exact",
            "--nocapture",
        ])
        .env(VARIABLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(test.stdout.take().unwrap()).lines();
    let started = lines
        .map(|line| line.unwrap())
        .find_map(|line| Some(line.strip_prefix("started ")?.to_owned()));
    let started = started.unwrap();
    let status = format!("/proc/{started}/status");
    assert!(std::fs::exists(&status).unwrap());
    test.kill().unwrap();
    test.wait().unwrap();
    // What is dead and that nobody asks for is a zombie where nobody reaps.
    let is_gone = || {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    };
    until("it is gone", is_gone, || status.clone());
}
