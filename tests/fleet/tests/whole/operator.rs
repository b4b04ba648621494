//! Those of the plant with the command: holds, windows, vetoes and log lines of a device that really runs.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use thimble_hub_api::rollout::{Policy, RolloutState};
use thimble_tests_fleet::rig::operate::{
    claim_code, create_app, declare, deploy, main_of, publish, reasons, roll_out, spec,
    until_device, until_state,
};
use thimble_tests_fleet::rig::{CAREFUL, Device, Hub, HubSettings, Join, TELLS, thimble};

/// Somebody with the command, a token and a home of their own.
struct Operator {
    home: TempDir,
    hub: String,
    token: String,
}

impl Operator {
    fn of(hub: &Hub) -> Self {
        Self {
            home: TempDir::with_prefix("thimble-operator-").unwrap(),
            hub: format!("http://{}", hub.operators(0)),
            token: hub.token.clone(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let home: &Path = self.home.path();
        let mut command = Command::new(thimble());
        command
            .env_clear()
            .env("HOME", home)
            .env("THIMBLE_ROOT", home)
            .env("THIMBLE_HUB", &self.hub)
            .env("THIMBLE_HUB_TOKEN", &self.token)
            .arg("fleet")
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        tokio::task::block_in_place(|| self.command(arguments).output().unwrap())
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn refused(&self, code: i32, words: &str, arguments: &[&str]) {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        assert!(
            said.contains(words),
            "{arguments:?}: {words:?} is not in {said}"
        );
    }
}

/// A run that goes on until it is dropped.
struct Following(Child);

impl Following {
    /// Reads lines until one ends with this.
    fn until(&mut self, lines: &mut impl Iterator<Item = std::io::Result<String>>, wanted: &str) {
        let found = tokio::task::block_in_place(|| {
            lines
                .by_ref()
                .map(Result::unwrap)
                .find(|line| line.ends_with(wanted))
        });
        assert!(
            found.is_some(),
            "it ended before {wanted}: {:?}",
            self.0.wait()
        );
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_of_the_plant_hold_and_overrule_with_the_command() {
    let hub = Hub::start(&HubSettings::default()).await;
    let client = hub.client(0);
    let operator = Operator::of(&hub);
    let code = claim_code(&client, 1, &[("line", "a")]).await;
    let device = Device::enrolled(&hub, &Join::with_code("one", &code));
    create_app(&client, "careful").await;
    for tag in ["1", "2"] {
        hub.push(0, "careful", tag, CAREFUL);
        let mut container = main_of(&format!("careful:{tag}"));
        container.grants.push("bus.sub:job".to_owned());
        publish(&client, "careful", tag, container).await;
    }
    deploy(&client, "careful", &spec("careful", "1")).await;
    device.until_runs("careful.main", "1");

    let why = "the line is being tested";
    let held = operator.ok(&["devices", "hold", "one", "--reason", why]);
    assert_eq!(held, "one: held\n");
    device.until_fleet("it is held", |it| it.held_by_hub);
    let shown = operator.ok(&["devices", "show", "one"]);
    assert!(shown.contains(why), "{shown}");
    operator.refused(
        125,
        "is over already",
        &[
            "devices",
            "hold",
            "one",
            "--reason",
            why,
            "--until",
            "2020-01-01T00:00:00Z",
        ],
    );
    operator.refused(
        125,
        "has to have a reason",
        &["devices", "hold", "one", "--reason", " "],
    );
    declare(&client, "careful", &spec("careful", "2")).await;
    let id = roll_out(&client, "careful", Policy::default()).await;
    // By a selector, as whoever has many does it.
    assert_eq!(
        operator.ok(&["devices", "release", "-l", "line=a"]),
        "one: released\n"
    );
    let says_no = |device: &thimble_hub_api::device::Device| {
        reasons(device)
            .iter()
            .any(|reason| reason.contains("a job is running"))
    };
    until_device(&client, "one", "its app says no", says_no).await;
    assert!(device.runs("careful.main", "1"));
    operator.refused(
        127,
        "two",
        &["devices", "override-veto", "two", "--reason", why],
    );
    let overruled = [
        "devices",
        "override-veto",
        "one",
        "--reason",
        "a hole in the wall",
    ];
    assert_eq!(
        operator.ok(&overruled),
        "one: changes go on, whatever its apps say\n"
    );
    device.until_runs("careful.main", "2");
    until_state(&client, &id, RolloutState::Finished).await;
    assert_eq!(
        operator.ok(&["devices", "respect-veto", "one"]),
        "one: its apps are asked\n"
    );

    let window = [
        "devices", "window", "one", "--days", "sat,sun", "--begin", "02:00",
    ];
    operator.ok(&window);
    let windows = client.device("one").await.unwrap().value.windows;
    assert_eq!((windows.len(), windows[0].minutes), (1, 60));
    operator.refused(
        125,
        "is not a time of day: write HH:MM",
        &["devices", "window", "one", "--begin", "25:00"],
    );
    operator.ok(&["devices", "window", "one", "--always"]);
    assert!(client.device("one").await.unwrap().value.windows.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_come_to_whoever_asks_and_follows() {
    let hub = Hub::start(&HubSettings::default()).await;
    let client = hub.client(0);
    let operator = Operator::of(&hub);
    let code = claim_code(&client, 1, &[]).await;
    let mut device = Device::enrolled(&hub, &Join::with_code("one", &code));
    hub.push(0, "teller", "1", TELLS);
    create_app(&client, "teller").await;
    for (version, colour) in [("1", "blue"), ("2", "red")] {
        let mut container = main_of("teller:1");
        container.env.insert("COLOUR".to_owned(), colour.to_owned());
        publish(&client, "teller", version, container).await;
    }
    deploy(&client, "teller", &spec("teller", "1")).await;
    device.until("it tells", || {
        device
            .lines("teller.main")
            .iter()
            .any(|line| line == "COLOUR=blue")
    });

    let asked = operator.ok(&["logs", "one", "teller.main"]);
    // Each with its time and where it was written to.
    let told = |line: &str| line.ends_with(" stdout COLOUR=blue");
    assert!(asked.lines().any(told), "{asked}");
    let last = operator.ok(&["logs", "one", "teller.main", "-n", "1"]);
    assert_eq!(last.lines().count(), 1, "{last}");
    assert!(asked.ends_with(&last), "{asked:?} {last:?}");
    let json = operator.ok(&["logs", "one", "teller.main", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["container"], "teller.main");
    assert_eq!(json["text"], asked.as_str());
    operator.refused(
        125,
        "`lines` is 0: 1 to 1000",
        &["logs", "one", "teller.main", "-n", "0"],
    );
    operator.refused(127, "two", &["logs", "two", "teller.main"]);
    operator.refused(
        125,
        "one says: the fleet has no container teller.other",
        &["logs", "one", "teller.other"],
    );

    let mut child = operator.command(&["logs", "one", "teller.main", "--follow"]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut following = Following(child);
    following.until(&mut lines, "COLOUR=blue");
    deploy(&client, "teller", &spec("teller", "2")).await;
    following.until(&mut lines, "COLOUR=red");
    drop(following);

    device.kill();
    operator.refused(
        125,
        "did not come by within 1s",
        &["logs", "one", "teller.main", "--wait", "1s"],
    );
}
