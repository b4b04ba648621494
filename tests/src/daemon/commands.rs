//! The commands, as an operator types them: docker's words, tables, JSON and templates, exit codes.

use std::io::{Read as _, Write as _};
use std::process::{Output, Stdio};

use serde_json::Value;

use super::device::Device;
use super::guests::{ECHO, IDLE, ends, reports};

/// Runs `thimble` on the device with these words; what came of it.
fn say(device: &Device, words: &[&str]) -> Output {
    device
        .command()
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What a command that does its work writes.
#[track_caller]
fn done(device: &Device, words: &[&str]) -> String {
    let output = say(device, words);
    assert!(
        output.status.success(),
        "{words:?}: {output:?}\n{}",
        device.log()
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that cannot do its work says, and its exit code.
#[track_caller]
fn refused(device: &Device, words: &[&str]) -> (i32, String) {
    let output = say(device, words);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{words:?}: {said}");
    (output.status.code().unwrap(), said)
}

#[track_caller]
fn json(device: &Device, words: &[&str]) -> Value {
    let text = done(device, words);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

/// A device with a daemon and files of guests in its folder.
fn device() -> Device {
    let device = Device::started();
    for (name, guest) in [
        ("idle", IDLE.to_owned()),
        ("echo", ECHO.to_owned()),
        ("hello", ends("hello", 0)),
        ("fails", ends("sorry", 3)),
        ("well", reports(0)),
    ] {
        std::fs::write(device.root().join(name).with_extension("wat"), guest).unwrap();
    }
    device
}

fn state(device: &Device, name: &str) -> String {
    let list = done(
        device,
        &[
            "ps",
            "-a",
            "--filter",
            &format!("name={name}"),
            "--format",
            "{{ state }}",
        ],
    );
    list.trim().to_owned()
}

#[test]
fn a_container_lives_by_words_that_docker_has_too() {
    let device = device();
    let id = done(&device, &["run", "-d", "--name", "idle", "idle.wat"]);
    assert_eq!(id.trim().len(), 16, "{id}");
    done(&device, &["wait", "--condition", "running", "idle"]);
    let table = done(&device, &["ps"]);
    assert!(
        table.contains("NAME") && table.contains("Up ") && table.contains("idle"),
        "{table}"
    );
    assert_eq!(done(&device, &["ps", "-q"]).trim(), id.trim());
    done(&device, &["pause", "idle"]);
    assert_eq!(state(&device, "idle"), "paused");
    done(&device, &["unpause", id.trim()]);
    done(&device, &["restart", "-t", "100ms", "idle"]);
    assert_eq!(state(&device, "idle"), "running");
    done(&device, &["stop", "-t", "100ms", "idle"]);
    assert_eq!(state(&device, "idle"), "exited");
    done(&device, &["start", "idle"]);
    done(&device, &["kill", "idle"]);
    assert_eq!(state(&device, "idle"), "failed");
    let (code, said) = refused(&device, &["kill", "idle"]);
    assert_eq!(code, 125, "{said}");
    done(&device, &["rm", "idle"]);
    let (code, said) = refused(&device, &["inspect", "--type", "container", "idle"]);
    assert!(code == 127 && said.contains("idle"), "{code} {said}");
    // One that fails does not keep the others from being done.
    done(&device, &["create", "--name", "made", "hello.wat"]);
    assert_eq!(state(&device, "made"), "created");
    let (code, said) = refused(&device, &["rm", "nobody", "made"]);
    assert!(code == 127 && said.contains("nobody"), "{code} {said}");
    assert_eq!(done(&device, &["ps", "-a", "-q"]), "");
}

#[test]
fn what_a_container_wrote_did_and_uses_is_shown() {
    let device = device();
    done(&device, &["run", "-d", "--name", "fails", "fails.wat"]);
    assert_eq!(done(&device, &["wait", "fails"]).trim(), "3");
    assert_eq!(done(&device, &["logs", "fails"]), "sorry\n");
    assert_eq!(done(&device, &["logs", "--tail", "0", "fails"]), "");
    assert_eq!(
        done(&device, &["logs", "--since", "1h", "fails"]),
        "sorry\n"
    );
    assert_eq!(
        done(
            &device,
            &["logs", "--since", "2999-01-01T00:00:00Z", "fails"]
        ),
        ""
    );
    let stamped = done(&device, &["logs", "-t", "fails"]);
    assert!(
        stamped.starts_with("20") && stamped.ends_with(" sorry\n"),
        "{stamped}"
    );

    let told = json(&device, &["inspect", "--json", "fails"]);
    let told = told.as_array().map_or(&told, |list| &list[0]);
    assert_eq!(told["state"], "failed");
    assert_eq!(told["ends"][0]["exit_code"], 3);
    let list = json(&device, &["ps", "-a", "--json"]);
    assert_eq!(list[0]["name"], "fails");

    done(&device, &["run", "-d", "--name", "well", "well.wat"]);
    done(&device, &["wait", "--condition", "healthy", "well"]);
    let stats = json(&device, &["stats", "--no-stream", "--json"]);
    let stats = stats.as_array().map_or(&stats, |list| &list[0]);
    assert_eq!(stats["name"], "well");
    let table = done(&device, &["stats", "--no-stream"]);
    assert!(table.contains("well"), "{table}");

    let events = done(
        &device,
        &[
            "events",
            "--no-follow",
            "--filter",
            "container=fails",
            "--format",
            "{{ kind }}",
        ],
    );
    let kinds: Vec<&str> = events.lines().collect();
    assert_eq!(kinds, ["create", "start", "end"]);
    let (code, said) = refused(&device, &["ps", "--format", "{{ nonsense }}"]);
    assert!(code == 125 && said.contains("nonsense"), "{code} {said}");
}

#[test]
fn whoever_attaches_types_and_reads() {
    let device = device();
    done(&device, &["run", "-d", "-i", "--name", "echo", "echo.wat"]);
    let mut following = device
        .command()
        .args(["logs", "-f", "echo"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut attached = device
        .command()
        .args(["attach", "echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = attached.stdin.take().unwrap();
    input.write_all(b"typed\n").unwrap();
    drop(input);
    let output = attached.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"typed\n", "{output:?}");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(done(&device, &["wait", "echo"]).trim(), "0");
    // It goes on with what comes, until it is interrupted.
    let mut line = [0; 6];
    following
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    assert_eq!(line, *b"typed\n");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn files_and_limits_are_changed_from_outside() {
    let device = device();
    done(
        &device,
        &[
            "run",
            "-d",
            "--name",
            "idle",
            "-m",
            "4m",
            "-v",
            "kept:/data",
            "idle.wat",
        ],
    );
    std::fs::write(device.root().join("sent.txt"), "what was sent").unwrap();
    done(&device, &["cp", "sent.txt", "idle:/data/there.txt"]);
    done(&device, &["cp", "idle:/data/there.txt", "back.txt"]);
    let back = std::fs::read_to_string(device.root().join("back.txt")).unwrap();
    assert_eq!(back, "what was sent");
    done(
        &device,
        &["update", "-m", "8m", "--restart", "on-failure:3", "idle"],
    );
    let shown = done(
        &device,
        &[
            "ps",
            "--format",
            "{{ stats.memory_bytes_limit }} {{ spec.restart }} {{ state }}",
        ],
    );
    assert_eq!(shown.trim(), "8388608 on-failure:3 running");
    let (code, said) = refused(&device, &["update", "-m", "1t", "idle"]);
    assert_eq!(code, 125, "{said}");
    let (code, said) = refused(&device, &["cp", "idle:/etc/passwd", "."]);
    assert!(
        code == 127 && said.contains("none of the container's volumes"),
        "{code} {said}"
    );
    done(&device, &["rm", "-f", "-v", "idle"]);
    assert!(!done(&device, &["volumes"]).contains("kept"));
}

#[test]
fn an_app_goes_up_is_compared_and_goes_down() {
    let device = device();
    done(&device, &["build", "-t", "localhost/idle:1", "idle.wat"]);
    done(&device, &["build", "-t", "localhost/well:1", "well.wat"]);
    let file = |restart: &str| {
        let text = format!(
            "name: line1\ncontainers:\n  db:\n    image: localhost/well:1\n    restart: {restart}\n    volumes: [\"state:/data\"]\n  web:\n    image: localhost/idle:1\n    depends_on: {{db: {{condition: healthy}}}}\nvolumes:\n  state:\n"
        );
        std::fs::write(device.root().join("app.yaml"), text).unwrap();
    };
    file("always");
    let plan = done(&device, &["diff", "-f", "app.yaml"]);
    assert!(
        plan.contains("line1.db") && plan.contains("line1.web"),
        "{plan}"
    );
    assert_eq!(done(&device, &["ps", "-a", "-q"]), "");
    done(&device, &["up", "-f", "app.yaml", "--wait", "--yes"]);
    let running = done(&device, &["ps", "-q", "--filter", "app=line1"]);
    assert_eq!(running.lines().count(), 2, "{running}");
    file("on-failure");
    let plan = done(&device, &["diff", "-f", "app.yaml"]);
    assert!(
        plan.contains("restart: always -> on-failure") && plan.contains("line1.web (keep)"),
        "{plan}"
    );
    std::fs::write(
        device.root().join("wrong.yaml"),
        "containers:\n  a: {imag: x}\n",
    )
    .unwrap();
    let (code, said) = refused(&device, &["up", "-f", "wrong.yaml", "--yes"]);
    assert!(code == 125 && said.contains("imag"), "{code} {said}");
    done(&device, &["down", "-f", "app.yaml"]);
    assert_eq!(done(&device, &["ps", "-a", "-q"]), "");
    assert!(done(&device, &["volumes"]).contains("line1.state"));
}

#[test]
fn without_a_daemon_the_commands_say_what_starts_one() {
    let device = Device::new();
    let (code, said) = refused(&device, &["ps"]);
    assert!(
        code == 125 && said.contains("thimble daemon"),
        "{code} {said}"
    );
}
