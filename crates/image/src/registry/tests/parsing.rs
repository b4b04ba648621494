//! What is read from header fields, URLs and errors.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::registry::url::Url;
use crate::registry::{Target, UrlError, challenge, said};

#[test]
fn challenges() {
    for (field, expected) in [
        ("", ""),
        ("Basic", "basic"),
        (r#"Basic realm="a""#, "basic(realm=a)"),
        (
            r#"Bearer realm="https://auth.test/token",service="a, \"b\"" , scope = "x:y:pull,push""#,
            r#"bearer(realm=https://auth.test/token service=a, "b" scope=x:y:pull,push)"#,
        ),
        (
            r#"Negotiate, NTLM YWJj==, BASIC realm=word, Bearer Realm="r""#,
            "negotiate ntlm basic(realm=word) bearer(realm=r)",
        ),
        (r#"Bearer realm="open"#, "bearer realm"),
        (r#"realm="nobody's""#, ""),
        (",, ,Basic,", "basic"),
        (r#"Basic realm="\"#, "basic realm"),
        ("Bearer =\u{1f600}", "bearer"),
    ] {
        let shown: Vec<_> = challenge::parse(field)
            .iter()
            .map(|challenge| {
                let parameters = challenge.parameters.iter();
                let parameters: Vec<_> = parameters
                    .map(|(name, value)| alloc::format!("{name}={value}"))
                    .collect();
                if parameters.is_empty() {
                    challenge.scheme.clone()
                } else {
                    alloc::format!("{}({})", challenge.scheme, parameters.join(" "))
                }
            })
            .collect();
        assert_eq!(shown.join(" "), expected, "{field}");
    }
}

#[test]
fn locations() {
    let base = Url::parse("https://registry.test:5000/v2/app/blobs/uploads/?a=b").unwrap();
    for (location, expected) in [
        ("/v2/x?y=z", Ok("https://registry.test:5000/v2/x?y=z")),
        (
            "there",
            Ok("https://registry.test:5000/v2/app/blobs/uploads/there"),
        ),
        ("//other.test/a#fragment", Ok("https://other.test/a")),
        ("http://other.test/", Ok("http://other.test/")),
        ("ftp://other.test/", Err(UrlError::Scheme)),
        ("https://user:word@other.test/", Err(UrlError::Userinfo)),
        ("https://other.test:99999/", Err(UrlError::Malformed)),
        ("https://", Err(UrlError::Malformed)),
        ("a b", Err(UrlError::Malformed)),
        ("/a\r\nHost: b", Err(UrlError::Malformed)),
    ] {
        let found = base.join(location).map(|url| url.as_str().to_string());
        assert_eq!(found, expected.map(ToString::to_string), "{location:?}");
    }
    let long = "x".repeat(20_000);
    assert_eq!(base.join(&long), Err(UrlError::TooLong));
    let more = base.with_parameter("digest", "sha256:a&b");
    assert!(more.as_str().ends_with("/?a=b&digest=sha256%3Aa%26b"));
    let origins =
        ["https://A.test/", "https://a.test:443/x"].map(|url| Url::parse(url).unwrap().origin());
    assert_eq!(origins[0], origins[1]);
    let hub = Target::new("docker.io", true).url("/v2/").unwrap();
    assert_eq!(hub.as_str(), "https://registry-1.docker.io/v2/");
}

#[test]
fn words_of_registries() {
    let long = alloc::format!("{{\"errors\":[{{\"message\":\"{}\"}}]}}", "x".repeat(1000));
    for (body, code, text) in [
        ("", "", ""),
        (
            r#"{"errors":[{"code":"DENIED","message":"no\u001b[31m"}]}"#,
            "DENIED",
            "DENIED: no [31m",
        ),
        (r#"{"errors":[{"code":"DENIED"}]}"#, "DENIED", "DENIED"),
        (r#"{"errors":[]}"#, "", ""),
        (r#"{"details":"who are you"}"#, "", "who are you"),
        ("plain words\n", "", "plain words"),
        (
            "<html>",
            "",
            "a web page, not the words of a registry: perhaps a proxy answered",
        ),
    ] {
        let said = said::parse(body.as_bytes());
        assert_eq!(
            (said.code.as_str(), said.text.as_str()),
            (code, text),
            "{body}"
        );
    }
    assert!(said::parse(long.as_bytes()).text.chars().count() <= 241);
    assert_eq!(said::parse(&[0xff, 0xfe]).text, "");
}
