//! What the hub answers is what the description of its interface says, whatever it is asked: judged by Schemathesis.

use std::path::PathBuf;
use std::process::Command;

use thimble_hub_api::identity::NewTenant;
use thimble_testkit::random::seed;
use thimble_tests_fleet::rig::operate::{claim_code, create_app, main_of, publish};
use thimble_tests_fleet::rig::{Hub, HubSettings, WELL};

/// Examples of each operation.
const EXAMPLES: u32 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_answers_as_its_description_says() {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/schemathesis/venv/bin/schemathesis");
    assert!(
        program.is_file(),
        "{} is missing; `cargo xtask setup` gets it",
        program.display()
    );
    let hub = Hub::start(&HubSettings::default()).await;
    let client = hub.client(0);
    let small = NewTenant {
        name: "small".to_owned(),
    };
    client.create_tenant(&small).await.unwrap();
    hub.push(0, "app", "1", WELL);
    create_app(&client, "app").await;
    publish(&client, "app", "1", main_of("app:1")).await;
    claim_code(&client, 1, &[]).await;
    let seed = seed(7).to_string();
    let output = Command::new(program)
        .current_dir(hub.folder())
        .args(["run", &format!("http://{}/v1/openapi.json", hub.operators(0))])
        .args(["--header", &format!("Authorization: Bearer {}", hub.token)])
        .args(["--header", "Thimble-Tenant: small"])
        .args(["--seed", &seed, "--max-examples", &EXAMPLES.to_string()])
        .args(["--phases", "examples,coverage,fuzzing", "--workers", "2"])
        // The token would end with the session, and the exchange with another party is no part of this.
        .args(["--exclude-path", "/v1/session", "--exclude-path-regex", "^/v1/login"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .args(["--no-color", "--continue-on-failure"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}\n{}", hub.log());
}
