//! Databases of other versions, wrong addresses, copies.

use thimble_hub_store::{App, Error, Options, Store, TenantId};

use thimble_testkit::postgres::Postgres;

use super::fixture::{Database, app, hub, keep, suite};

suite! {
    nodes_that_start_at_once_make_one_database
    a_newer_database_is_refused
    it_opens_again
    copies_are_whole
}

async fn nodes_that_start_at_once_make_one_database(database: Database) {
    let mut opening = Vec::new();
    for _ in 0..6 {
        let address = database.address.clone();
        opening.push(tokio::spawn(async move {
            Store::open(&address, Options::default()).await
        }));
    }
    for opened in opening {
        opened.await.unwrap().unwrap().check().await.unwrap();
    }
}

async fn a_newer_database_is_refused(database: Database) {
    database.open().await.close().await;
    database
        .execute("INSERT INTO schema_version (version) VALUES (7000)")
        .await;
    let refused = Store::open(&database.address, Options::default())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::Newer { found: 7000, .. }),
        "{refused:?}"
    );
    assert!(
        refused.to_string().contains("run the newer hub"),
        "{refused}"
    );
}

async fn it_opens_again(database: Database) {
    let store = database.open().await;
    keep(&store, &app(TenantId::HUB, "pump")).await;
    store.close().await;
    let store = database.open().await;
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .count::<App>(&hub(), &[])
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.is_shared(), database.is_postgres());
}

async fn copies_are_whole(database: Database) {
    let store = database.open().await;
    keep(&store, &app(TenantId::HUB, "pump")).await;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("copy's.db");
    let copied = store.backup(&path).await;
    if database.is_postgres() {
        assert!(
            matches!(copied, Err(Error::OnlySqlite { .. })),
            "{copied:?}"
        );
        return;
    }
    copied.unwrap();
    let again = store.backup(&path).await;
    assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
    keep(&store, &app(TenantId::HUB, "later")).await;
    let copy = Store::open(&format!("sqlite:{}", path.display()), Options::default())
        .await
        .unwrap();
    copy.check_integrity().await.unwrap();
    let apps = copy
        .read()
        .await
        .unwrap()
        .all::<App>(&hub(), &[])
        .await
        .unwrap();
    assert_eq!(apps.len(), 1);
    keep(&copy, &app(TenantId::HUB, "other")).await;
}

#[test]
fn a_wrong_address_says_what_to_give() {
    super::fixture::run(async {
        for address in [
            "",
            "hub.db",
            "mysql://x",
            "sqlite:",
            "sqlite::memory:",
            "postgres://:x:y/",
        ] {
            let refused = Store::open(address, Options::default()).await.unwrap_err();
            assert!(
                matches!(refused, Error::Address { .. }),
                "{address}: {refused:?}"
            );
            assert!(refused.to_string().contains("sqlite:PATH"), "{refused}");
        }
    });
}

#[test]
fn postgres_is_copied_with_its_own_tools() {
    super::fixture::on_postgres(|database| async move {
        let server = Postgres::shared();
        let store = database.open().await;
        keep(&store, &app(TenantId::HUB, "pump")).await;
        let folder = tempfile::TempDir::new().unwrap();
        let copy = server.database();
        let tool = |name: &str| server.programs().join(name).to_str().unwrap().to_owned();
        let file = folder.path().join("copy").to_str().unwrap().to_owned();
        let arguments = ["--format=custom", "--file", &file, &database.address];
        thimble_testkit::registry::tool(&tool("pg_dump"), &arguments, folder.path());
        let arguments = ["--exit-on-error", "--dbname", &copy, &file];
        thimble_testkit::registry::tool(&tool("pg_restore"), &arguments, folder.path());
        let copy = Store::open(&copy, Options::default()).await.unwrap();
        let mut read = copy.read().await.unwrap();
        assert_eq!(read.count::<App>(&hub(), &[]).await.unwrap(), 1);
        let verified = read.verify_chain(&hub(), TenantId::HUB).await.unwrap();
        assert_eq!(verified.unwrap().entries, 1);
    });
}
