//! Delays, signatures, and whom the hub may ask.

use super::target::parse;
use super::{TargetError, delay_ms, is_public, is_signed, signature};

#[test]
fn delays_grow_to_an_hour_and_half_of_them_is_chance() {
    for (attempts, least, most) in [
        (1, 2_500, 5_000),
        (2, 5_000, 10_000),
        (5, 40_000, 80_000),
        (11, 1_800_000, 3_600_000),
        (1_000_000, 1_800_000, 3_600_000),
    ] {
        assert_eq!(delay_ms(attempts, 0), least);
        assert_eq!(
            delay_ms(attempts, u64::try_from(most - least).unwrap()),
            most
        );
        for random in [1, 12_345, u64::MAX] {
            assert!((least..=most).contains(&delay_ms(attempts, random)));
        }
    }
}

#[test]
fn a_signature_is_of_a_time_a_body_and_a_secret() {
    // As `printf '1800000000.{}' | openssl sha256 -hmac secret` says.
    let value = signature(b"secret", 1_800_000_000, b"{}");
    let tag = "bb7079132825ac793cea8c013c1dd24d926b9b02132245b10588d9e5c0df70d7";
    assert_eq!(value, format!("t=1800000000,v1={tag}"));
    let holds =
        |value: &str, secret: &[u8], body: &[u8], now_s| is_signed(value, secret, body, now_s, 300);
    assert!(holds(&value, b"secret", b"{}", 1_800_000_300));
    assert!(!holds(&value, b"secret", b"{}", 1_800_000_301));
    assert!(!holds(&value, b"secret", b"{ }", 1_800_000_000));
    assert!(!holds(&value, b"other", b"{}", 1_800_000_000));
    let later = value.replace("t=1800000000", "t=1800000001");
    assert!(!holds(&later, b"secret", b"{}", 1_800_000_000));
    for wrong in [
        "",
        "t=1",
        "t=x,v1=00",
        "t=1800000000,v1=",
        "t=1800000000,v1=abc",
        "t=1800000000,v1=é",
    ] {
        assert!(!holds(wrong, b"secret", b"{}", 1_800_000_000), "{wrong}");
    }
}

#[test]
fn only_addresses_of_the_world_are_public() {
    for public in [
        "1.1.1.1",
        "100.63.255.255",
        "172.32.0.1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
    ] {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
    for private in [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
    ] {
        assert!(!is_public(private.parse().unwrap()), "{private}");
    }
}

#[test]
fn addresses_that_lead_inside_are_refused_however_they_are_written() {
    let private = |host: &str| Err(TargetError::Private { host: host.into() });
    for (url, expected) in [
        ("https://example.com/hook", Ok(())),
        ("https://1.1.1.1/", Ok(())),
        ("http://example.com/", Err(TargetError::Scheme)),
        ("file:///etc/passwd", Err(TargetError::Scheme)),
        ("nonsense", Err(TargetError::Url)),
        (
            "https://user:pass@example.com/",
            Err(TargetError::Credentials),
        ),
        ("https://127.0.0.1/", private("127.0.0.1")),
        ("https://0x7f.1/", private("127.0.0.1")),
        ("https://2130706433/", private("127.0.0.1")),
        ("https://0177.0.0.1:8443/", private("127.0.0.1")),
        ("https://[::1]/", private("[::1]")),
        ("https://[::ffff:10.0.0.1]/", private("[::ffff:a00:1]")),
        (
            "https://169.254.169.254/latest/meta-data",
            private("169.254.169.254"),
        ),
    ] {
        assert_eq!(parse(url, false).map(drop), expected, "{url}");
    }
    parse("http://127.0.0.1/", true).unwrap();
    assert_eq!(
        parse("ftp://127.0.0.1/", true).map(drop),
        Err(TargetError::Scheme)
    );
}
