//! Images of tenants: who pulls, who pushes, and what is written down about it.

use std::process::Command;

use thimble_hub_store::{AuditPage, Match, TenantId, Token};
use thimble_image::{Descriptor, Digest, Manifest, media_type};
use thimble_testkit::registry::tool;

use crate::node::{Node, PASSWORD, everything};

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_decide_who_pulls_and_who_pushes() {
    let node = Node::new().await;
    let acme = node.tenant(TenantId::HUB, "acme").await;
    let plant = node.tenant(acme, "plant").await;
    let other = node.tenant(TenantId::HUB, "other").await;
    node.user(acme, "vera", "viewer").await;
    node.user(acme, "olga", "operator").await;
    node.user(other, "oscar", "admin").await;
    let host = node.listen().await;
    let client = reqwest::Client::new();
    let ask = |who: &str, method: reqwest::Method, path: String| {
        client
            .request(method, format!("http://{host}{path}"))
            .basic_auth(who, Some(PASSWORD))
    };
    use reqwest::Method;
    let blob = Digest::of(b"blob");
    let push = |tenant: &str| format!("/v2/{tenant}/app/blobs/uploads/?digest={blob}");
    let pull = |tenant: &str| format!("/v2/{tenant}/app/blobs/{blob}");
    // A role in a parent is one in its children; a tenant may be named by its id.
    let by_id = acme.to_string();
    for (who, tenant, pushed, pulled) in [
        ("olga", "acme", 201, 200),
        ("olga", "plant", 201, 200),
        ("olga", by_id.as_str(), 201, 200),
        ("olga", "other", 403, 403),
        ("vera", "acme", 403, 200),
        ("vera", "plant", 403, 200),
        ("oscar", "acme", 403, 403),
        ("oscar", "plant", 403, 403),
        ("oscar", "none", 403, 403),
        ("oscar", "other", 201, 200),
        ("nobody", "acme", 401, 401),
    ] {
        let request = ask(who, Method::POST, push(tenant)).body("blob");
        assert_eq!(status(request).await, pushed, "{who} pushes to {tenant}");
        let request = ask(who, Method::GET, pull(tenant));
        assert_eq!(status(request).await, pulled, "{who} pulls from {tenant}");
    }
    let space = thimble_hub::registry::space(&node.hub.blobs, plant).unwrap();
    assert_eq!(space.size(&blob).await.unwrap(), Some(4));
    // Nobody signed in more than once, although everybody asked several times.
    let mut read = node.hub.store.read().await.unwrap();
    let tokens: Vec<Token> = read.all(&everything(), &[]).await.unwrap();
    assert_eq!(tokens.len(), 3);
    let anonymous = client
        .get(format!("http://{host}/v2/"))
        .send()
        .await
        .unwrap();
    assert_eq!(anonymous.status(), 401);
    let challenge = anonymous.headers().get("www-authenticate").unwrap();
    assert!(challenge.to_str().unwrap().starts_with("Basic realm="));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_does_not_hold() {
    let node = Node::new().await;
    let acme = node.tenant(TenantId::HUB, "acme").await;
    let user = node.user(acme, "olga", "operator").await;
    let host = node.listen().await;
    let client = reqwest::Client::new();
    let url = format!("http://{host}/v2/");
    let by_password = || client.get(&url).basic_auth("olga", Some(PASSWORD));
    assert_eq!(status(by_password()).await, 200);
    let signed_in = thimble_hub::identity::sign_in(&node.hub, "olga", PASSWORD, None).await;
    let token = signed_in
        .unwrap_or_else(|_| unreachable!("the password is right"))
        .secret;
    // Whatever the name is: the token says who it is.
    let by_token = || client.get(&url).basic_auth("token", Some(&token));
    let by_bearer = || client.get(&url).bearer_auth(&token);
    assert_eq!(status(by_token()).await, 200);
    assert_eq!(status(by_bearer()).await, 200);
    let tokens: Vec<Token> = {
        let mut read = node.hub.store.read().await.unwrap();
        read.all(&everything(), &[Match::equals("account", &user)])
            .await
            .unwrap()
    };
    let mut write = node.hub.store.write().await.unwrap();
    for mut token in tokens {
        token.revoked_ms = Some(node.hub.now_ms());
        write
            .update(&everything(), &token, &node.audit())
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    assert_eq!(status(by_token()).await, 401);
    assert_eq!(status(by_bearer()).await, 401);
    // The password is still right.
    assert_eq!(status(by_password()).await, 200);
    // Wrong ones have an end.
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(status(client.get(&url).basic_auth("olga", Some("wrong"))).await);
    }
    assert_eq!(answers.first(), Some(&401));
    assert_eq!(answers.last(), Some(&429));
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_and_the_trail_tells_of_it() {
    let node = Node::new().await;
    let acme = node.tenant(TenantId::HUB, "acme").await;
    node.user(acme, "olga", "operator").await;
    node.user(acme, "vera", "viewer").await;
    let host = node.listen().await;
    let folder = node.folder.path().to_owned();
    let work = move || {
        let image = folder.join("image");
        std::fs::create_dir(&image).unwrap();
        let config =
            br#"{"architecture":"wasm","os":"wasip1","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let [config, layer] = [
            (media_type::OCI_CONFIG, config.as_slice()),
            (media_type::WASM, b"\0asm"),
        ]
        .map(|(kind, bytes)| {
            let descriptor = Descriptor::of(kind, bytes);
            std::fs::write(image.join(descriptor.digest.hex()), bytes).unwrap();
            descriptor
        });
        let manifest = Manifest::new(config, vec![layer]).to_json();
        std::fs::write(image.join("manifest.json"), &manifest).unwrap();
        std::fs::write(image.join("version"), "Directory Transport Version: 1.1\n").unwrap();
        let to = format!("docker://{host}/acme/team/app:v1");
        let olga = format!("olga:{PASSWORD}");
        let copy = ["copy", "--insecure-policy", "--preserve-digests"];
        let push = [
            &copy[..],
            &[
                "--dest-tls-verify=false",
                "--dest-creds",
                &olga,
                "dir:image",
                &to,
            ],
        ];
        tool("skopeo", &push.concat(), &folder);
        let vera = format!("vera:{PASSWORD}");
        let pull = [
            &copy[..],
            &[
                "--src-tls-verify=false",
                "--src-creds",
                &vera,
                &to,
                "dir:back",
            ],
        ];
        tool("skopeo", &pull.concat(), &folder);
        let back = std::fs::read(folder.join("back/manifest.json")).unwrap();
        assert_eq!(back, manifest);
        let delete = ["delete", "--tls-verify=false", "--creds"];
        let refused = Command::new("skopeo")
            .args(delete)
            .args([&vera, &to])
            .output()
            .unwrap();
        assert!(!refused.status.success());
        tool("skopeo", &[&delete[..], &[&olga, &to]].concat(), &folder);
        Digest::of(&manifest)
    };
    let digest = tokio::task::spawn_blocking(work).await.unwrap();
    let mut read = node.hub.store.read().await.unwrap();
    let page = AuditPage {
        after: None,
        limit: 100,
        is_backwards: false,
    };
    let entries = read
        .audit_entries(&everything(), acme, None, &page)
        .await
        .unwrap();
    let images: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action.starts_with("image."))
        .map(|entry| {
            (
                entry.actor.as_str(),
                entry.action.as_str(),
                entry.subject.clone(),
            )
        })
        .collect();
    assert_eq!(
        images,
        [
            ("user:olga", "image.push", "image/team/app:v1".to_owned()),
            (
                "user:olga",
                "image.delete",
                format!("image/team/app@{digest}")
            ),
        ]
    );
    read.verify_chain(&everything(), acme)
        .await
        .unwrap()
        .unwrap();
}
