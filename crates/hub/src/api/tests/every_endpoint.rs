//! Every endpoint that the description names, asked by those who may not.

use reqwest::StatusCode;
use serde_json::{Value, json};
use thimble_hub_api::BODY_BYTES_MAX;
use thimble_hub_api::CSV_BYTES_MAX;
use thimble_hub_api::identity::Role;
use thimble_hub_store::DeviceState;

use super::site::{Reply, Site};
use super::things::{app, device};

/// An endpoint, as the description has it.
struct Endpoint {
    method: String,
    path: String,
    is_public: bool,
    /// The media type of its body.
    takes: Option<String>,
}

fn endpoints() -> Vec<Endpoint> {
    let document: Value = serde_json::from_str(&crate::api::openapi().to_json().unwrap()).unwrap();
    let mut endpoints = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let body = operation["requestBody"]["content"].as_object();
            endpoints.push(Endpoint {
                method: method.to_uppercase(),
                path: path.clone(),
                is_public: operation["security"] == json!([{}]),
                takes: body.and_then(|types| types.keys().next().cloned()),
            });
        }
    }
    assert!(endpoints.len() > 50, "{}", endpoints.len());
    endpoints
}

/// What the victim has, by the name of the parameter in paths.
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn fill(&self, path: &str) -> String {
        let mut filled = path.to_owned();
        for (parameter, name) in &self.0 {
            filled = filled.replace(&format!("{{{parameter}}}"), name);
        }
        assert!(!filled.contains('{'), "say what {filled} is called");
        filled
    }
}

/// A body that would do something.
fn body(endpoint: &Endpoint) -> Option<Vec<u8>> {
    let media_type = endpoint.takes.as_deref()?;
    if media_type == "text/csv" {
        return Some(b"serial\nZ9\n".to_vec());
    }
    let value = match (endpoint.method.as_str(), endpoint.path.as_str()) {
        ("POST", "/v1/tenants") => json!({ "name": "evil" }),
        ("POST", "/v1/users") => json!({ "name": "evil", "roles": ["admin"] }),
        ("PATCH", "/v1/users/{user}") => json!({ "disabled": true }),
        ("PUT", "/v1/users/{user}/roles") => json!({ "roles": [] }),
        ("POST", "/v1/tokens") => json!({ "name": "evil", "lifetime_s": 60 }),
        ("PATCH", "/v1/devices/{device}") => json!({ "name": "evil", "labels": { "a": "b" } }),
        ("PUT", "/v1/devices/{device}/hold") => json!({ "reason": "evil" }),
        ("PUT", "/v1/devices/{device}/windows") => json!({ "windows": [] }),
        ("PUT", "/v1/devices/{device}/veto-override") => json!({ "reason": "evil" }),
        ("POST", "/v1/devices/{device}/logs") => json!({ "container": "a.b", "lines": 1 }),
        ("POST", "/v1/claim-codes") => json!({ "name": "evil", "uses": 1, "lifetime_s": 60 }),
        ("POST", "/v1/apps") => json!({ "name": "evil" }),
        ("POST", "/v1/apps/{app}/versions") => {
            json!({ "version": "2", "containers": [{ "name": "a", "image": "a:1" }] })
        }
        ("POST", "/v1/deployments" | "/v1/deployments/placement") => {
            json!({ "name": "evil", "spec": { "app": "victims-app", "version": "1" } })
        }
        ("PUT", "/v1/deployments/{deployment}") => {
            json!({ "app": "victims-app", "version": "1", "priority": 9 })
        }
        ("POST", "/v1/rollouts" | "/v1/rollouts/preview") => {
            json!({ "deployment": "victims-deployment" })
        }
        ("POST", "/v1/simulate") => {
            json!({ "deployment": { "name": "evil", "spec": { "app": "victims-app", "version": "1" } } })
        }
        ("PUT", "/v1/secrets/{secret}") => json!({ "value": "evil" }),
        ("POST", "/v1/webhooks") => {
            json!({ "name": "evil", "url": "https://evil.example", "secret": "0123456789abcdef" })
        }
        ("PATCH", "/v1/webhooks/{webhook}") => json!({ "disabled": true }),
        ("POST", "/v1/apply") => json!({ "documents": [{ "kind": "app", "name": "evil" }] }),
        ("POST", "/v1/login") => json!({ "user": "nobody", "password": "x" }),
        ("POST", "/v1/login/openid") => {
            json!({ "provider": "x", "redirect_url": "http://127.0.0.1/" })
        }
        ("POST", "/v1/login/openid/finish") => json!({ "state": "x", "code": "y" }),
        (method, path) => panic!("give {method} {path} a body that would do something"),
    };
    Some(serde_json::to_vec(&value).unwrap())
}

async fn populate(site: &Site, token: &str) -> Names {
    let device = device(site, "victim", "victims-device", DeviceState::Pending).await;
    app(site, "victim", token, "victims-app").await;
    let made = |reply: Reply| {
        assert!(reply.status.is_success(), "{reply:?}");
        reply
    };
    let deployment =
        json!({ "name": "victims-deployment", "spec": { "app": "victims-app", "version": "1" } });
    made(
        site.json("POST", "/v1/deployments", token, &deployment)
            .await,
    );
    let rollout = json!({ "deployment": "victims-deployment" });
    let rollout = made(site.json("POST", "/v1/rollouts", token, &rollout).await).json();
    made(
        site.json(
            "PUT",
            "/v1/secrets/victims-secret",
            token,
            &json!({ "value": "x" }),
        )
        .await,
    );
    let webhook = json!({ "name": "victims-webhook", "url": "https://victim.example", "secret": "0123456789abcdef" });
    made(site.json("POST", "/v1/webhooks", token, &webhook).await);
    let code = json!({ "name": "x", "uses": 1, "lifetime_s": 3600 });
    let code = made(site.json("POST", "/v1/claim-codes", token, &code).await).json();
    let user = json!({ "name": "victims-user", "roles": ["viewer"] });
    made(site.json("POST", "/v1/users", token, &user).await);
    let new = json!({ "name": "x", "lifetime_s": 3600 });
    let new = made(site.json("POST", "/v1/tokens", token, &new).await).json();
    let logs = json!({ "container": "a.b", "lines": 1 });
    let logs = made(
        site.json("POST", &format!("/v1/devices/{device}/logs"), token, &logs)
            .await,
    )
    .json();
    Names(vec![
        ("device", device.to_string()),
        ("app", "victims-app".to_owned()),
        ("version", "1".to_owned()),
        ("deployment", "victims-deployment".to_owned()),
        ("secret", "victims-secret".to_owned()),
        ("webhook", "victims-webhook".to_owned()),
        ("code", code["id"].as_str().unwrap().to_owned()),
        ("user", "victims-user".to_owned()),
        ("token", new["id"].as_str().unwrap().to_owned()),
        ("request", logs["id"].as_str().unwrap().to_owned()),
        ("rollout", rollout["id"].as_str().unwrap().to_owned()),
    ])
}

struct Asker<'a> {
    token: Option<&'a str>,
    tenant: Option<&'a str>,
    media_type: Option<&'a str>,
}

async fn ask(
    site: &Site,
    endpoint: &Endpoint,
    names: &Names,
    asker: &Asker<'_>,
    body: Option<Vec<u8>>,
) -> Reply {
    let bearer = asker.token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("thimble-reason", "because")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    headers.extend(asker.tenant.map(|tenant| ("thimble-tenant", tenant)));
    headers.extend(
        asker
            .media_type
            .map(|media_type| ("content-type", media_type)),
    );
    let path = names.fill(&endpoint.path);
    site.send(&endpoint.method, &path, &headers, body).await
}

/// What everybody may do for themselves.
fn is_for_oneself(endpoint: &Endpoint) -> bool {
    matches!(
        (endpoint.method.as_str(), endpoint.path.as_str()),
        ("DELETE", "/v1/session") | ("POST", "/v1/tokens") | ("DELETE", "/v1/tokens/{token}")
    )
}

#[tokio::test]
async fn nobody_gets_at_what_is_not_theirs() {
    let site = Site::new().await;
    let victim = site.tenant("victim").await;
    let other = site.tenant("other").await;
    let viewer = site.user("victim", "looker", &[Role::Viewer]).await;
    let names = populate(&site, &victim).await;
    let before = site.picture(&victim).await;
    for endpoint in endpoints().iter().filter(|endpoint| !endpoint.is_public) {
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let media_type = endpoint.takes.as_deref();
        let asker = |token, tenant| Asker {
            token,
            tenant,
            media_type,
        };
        for token in [None, Some("thb_wrong")] {
            let reply = ask(&site, endpoint, &names, &asker(token, None), body(endpoint)).await;
            assert_eq!(reply.problem(), "not-signed-in", "{what}");
        }
        // Another tenant's admin names this one.
        let foreign = asker(Some(&other), Some("victim"));
        let reply = ask(&site, endpoint, &names, &foreign, body(endpoint)).await;
        assert_eq!(reply.problem(), "not-found", "{what}");
        // Another tenant's admin names what belongs to this one.
        if endpoint.path.contains('{') && !endpoint.path.starts_with("/v1/secrets/") {
            let reply = ask(
                &site,
                endpoint,
                &names,
                &asker(Some(&other), None),
                body(endpoint),
            )
            .await;
            assert_eq!(reply.problem(), "not-found", "{what}");
        }
        // Whoever may only look.
        if endpoint.method != "GET" && !is_for_oneself(endpoint) {
            let reply = ask(
                &site,
                endpoint,
                &names,
                &asker(Some(&viewer), None),
                body(endpoint),
            )
            .await;
            assert_eq!(reply.problem(), "forbidden", "{what}");
        }
    }
    assert_eq!(before, site.picture(&victim).await);
}

#[tokio::test]
async fn bodies_are_what_they_should_be() {
    let site = Site::new().await;
    let victim = site.tenant("victim").await;
    let names = populate(&site, &victim).await;
    let before = site.picture(&victim).await;
    for endpoint in &endpoints() {
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let Some(media_type) = endpoint.takes.as_deref() else {
            continue;
        };
        for wrong in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
        ] {
            let asker = Asker {
                token: Some(&victim),
                tenant: None,
                media_type: wrong,
            };
            let reply = ask(&site, endpoint, &names, &asker, body(endpoint)).await;
            assert_eq!(reply.problem(), "wrong-type", "{what} as {wrong:?}");
        }
        let asker = Asker {
            token: Some(&victim),
            tenant: None,
            media_type: Some(media_type),
        };
        let most = if media_type == "text/csv" {
            CSV_BYTES_MAX
        } else {
            BODY_BYTES_MAX
        };
        let reply = ask(&site, endpoint, &names, &asker, Some(vec![b' '; most + 1])).await;
        assert_eq!(reply.problem(), "too-large", "{what}");
        if media_type == "application/json" {
            for wrong in [&b""[..], b"{", b"[]", b"{\"evil\":1}", b"\xff"] {
                let reply = ask(&site, endpoint, &names, &asker, Some(wrong.to_vec())).await;
                assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{what}: {reply:?}");
                assert_eq!(reply.problem(), "malformed", "{what}");
            }
        }
    }
    assert_eq!(before, site.picture(&victim).await);
}
