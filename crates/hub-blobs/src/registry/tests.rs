//! What URLs and headers mean.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use thimble_image::Digest;

use super::conditions::{Wanted, is_known, piece, wanted};
use super::path::{Path, Query, unescaped};

fn read(path: &str) -> String {
    match Path::parse(path) {
        Err(fault) => {
            let fault = format!("{fault:?}");
            let code = fault.split("code: \"").nth(1).unwrap();
            code.split('"').next().unwrap().to_owned()
        }
        Ok(path) => {
            let mut text = match &path {
                Path::Base => "base",
                Path::Tags(_) => "tags",
                Path::Referrers(..) => "referrers",
                Path::Manifest(..) => "manifest",
                Path::Blob(..) => "blob",
                Path::Uploads(_) => "uploads",
                Path::Upload(..) => "upload",
            }
            .to_owned();
            if let Some(name) = path.repository() {
                write!(text, " of {name}").unwrap();
            }
            text
        }
    }
}

#[test]
fn paths_are_read_from_their_end() {
    let digest = Digest::of(b"");
    let id = "0123456789abcdef0123456789abcdef";
    for (path, expected) in [
        (String::new(), "base"),
        ("a/tags/list".into(), "tags of a"),
        ("tags/list/tags/list".into(), "tags of tags/list"),
        (
            "a/blobs/uploads/b/blobs/uploads/".into(),
            "uploads of a/blobs/uploads/b",
        ),
        ("a/b/blobs/uploads".into(), "uploads of a/b"),
        (format!("a/b/blobs/uploads/{id}"), "upload of a/b"),
        (format!("a/b/blobs/{digest}"), "blob of a/b"),
        (format!("a/manifests/{digest}"), "manifest of a"),
        ("a/manifests/v1.0_x-y".into(), "manifest of a"),
        (format!("a/b/referrers/{digest}"), "referrers of a/b"),
        ("a".into(), "NAME_UNKNOWN"),
        ("a/b".into(), "NAME_UNKNOWN"),
        ("a/tags/lists".into(), "NAME_UNKNOWN"),
        ("../tags/list".into(), "NAME_INVALID"),
        ("a/../b/tags/list".into(), "NAME_INVALID"),
        ("a//b/tags/list".into(), "NAME_INVALID"),
        ("/a/tags/list".into(), "NAME_INVALID"),
        ("A/tags/list".into(), "NAME_INVALID"),
        ("a/_tags/tags/list".into(), "NAME_INVALID"),
        ("a\0/tags/list".into(), "NAME_INVALID"),
        (format!("{}/tags/list", "a".repeat(256)), "NAME_INVALID"),
        ("a/manifests/..".into(), "TAG_INVALID"),
        ("a/manifests/-x".into(), "TAG_INVALID"),
        (format!("a/manifests/{}", "x".repeat(129)), "TAG_INVALID"),
        ("a/manifests/sha256:12".into(), "DIGEST_INVALID"),
        ("a/blobs/sha512:12".into(), "DIGEST_INVALID"),
        ("a/blobs/latest".into(), "DIGEST_INVALID"),
        ("a/blobs/uploads/../../b".into(), "NAME_UNKNOWN"),
        ("a/blobs/uploads/xyz".into(), "BLOB_UPLOAD_UNKNOWN"),
    ] {
        assert_eq!(read(&path), expected, "{path}");
    }
}

#[test]
fn escapes_are_undone_or_refused() {
    assert_eq!(unescaped("a%2Fb%3a").unwrap(), "a/b:");
    for wrong in ["%", "%4", "%zz", "%ff"] {
        unescaped(wrong).unwrap_err();
    }
}

#[test]
fn queries_have_names_and_values() {
    let query = Query::parse("n=10&last=a%2Bb&&flag").unwrap();
    assert_eq!(query.number("n").unwrap(), Some(10));
    assert_eq!(query.value("last"), Some("a+b"));
    assert_eq!(query.value("flag"), Some(""));
    assert_eq!(query.value("other"), None);
    Query::parse("n=-1").unwrap().number("n").unwrap_err();
}

#[test]
fn every_resource_says_which_methods_it_knows() {
    for path in ["", "a/tags/list", "a/manifests/x", "a/blobs/uploads/"] {
        let path = Path::parse(path).unwrap();
        let fault = path.action(&Method::CONNECT).unwrap_err().into_response();
        assert_eq!(fault.status(), 405);
        assert!(fault.headers().contains_key(header::ALLOW));
    }
}

fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn ranges_are_cut_ignored_or_refused() {
    let digest = Digest::of(b"");
    for (range, expected) in [
        ("bytes=0-0", Wanted::Part(0..1)),
        ("bytes=2-", Wanted::Part(2..10)),
        ("bytes=2-100", Wanted::Part(2..10)),
        ("bytes=-3", Wanted::Part(7..10)),
        ("bytes=-30", Wanted::Part(0..10)),
        ("bytes=10-", Wanted::Outside),
        ("bytes=-0", Wanted::Outside),
        (
            "bytes=18446744073709551615-18446744073709551615",
            Wanted::Outside,
        ),
        ("bytes=5-2", Wanted::All),
        ("bytes=0-1,3-4", Wanted::All),
        ("bytes=x-", Wanted::All),
        ("lines=0-1", Wanted::All),
        ("bytes=-", Wanted::All),
    ] {
        let headers = headers(&[(header::RANGE, range)]);
        assert_eq!(wanted(&headers, 10, &digest), expected, "{range}");
    }
    let tag = format!("\"{digest}\"");
    let with = |tag| headers(&[(header::RANGE, "bytes=1-"), (header::IF_RANGE, tag)]);
    assert_eq!(wanted(&with(&tag), 10, &digest), Wanted::Part(1..10));
    assert_eq!(wanted(&with("\"other\""), 10, &digest), Wanted::All);
}

#[test]
fn known_content_is_recognized() {
    let digest = Digest::of(b"");
    let known = |text: &str| is_known(&headers(&[(header::IF_NONE_MATCH, text)]), &digest);
    assert!(known(&format!("\"{digest}\"")));
    assert!(known(&format!("\"x\", W/\"{digest}\"")));
    assert!(!known("\"x\""));
}

#[test]
fn pieces_say_where_they_begin() {
    let read = |text: &str| piece(&headers(&[(header::CONTENT_RANGE, text)]));
    assert_eq!(read("0-9"), Some(Ok((0, 10))));
    assert_eq!(read("bytes 5-5/10"), Some(Ok((5, 1))));
    for wrong in ["", "5", "9-5", "a-b", "0-18446744073709551615"] {
        assert_eq!(read(wrong), Some(Err(())), "{wrong}");
    }
    assert_eq!(piece(&HeaderMap::new()), None);
}
