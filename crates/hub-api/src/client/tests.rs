use super::{Client, ClientError, Settings, Trust, base, escaped};

#[test]
fn a_token_is_never_sent_unprotected() {
    assert!(base("https://hub.example").is_ok());
    assert!(base("http://127.0.0.1:8080").is_ok());
    assert!(base("http://[::1]:8080").is_ok());
    assert!(base("http://localhost:8080").is_ok());
    for refused in [
        "http://hub.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "ftp://hub",
        "hub",
    ] {
        assert!(
            matches!(base(refused), Err(ClientError::Settings(_))),
            "{refused}"
        );
    }
}

#[test]
fn a_reason_survives_a_header() {
    assert_eq!(
        escaped("line 1: 100 % tested\n"),
        "line 1: 100 %25 tested%0A"
    );
    assert_eq!(escaped("geprüft"), "gepr%C3%BCft");
}

#[test]
fn wrong_settings_say_what_is_wrong() {
    let settings = |token: &str, trust| Settings {
        url: "https://hub.example".to_owned(),
        token: Some(token.to_owned()),
        tenant: None,
        trust,
    };
    let wrong = Client::new(&settings("a\nb", Trust::Machine)).unwrap_err();
    assert!(wrong.to_string().contains("the token"), "{wrong}");
    let wrong = Client::new(&settings("a", Trust::File("/nowhere.pem".into()))).unwrap_err();
    assert!(wrong.to_string().contains("/nowhere.pem"), "{wrong}");
}
