//! Signing in at a real OpenID provider, as a program on this machine does it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod provider;

use std::collections::BTreeMap;
use std::sync::Arc;

use thimble_hub::Hub;
use thimble_hub::authority::MasterKey;
use thimble_hub::identity::{Founder, found};
use thimble_hub::node::Node;
use thimble_hub::settings::{OpenIdSettings, Settings};
use thimble_hub_api::client::{Settings as ClientSettings, Trust};
use thimble_hub_api::identity::{OpenIdBegin, OpenIdFinish, Role};
use thimble_hub_api::{Client, ClientError, ProblemKind};

use provider::{Provider, SECRET};

/// Where the browser comes back to: nobody has to listen there.
const BACK: &str = "http://127.0.0.1:9/back";

struct Site {
    node: Node,
    provider: Provider,
    _place: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        let provider = Provider::start();
        let place = tempfile::tempdir().unwrap();
        let secret = place.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let corp = OpenIdSettings {
            issuer: provider.issuer().to_owned(),
            client_id: "hub".to_owned(),
            client_secret: Some(secret),
            scopes: vec!["profile".to_owned()],
            redirect_urls: Vec::new(),
            authorities: None,
            tenant: "main".to_owned(),
            claim: "groups".to_owned(),
            roles: [
                ("plant".to_owned(), Role::Ot),
                ("chiefs".to_owned(), Role::Admin),
            ]
            .into(),
        };
        let mut settings = Settings {
            folder: Some(place.path().to_owned()),
            ..Settings::default()
        };
        settings.operators.listen = ([127, 0, 0, 1], 0).into();
        settings.devices.listen = ([127, 0, 0, 1], 0).into();
        settings.identity.openid = BTreeMap::from([("corp".to_owned(), corp)]);
        let hub = Hub::builder(settings)
            .master(MasterKey::from_bytes(&[7; 32]))
            .build()
            .await
            .unwrap();
        let founder = Founder {
            tenant: "main".to_owned(),
            user: "root".to_owned(),
            password: None,
        };
        found(&hub, &founder).await.unwrap();
        let node = Node::start(Arc::clone(&hub)).await.unwrap();
        Self {
            node,
            provider,
            _place: place,
        }
    }

    fn client(&self, token: Option<&str>) -> Client {
        Client::new(&ClientSettings {
            url: format!("http://{}", self.node.operators()),
            token: token.map(str::to_owned),
            tenant: None,
            trust: Trust::Machine,
        })
        .unwrap()
    }

    /// Goes to the provider as somebody, and comes back; the state and the code.
    async fn visit(&self, somebody: &str) -> OpenIdFinish {
        let begin = OpenIdBegin {
            provider: "corp".to_owned(),
            redirect_url: BACK.to_owned(),
        };
        let start = self.client(None).openid_begin(&begin).await.unwrap();
        let finish = browse(&start.authorization_url, somebody).await;
        assert_eq!(finish.state, start.state);
        finish
    }

    async fn sign_in(&self, somebody: &str) -> Result<Client, ClientError> {
        let finish = self.visit(somebody).await;
        let issued = self.client(None).openid_finish(&finish).await?;
        Ok(self.client(Some(&issued.token)))
    }
}

/// Signs in at the provider; what the browser brings back.
async fn browse(url: &str, somebody: &str) -> OpenIdFinish {
    let url = provider::browse(url, somebody, BACK).await;
    let said: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    OpenIdFinish {
        state: said.get("state").unwrap().clone(),
        code: said
            .get("code")
            .unwrap_or_else(|| panic!("{said:?}"))
            .clone(),
    }
}

fn kind(error: &ClientError) -> ProblemKind {
    error.problem().unwrap_or_else(|| panic!("{error}")).kind
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_with_the_roles_that_their_groups_give() {
    let site = Site::new().await;
    let who = site.sign_in("ada").await.unwrap().whoami().await.unwrap();
    assert_eq!(who.user, "corp:ada");
    assert_eq!(who.roles, [Role::Ot]);
    assert_eq!(who.tenant, "main");
    // It is the same user the next time, with the roles of then.
    site.provider.groups("ada", &["chiefs"]);
    let again = site.sign_in("ada").await.unwrap().whoami().await.unwrap();
    assert_eq!(again.id, who.id);
    assert_eq!(again.roles, [Role::Admin]);
    // Who lost all groups cannot sign in any more.
    site.provider.groups("ada", &[]);
    let refused = site.sign_in("ada").await.err().unwrap();
    assert_eq!(kind(&refused), ProblemKind::Forbidden);
    site.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_in_with_less_than_all_of_it() {
    let site = Site::new().await;
    let refused = site.sign_in("bob").await.err().unwrap();
    assert_eq!(kind(&refused), ProblemKind::Forbidden);
    assert!(refused.to_string().contains("everybody"), "{refused}");
    let client = site.client(None);
    // A state works once.
    let finish = site.visit("ada").await;
    client.openid_finish(&finish).await.unwrap();
    let again = client.openid_finish(&finish).await.err().unwrap();
    assert_eq!(kind(&again), ProblemKind::NotSignedIn);
    // A code works with its own state only: the provider compares the verifier.
    let (one, other) = (site.visit("ada").await, site.visit("ada").await);
    let mixed = OpenIdFinish {
        state: one.state,
        code: other.code,
    };
    let refused = client.openid_finish(&mixed).await.err().unwrap();
    assert_eq!(kind(&refused), ProblemKind::NotSignedIn);
    let invented = OpenIdFinish {
        state: "invented".to_owned(),
        code: "invented".to_owned(),
    };
    let refused = client.openid_finish(&invented).await.err().unwrap();
    assert_eq!(kind(&refused), ProblemKind::NotSignedIn);
    site.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_sent_nowhere_else() {
    let site = Site::new().await;
    let begin = |provider: &str, redirect_url: &str| OpenIdBegin {
        provider: provider.to_owned(),
        redirect_url: redirect_url.to_owned(),
    };
    let client = site.client(None);
    for elsewhere in [
        "https://evil.example/back",
        "http://127.0.0.1.evil.example/back",
        "http://localhost@evil.example/",
        "javascript:alert(1)",
    ] {
        let refused = client
            .openid_begin(&begin("corp", elsewhere))
            .await
            .err()
            .unwrap();
        assert_eq!(kind(&refused), ProblemKind::Invalid, "{elsewhere}");
    }
    let unknown = client
        .openid_begin(&begin("other", BACK))
        .await
        .err()
        .unwrap();
    assert_eq!(kind(&unknown), ProblemKind::NotFound);
    assert!(unknown.to_string().contains("corp"), "{unknown}");
    site.node.stop().await;
}
