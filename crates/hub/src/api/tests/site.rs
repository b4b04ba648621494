//! A hub that listens, with two tenants.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use thimble_hub_api::Client;
use thimble_hub_api::client::{Settings as ClientSettings, Trust};
use thimble_hub_api::identity::{NewTenant, NewToken, NewUser, Role};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::authority::MasterKey;
use crate::hub::{FixedClock, Hub};
use crate::identity::{Founder, found};
use crate::settings::Settings;

/// The password of every user.
pub(super) const PASSWORD: &str = "correct horse battery";

/// A hub that listens.
pub(super) struct Site {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Arc<FixedClock>,
    pub(super) url: String,
    /// The token of the admin of the whole hub.
    pub(super) root: String,
    http: reqwest::Client,
    stop: watch::Sender<bool>,
    pub(super) place: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The kind of the problem that it is.
    pub(super) fn problem(&self) -> String {
        assert_eq!(
            self.headers.get("content-type").map(String::as_str),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{problem}");
        let kind = problem["type"].as_str().unwrap();
        kind.strip_prefix("urn:thimble:problem:")
            .unwrap()
            .to_owned()
    }
}

impl Site {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            folder: Some(place.path().to_owned()),
            ..Settings::default()
        };
        change(&mut settings);
        let clock = Arc::new(FixedClock::at_ms(1_800_000_000_000));
        let hub = Hub::builder(settings)
            .clock(Arc::clone(&clock) as Arc<dyn crate::hub::Clock>)
            .master(MasterKey::from_bytes(&[7; 32]))
            .build()
            .await
            .unwrap();
        let founder = Founder {
            tenant: "main".to_owned(),
            user: "root".to_owned(),
            password: Some(PASSWORD.to_owned()),
        };
        let root = found(&hub, &founder).await.unwrap().secret;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls = crate::api::acceptor(&hub.settings.operators).unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = match tls {
            None => format!("http://127.0.0.1:{port}"),
            Some(_) => format!("https://localhost:{port}"),
        };
        let (stop, mut stopped) = watch::channel(false);
        let router = crate::api::router(Arc::clone(&hub));
        let settings = hub.settings.operators.clone();
        tokio::spawn(async move {
            let done = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
            crate::api::serve(listener, tls, router, &settings, done).await;
        });
        Self {
            hub,
            clock,
            url,
            root,
            http: reqwest::Client::builder()
                .tls_backend_preconfigured(no_tls())
                .build()
                .unwrap(),
            stop,
            place,
        }
    }

    /// A client with this token, of this tenant.
    pub(super) fn client(&self, token: &str, tenant: Option<&str>) -> Client {
        Client::new(&ClientSettings {
            url: self.url.clone(),
            token: Some(token.to_owned()),
            tenant: tenant.map(str::to_owned),
            trust: match &self.hub.settings.operators.certificate {
                None => Trust::Machine,
                Some(certificate) => Trust::File(certificate.clone()),
            },
        })
        .unwrap()
    }

    /// A client of the admin of the whole hub.
    pub(super) fn admin(&self) -> Client {
        self.client(&self.root, None)
    }

    /// A tenant below the first, and the token of its admin.
    pub(super) async fn tenant(&self, name: &str) -> String {
        let tenant = NewTenant {
            name: name.to_owned(),
        };
        self.admin().create_tenant(&tenant).await.unwrap();
        self.user(name, &format!("admin-of-{name}"), &[Role::Admin])
            .await
    }

    /// A user of a tenant with these roles, and a token.
    pub(super) async fn user(&self, tenant: &str, name: &str, roles: &[Role]) -> String {
        let admin = self.client(&self.root, Some(tenant));
        let user = NewUser {
            name: name.to_owned(),
            password: Some(PASSWORD.to_owned()),
            roles: roles.to_vec(),
        };
        admin.create_user(&user).await.unwrap();
        let anybody = self.client("thb_none", None);
        let login = thimble_hub_api::identity::Login {
            user: name.to_owned(),
            password: PASSWORD.to_owned(),
        };
        anybody.login(&login).await.unwrap().token
    }

    /// A token of whoever has this one, limited to a role.
    pub(super) async fn limited(&self, token: &str, role: Role) -> String {
        let new = NewToken {
            name: "limited".to_owned(),
            role: Some(role),
            lifetime_s: 3600,
        };
        self.client(token, None)
            .create_token(&new)
            .await
            .unwrap()
            .token
    }

    /// Sends whatever is wanted.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Reply {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        Reply {
            status: answer.status(),
            headers: answer
                .headers()
                .iter()
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        value.to_str().unwrap_or_default().to_owned(),
                    )
                })
                .collect(),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }

    /// Sends JSON with a token.
    pub(super) async fn json(&self, method: &str, path: &str, token: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = (*body != json!(null)).then(|| serde_json::to_vec(body).unwrap());
        let headers = if body.is_some() {
            &headers[..]
        } else {
            &headers[..1]
        };
        self.send(method, path, headers, body).await
    }

    /// Everything that the store keeps of a tenant, as far as operators see it.
    pub(super) async fn picture(&self, token: &str) -> Vec<Value> {
        let mut picture = Vec::new();
        for path in [
            "/v1/users",
            "/v1/tokens",
            "/v1/tenants",
            "/v1/devices",
            "/v1/claim-codes",
            "/v1/apps",
            "/v1/deployments",
            "/v1/rollouts",
            "/v1/secrets",
            "/v1/webhooks",
            "/v1/audit",
        ] {
            let reply = self
                .json("GET", &format!("{path}?limit=1000"), token, &json!(null))
                .await;
            assert_eq!(reply.status, StatusCode::OK, "{path}: {reply:?}");
            picture.push(reply.json());
        }
        picture
    }
}

/// Requests of tests stay on this machine, without TLS; the client wants a configuration all the same.
fn no_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
