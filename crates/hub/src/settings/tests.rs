use super::{Settings, SettingsError};

fn read(text: &str) -> Result<Settings, String> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("hub.toml");
    std::fs::write(&path, text).unwrap();
    Settings::load(&path).map_err(|error| error.to_string())
}

#[test]
fn nothing_has_to_be_set() {
    assert_eq!(read("").unwrap(), Settings::default());
    Settings::default().check().unwrap();
}

#[test]
fn what_is_wrong_is_said() {
    for (text, words) in [
        (
            "[operators]\nlisten = \"0.0.0.0:443\"",
            "needs a certificate",
        ),
        ("[operators]\ncertificate = \"/a\"", "operators.key"),
        ("[devices]\nkey = \"/a\"", "devices.key"),
        ("[identity.passwords]\nmemory_kib = 8", "too cheap"),
        ("[identity.passwords]\niterations = 1", "too cheap"),
        ("[identity.passwords]\nat_once = 0", "at least 1"),
        ("[devices]\npoll_min_s = 0", "devices.poll_max_s"),
        ("[devices]\ncertificate_days = 0", "certificate_days"),
        ("colour = 1", "colour"),
        ("[store]\nurl = 1", "url"),
        ("[", "hub.toml"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    let missing = Settings::load(std::path::Path::new("/nowhere/hub.toml")).unwrap_err();
    assert!(matches!(missing, SettingsError::Unreadable { .. }));
}

#[test]
fn a_provider_is_read() {
    let settings = read(
        "[identity.openid.corp]\nissuer = \"https://id.example\"\nclient_id = \"hub\"\ntenant = \"main\"\n\
         roles = { plant = \"ot\", admins = \"admin\" }",
    )
    .unwrap();
    let provider = settings.identity.openid.get("corp").unwrap();
    assert_eq!(provider.claim, "groups");
    assert_eq!(provider.roles.len(), 2);
}
