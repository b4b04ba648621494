//! Signing in with a browser at a real OpenID provider.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;

use crate::place::{Hub, Operator, Outcome};
use crate::provider::{Provider, SECRET, browse, http};

/// A hub whose operators sign in at a provider, and the operator who does.
struct Site {
    hub: Hub,
    operator: Operator,
    _provider: Provider,
}

impl Site {
    fn new() -> Self {
        let provider = Provider::start();
        let operator = Operator::new();
        let secret = operator.write("secret", &format!("{SECRET}\n"));
        let issuer = provider.issuer();
        let hub = Hub::with(
            "http",
            &format!(
                "[identity.openid.corp]\nissuer = {issuer:?}\nclient_id = \"hub\"\nclient_secret = {secret:?}\n\
                 scopes = [\"profile\"]\ntenant = \"main\"\nclaim = \"groups\"\nroles = {{ plant = \"ot\" }}\n"
            ),
        );
        Self {
            hub,
            operator,
            _provider: provider,
        }
    }

    fn begin(&self) -> Login {
        let arguments = ["fleet", "login", &self.hub.url, "--oidc", "corp"];
        let mut child = self.operator.begin(&arguments);
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut address = String::new();
        while !address.trim().starts_with("http://") {
            address.clear();
            let read = said.read_line(&mut address).unwrap();
            assert!(read > 0, "no address is told: {:?}", child.wait());
        }
        Login {
            child,
            address: address.trim().to_owned(),
            said,
        }
    }
}

/// A login that waits for its browser.
struct Login {
    child: Child,
    address: String,
    said: BufReader<std::process::ChildStderr>,
}

impl Login {
    /// The address that the browser is sent back to.
    fn back(&self) -> reqwest::Url {
        let address = reqwest::Url::parse(&self.address).unwrap();
        let mut pairs = address.query_pairs();
        let (_, back) = pairs.find(|(name, _)| name == "redirect_uri").unwrap();
        reqwest::Url::parse(&back).unwrap()
    }

    fn end(mut self) -> Outcome {
        let mut stderr = String::new();
        self.said.read_to_string(&mut stderr).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr,
        }
    }
}

/// What a page says.
async fn page(url: reqwest::Url) -> (u16, String) {
    let answer = http().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn somebody_signs_in_with_a_browser() {
    let site = Site::new();
    let login = site.begin();
    let back = login.back();
    // Whatever else comes to the port is told nothing and ends nothing.
    let icon = back.join("/favicon.ico").unwrap();
    assert_eq!(page(icon).await.0, 404);
    let mut foreign = back.clone();
    foreign.set_query(Some("state=of-somebody-else&code=x"));
    page(foreign).await;
    let arrived = browse(&login.address, "ada", back.as_str()).await;
    let (status, text) = page(arrived).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("the terminal says"), "{text}");
    let outcome = login.end();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stdout.contains("as corp:ada"), "{outcome:?}");
    // The hub's registry takes the token too, although the name holds a colon.
    assert!(!outcome.stderr.contains("is not kept"), "{outcome:?}");
    let docker = std::fs::read_to_string(site.operator.path("docker/config.json")).unwrap();
    assert!(docker.contains(site.hub.url.trim_start_matches("http://")));
    let who = site.operator.json(&["whoami"]);
    assert_eq!(
        (&who["user"], &who["roles"][0]),
        (&"corp:ada".into(), &"ot".into())
    );
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_why() {
    let site = Site::new();
    // Of no group that has a role.
    let login = site.begin();
    let arrived = browse(&login.address, "bob", login.back().as_str()).await;
    page(arrived).await;
    let outcome = login.end();
    assert_eq!(outcome.code, 125, "{outcome:?}");
    assert!(outcome.stderr.contains("role"), "{outcome:?}");
    // Who changes their mind at the provider.
    let login = site.begin();
    let mut back = login.back();
    back.set_query(Some("error=access_denied&error_description=not+today"));
    let (_, text) = page(back).await;
    assert!(text.contains("not signed in"), "{text}");
    let outcome = login.end();
    assert_eq!(outcome.code, 125, "{outcome:?}");
    assert!(
        outcome.stderr.contains("access_denied not today"),
        "{outcome:?}"
    );
    assert!(!site.operator.path("thimble/config/hubs.json").exists());
    // A provider that the hub does not know.
    let url = site.hub.url.as_str();
    site.operator
        .refused(127, &["nowhere"], &["login", url, "--oidc", "nowhere"]);
}
