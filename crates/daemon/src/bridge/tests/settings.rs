//! Which settings fit, and what is said of those that do not.

use super::described;
use crate::bridge::route::overlap;
use crate::bridge::{BridgeSettings, RULES_MAX};

#[test]
fn what_is_not_said_is_usual() {
    let settings = described("mqtt://host", r#""out":[{"filter":"a"}]"#);
    assert_eq!(settings.check(), Ok(()));
    assert_eq!(
        (
            settings.keep_alive,
            settings.queue_messages,
            settings.queue_bytes
        ),
        (30, 1024, 1 << 20)
    );
    let rule = &settings.out[0];
    assert_eq!((rule.qos, rule.retain), (1, false));
    let unknown = r#"{"name":"a","url":"mqtt://a","outt":[]}"#;
    assert!(serde_json::from_str::<BridgeSettings>(unknown).is_err());
}

#[test]
fn every_mistake_is_told() {
    let rule = r#""out":[{"filter":"a"}]"#;
    let cases = [
        ("mqtt://host:1883", "", "a bridge needs a rule"),
        ("http://host", rule, "it begins otherwise"),
        ("mqtt://", rule, "the host is no name"),
        ("mqtt://ho st", rule, "the host is no name"),
        ("mqtt://host/path", rule, "the host is no name"),
        ("mqtt://host:0", rule, "the port is no number"),
        ("mqtt://host:99999", rule, "the port is no number"),
        ("mqtt://ada:secret@host", rule, "`password_file`"),
        ("mqtt://[::g]", rule, "no IPv6 address"),
        ("mqtts://[::1]", rule, "TLS needs a name"),
        (
            "mqtt://host",
            r#""ca":"/a","out":[{"filter":"a"}]"#,
            "`mqtts://`",
        ),
        (
            "mqtt://host",
            r#""password_file":"/a","out":[{"filter":"a"}]"#,
            "say who",
        ),
        (
            "mqtt://host",
            r#""username":"a\nb","out":[{"filter":"a"}]"#,
            "`username` needs",
        ),
        (
            "mqtt://host",
            r#""keep_alive":1,"out":[{"filter":"a"}]"#,
            "`keep_alive` must be 5 to 3600",
        ),
        (
            "mqtt://host",
            r#""queue_messages":0,"out":[{"filter":"a"}]"#,
            "`queue_messages` must be",
        ),
        (
            "mqtt://host",
            r#""queue_bytes":1,"out":[{"filter":"a"}]"#,
            "`queue_bytes` must be",
        ),
        (
            "mqtt://host",
            r#""out":[{"filter":"a","qos":2}]"#,
            "`qos` must be 0 to 1",
        ),
        (
            "mqtt://host",
            r#""out":[{"filter":""}]"#,
            "\"\" is no topic: it is empty",
        ),
        (
            "mqtt://host",
            r#""out":[{"filter":"a#"}]"#,
            "must stand alone",
        ),
        (
            "mqtt://host",
            r#""out":[{"filter":"+","local_prefix":"a"}]"#,
            "\"a+\" is no topic",
        ),
        (
            "mqtt://host",
            r#""out":[{"filter":"a","local_prefix":"+/"}]"#,
            "\"+/\" is no topic",
        ),
        (
            "mqtt://host",
            r#""status_topic":"a/#","out":[{"filter":"a"}]"#,
            "\"a/#\" is no topic",
        ),
        (
            "mqtt://host",
            r#""out":[{"filter":"a/#"}],"in":[{"filter":"a/b"}]"#,
            "would go out",
        ),
    ];
    for (url, json, expected) in cases {
        let error = described(url, json).check().unwrap_err().to_string();
        assert!(error.contains(expected), "{url} {json}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let mut settings = described("mqtt://host", rule);
    settings.out[0].filter = vec!["a"; 33].join("/");
    assert!(
        settings
            .check()
            .unwrap_err()
            .to_string()
            .contains("32 levels")
    );
    let mut settings = described("mqtt://host", rule);
    settings.out = vec![settings.out[0].clone(); RULES_MAX + 1];
    assert!(settings.check().is_err());
    settings.name = "a b".to_owned();
    assert!(
        settings
            .check()
            .unwrap_err()
            .to_string()
            .starts_with("`name`")
    );
    let twice = [described("mqtt://a", rule), described("mqtt://b", rule)];
    let error = BridgeSettings::check_all(&twice).unwrap_err().to_string();
    assert_eq!(error, "two bridges are named test");
}

#[test]
fn addresses_are_read() {
    let cases = [
        ("mqtt://host", ("host", 1883, false)),
        ("mqtts://host/", ("host", 8883, true)),
        ("mqtt://10.0.0.1:1", ("10.0.0.1", 1, false)),
        ("mqtt://[::1]:7", ("[::1]", 7, false)),
        ("mqtt://[::1]", ("[::1]", 1883, false)),
    ];
    for (url, expected) in cases {
        let broker = described(url, "").broker().unwrap();
        assert_eq!((broker.host.as_str(), broker.port, broker.tls), expected);
    }
}

#[test]
fn filters_that_share_a_topic_overlap() {
    let cases = [
        ("a", "a", true),
        ("a", "b", false),
        ("a/#", "a", true),
        ("a/#", "a/b/c", true),
        ("a/#", "b/#", false),
        ("+/b", "a/+", true),
        ("+/b", "a/c", false),
        ("+", "a/b", false),
        ("#", "a/b", true),
        ("a/+/c", "a/b/+", true),
        ("a/+/c/#", "a/b", false),
    ];
    for (one, other, expected) in cases {
        assert_eq!(overlap(one, other), expected, "{one} {other}");
        assert_eq!(overlap(other, one), expected, "{other} {one}");
    }
}
