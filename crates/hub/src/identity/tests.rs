use std::net::IpAddr;

use thimble_hub_api::identity::Role;

use super::{Attempts, NewSecret, PasswordError, Passwords, Permission, Permissions, TokenHash};
use crate::settings::PasswordSettings;

#[test]
fn roles_allow_what_they_should() {
    use Permission::{Administer, Approve, Apps, Deployments, Devices, Holds, Read, Rollouts};
    for (role, allowed) in [
        (Role::Viewer, &[Read][..]),
        (
            Role::Operator,
            &[Read, Devices, Holds, Apps, Deployments, Rollouts],
        ),
        (Role::Approver, &[Read, Approve]),
        (Role::It, &[Read, Apps, Deployments, Rollouts]),
        (Role::Ot, &[Read, Approve, Holds]),
        (
            Role::Admin,
            &[
                Read,
                Devices,
                Holds,
                Apps,
                Deployments,
                Rollouts,
                Approve,
                Administer,
            ],
        ),
    ] {
        for permission in Permission::ALL {
            assert_eq!(
                Permissions::of(role).allow(permission),
                allowed.contains(&permission),
                "{role:?} {permission:?}"
            );
        }
        assert!(Permissions::of(role).are_within(Permissions::of(Role::Admin)));
    }
    assert!(!Permissions::of(Role::It).are_within(Permissions::of(Role::Ot)));
    assert!(Permissions::of_all(&[]).is_none());
}

#[test]
fn secrets_are_never_the_same() {
    let secrets: std::collections::BTreeSet<String> = (0..1000)
        .map(|_| NewSecret::token().unwrap().into_text())
        .collect();
    assert_eq!(secrets.len(), 1000);
    // 256 bits in base64url, and the prefix.
    assert!(secrets.iter().all(|secret| secret.len() == 4 + 43));
    assert!(TokenHash::of_token("thb_x").is_some());
    assert!(TokenHash::of_token("thc_x").is_none());
}

#[test]
fn attempts_come_back() {
    let attempts = Attempts::default();
    let address = Some(IpAddr::from([10, 0, 0, 1]));
    for number in 0..10 {
        attempts
            .take(&format!("user-{number}"), address, 0)
            .unwrap();
    }
    // The address has none left, whatever the name.
    let refused = attempts.take("another", address, 0).unwrap_err();
    assert_eq!(refused.retry_s, 6);
    attempts.take("another", address, 6_000).unwrap();
    attempts.take("another", address, 6_000).unwrap_err();
    // Another address is not bound by it, but the name is.
    for _ in 0..9 {
        attempts.take("another", None, 6_000).unwrap();
    }
    attempts.take("another", None, 6_000).unwrap_err();
    attempts.forget("another");
    attempts.take("another", None, 6_000).unwrap();
}

#[test]
fn what_is_counted_is_bounded() {
    let attempts = Attempts::default();
    for number in 0..100_000 {
        attempts.take(&format!("user-{number}"), None, 0).unwrap();
    }
    assert!(attempts.counted() <= 16_385, "{}", attempts.counted());
}

#[tokio::test]
async fn a_password_is_hashed_and_compared() {
    let passwords = Passwords::new(&PasswordSettings::default()).unwrap();
    let hash = passwords.hash("correct horse battery").await.unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    assert!(
        passwords
            .is("correct horse battery", Some(&hash))
            .await
            .unwrap()
    );
    assert!(
        !passwords
            .is("correct horse batterz", Some(&hash))
            .await
            .unwrap()
    );
    assert!(
        !passwords
            .is("nobody has this password", None)
            .await
            .unwrap()
    );
    assert!(!passwords.is("x", Some("nonsense")).await.unwrap());
    assert_eq!(
        passwords.hash("short").await,
        Err(PasswordError::TooShort { characters: 5 })
    );
    let long = "x".repeat(1025);
    assert_eq!(
        passwords.is(&long, None).await,
        Err(PasswordError::TooLong { bytes: 1025 })
    );
}
