//! Who may do what.

use reqwest::StatusCode;
use serde_json::{Value, json};
use thimble_hub_api::ProblemKind;
use thimble_hub_api::client::Paged;
use thimble_hub_api::identity::{Login, NewToken, Role, Roles, UserChange};

use super::site::{PASSWORD, Site};

fn login(user: &str, password: &str) -> Login {
    Login {
        user: user.to_owned(),
        password: password.to_owned(),
    }
}

#[tokio::test]
async fn somebody_signs_in_and_out() {
    let site = Site::new().await;
    let anybody = site.client("thb_none", None);
    let token = anybody.login(&login("root", PASSWORD)).await.unwrap().token;
    let client = site.client(&token, None);
    let who = client.whoami().await.unwrap();
    assert_eq!((who.user.as_str(), who.tenant.as_str()), ("root", "main"));
    assert_eq!(who.roles, [Role::Admin]);
    client.logout().await.unwrap();
    let ended = client.whoami().await.err().unwrap();
    assert_eq!(ended.problem().unwrap().kind, ProblemKind::NotSignedIn);
}

#[tokio::test]
async fn a_token_ends() {
    let site = Site::new().await;
    site.clock.advance_ms(12 * 3600 * 1000 - 1);
    site.admin().whoami().await.unwrap();
    site.clock.advance_ms(1);
    let ended = site.admin().whoami().await.err().unwrap();
    assert_eq!(ended.problem().unwrap().kind, ProblemKind::NotSignedIn);
}

#[tokio::test]
async fn guessing_ends_soon_and_tells_nothing() {
    let site = Site::new().await;
    let anybody = site.client("thb_none", None);
    let mut details = Vec::new();
    for name in ["root", "nobody"] {
        let refused = anybody.login(&login(name, "wrong")).await.err().unwrap();
        details.push(refused.to_string());
    }
    assert_eq!(details.first(), details.last());
    let mut kinds = Vec::new();
    for _ in 0..12 {
        let refused = anybody.login(&login("root", "wrong")).await.err().unwrap();
        kinds.push(refused.problem().unwrap().kind);
    }
    assert_eq!(kinds.last(), Some(&ProblemKind::TooMany));
    // Even the right password has to wait, and then is taken.
    let waits = anybody.login(&login("root", PASSWORD)).await.err().unwrap();
    assert_eq!(waits.problem().unwrap().kind, ProblemKind::TooMany);
    site.clock.advance_ms(60_000);
    anybody.login(&login("root", PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn a_parent_reaches_its_children_and_not_the_other_way() {
    let site = Site::new().await;
    let customer = site.tenant("customer").await;
    let other = site.tenant("other").await;
    // The admin of the whole hub is an admin everywhere.
    assert_eq!(
        site.client(&site.root, Some("customer"))
            .whoami()
            .await
            .unwrap()
            .roles,
        [Role::Admin]
    );
    for tenant in ["main", "other", "hub", "nothing"] {
        let refused = site
            .client(&customer, Some(tenant))
            .whoami()
            .await
            .err()
            .unwrap();
        assert_eq!(
            refused.problem().unwrap().kind,
            ProblemKind::NotFound,
            "{tenant}"
        );
    }
    let seen = site
        .client(&customer, None)
        .tenants(&Paged::default())
        .await
        .unwrap();
    assert_eq!(seen.items.len(), 1);
    // Names of users are unique in the hub, but nobody else's are seen.
    let names: Vec<String> = site
        .client(&other, None)
        .users(&Paged::default())
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|user| user.name)
        .collect();
    assert_eq!(names, ["admin-of-other"]);
}

#[tokio::test]
async fn an_admin_below_cannot_become_one_above() {
    let site = Site::new().await;
    // An admin of `main` who is none of the whole hub, where the first admin belongs to `main` too.
    let admin = site.user("main", "ada", &[Role::Admin]).await;
    let client = site.client(&admin, None);
    let change = UserChange {
        password: Some("another long password".to_owned()),
        disabled: None,
    };
    let refused = client.change_user("root", &change).await.err().unwrap();
    assert_eq!(refused.problem().unwrap().kind, ProblemKind::Forbidden);
    let refused = client.remove_user("root").await.err().unwrap();
    assert_eq!(refused.problem().unwrap().kind, ProblemKind::Forbidden);
    site.admin().whoami().await.unwrap();
    let own = Roles {
        roles: vec![Role::Viewer],
    };
    let refused = client.set_roles("ada", &own).await.err().unwrap();
    assert_eq!(refused.problem().unwrap().kind, ProblemKind::WrongState);
}

#[tokio::test]
async fn a_new_password_ends_sessions() {
    let site = Site::new().await;
    let token = site.user("main", "ada", &[Role::Viewer]).await;
    let change = UserChange {
        password: Some("another long password".to_owned()),
        disabled: None,
    };
    site.admin().change_user("ada", &change).await.unwrap();
    let ended = site.client(&token, None).whoami().await.err().unwrap();
    assert_eq!(ended.problem().unwrap().kind, ProblemKind::NotSignedIn);
    let anybody = site.client("thb_none", None);
    assert!(anybody.login(&login("ada", PASSWORD)).await.is_err());
    anybody
        .login(&login("ada", "another long password"))
        .await
        .unwrap();
    let short = UserChange {
        password: Some("short".to_owned()),
        disabled: None,
    };
    let refused = site.admin().change_user("ada", &short).await.err().unwrap();
    assert_eq!(refused.problem().unwrap().kind, ProblemKind::Invalid);
    let off = UserChange {
        password: None,
        disabled: Some(true),
    };
    site.admin().change_user("ada", &off).await.unwrap();
    assert!(
        anybody
            .login(&login("ada", "another long password"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_token_does_no_more_than_its_user() {
    let site = Site::new().await;
    let operator = site.user("main", "olga", &[Role::Operator]).await;
    let viewing = site.limited(&operator, Role::Viewer).await;
    let refused = site
        .json("POST", "/v1/apps", &viewing, &json!({ "name": "x" }))
        .await;
    assert_eq!(refused.problem(), "forbidden");
    let token = |role| NewToken {
        name: "ci".to_owned(),
        role,
        lifetime_s: 60,
    };
    for (from, role) in [
        (&operator, Some(Role::Admin)),
        (&operator, Some(Role::Approver)),
        (&viewing, Some(Role::Operator)),
        (&viewing, None),
    ] {
        let refused = site
            .client(from, None)
            .create_token(&token(role))
            .await
            .err()
            .unwrap();
        assert_eq!(
            refused.problem().unwrap().kind,
            ProblemKind::Forbidden,
            "{role:?}"
        );
    }
    // What the user loses, the token loses.
    let applying = site.limited(&operator, Role::It).await;
    let made = site
        .json("POST", "/v1/apps", &applying, &json!({ "name": "x" }))
        .await;
    assert_eq!(made.status, StatusCode::CREATED);
    let less = Roles {
        roles: vec![Role::Viewer],
    };
    site.admin().set_roles("olga", &less).await.unwrap();
    let refused = site
        .json("POST", "/v1/apps", &applying, &json!({ "name": "y" }))
        .await;
    assert_eq!(refused.problem(), "forbidden");
}

#[tokio::test]
async fn tokens_are_listed_and_revoked_by_those_who_may() {
    let site = Site::new().await;
    let ada = site.user("main", "ada", &[Role::Viewer]).await;
    let bob = site.user("main", "bob", &[Role::Viewer]).await;
    let own = site
        .client(&ada, None)
        .tokens(&Paged::default())
        .await
        .unwrap();
    assert!(own.items.iter().all(|token| token.user == "ada"), "{own:?}");
    let all = site.admin().tokens(&Paged::default()).await.unwrap();
    let of_bob = all.items.iter().find(|token| token.user == "bob").unwrap();
    let refused = site
        .client(&ada, None)
        .revoke_token(&of_bob.id)
        .await
        .unwrap_err();
    assert!(refused.is_not_found());
    site.admin().revoke_token(&of_bob.id).await.unwrap();
    assert!(site.client(&bob, None).whoami().await.is_err());
}

#[tokio::test]
async fn of_a_token_only_its_hash_is_kept() {
    let site = Site::new().await;
    let secret = site.root.strip_prefix("thb_").unwrap().as_bytes();
    for file in ["hub.db", "hub.db-wal"] {
        let bytes = std::fs::read(site.place.path().join(file)).unwrap();
        assert!(
            !bytes.windows(secret.len()).any(|window| window == secret),
            "{file}"
        );
    }
}

#[tokio::test]
async fn whoever_is_not_asked_for_is_told_nothing_else() {
    let site = Site::new().await;
    for token in ["", "thb_", "Bearer", "thb_\u{e4}", &"thb_".repeat(100)] {
        let reply = site
            .send(
                "GET",
                "/v1/whoami",
                &[("authorization", &format!("Bearer {token}"))],
                None,
            )
            .await;
        assert_eq!(reply.problem(), "not-signed-in", "{token:?}");
        assert!(reply.headers.contains_key("www-authenticate"));
    }
    let health = site.json("GET", "/v1/health", "", &Value::Null).await;
    assert_eq!(health.json()["ready"], true);
}
