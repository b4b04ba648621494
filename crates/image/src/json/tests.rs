//! Against `serde_json`: texts that were good and are damaged byte by byte are taken by both or by neither.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

use super::*;

const GOOD: [&str; 4] = [
    r#"{"a":[1,-2.5e+3,true,0,false,null,"x\u00e9\ud83d\ude00\n\\\"/"],"b":{"c":{},"d":[]}}"#,
    " {\"a\" :\n[ \"\u{e9}\" , {\"b\":\t1E-9} ] , \"c\": 10203 }\r\n",
    r#"{"\u0061":"\/","b":-0,"c":18446744073709551615,"d":0.0}"#,
    "{}",
];

/// A number that no `f64` holds is JSON all the same.
fn judge(bytes: &[u8]) -> bool {
    match serde_json::from_slice(bytes) {
        Ok(serde_json::Value::Object(_)) => true,
        Ok(_) => false,
        Err(error) => error.to_string().starts_with("number out of range") && ours(bytes),
    }
}

fn ours(bytes: &[u8]) -> bool {
    read(bytes, &[], &mut |_, _| Ok(())).is_ok()
}

#[test]
fn damaged_texts_are_told_from_good_ones() {
    const BYTES: &[u8] = b"{}[]\",:\\ue.-+01 \n\x01\xc3\xffntf\0";
    for good in GOOD {
        let good = good.as_bytes();
        assert!(judge(good) && ours(good));
        for place in 0..good.len() {
            let short = &good[..place];
            assert_eq!(ours(short), judge(short), "{}", short.escape_ascii());
            for byte in BYTES {
                let mut changed = good.to_vec();
                changed[place] = *byte;
                assert_eq!(
                    ours(&changed),
                    judge(&changed),
                    "{}",
                    changed.escape_ascii()
                );
                let mut longer = good.to_vec();
                longer.insert(place, *byte);
                assert_eq!(ours(&longer), judge(&longer), "{}", longer.escape_ascii());
            }
        }
    }
}

#[test]
fn texts_and_numbers_are_those_that_serde_reads() {
    for text in [
        r#""""#,
        r#""plain é""#,
        r#""\u00e9\ud83d\ude00\b\f\n\r\t\/\\\"""#,
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83dx""#,
        r#""\u12g4""#,
        r#""\x""#,
        r#""\u+123""#,
    ] {
        let whole = format!("{{\"a\":{text}}}");
        let mut found = None;
        let read = read(whole.as_bytes(), &["a"], &mut |reader, _| {
            found = Some(reader.text()?);
            Ok(())
        });
        let judged = serde_json::from_str::<String>(text).ok();
        assert_eq!(read.ok().and(found), judged, "{text}");
    }
    for text in [
        "0",
        "5",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "-0",
        "1.0",
        "1e3",
        "05",
        "",
    ] {
        let whole = format!("{{\"a\":{text}}}");
        let mut found = None;
        let read = read(whole.as_bytes(), &["a"], &mut |reader, _| {
            found = Some(reader.number()?);
            Ok(())
        });
        let judged = serde_json::from_str::<u64>(text).ok();
        assert_eq!(read.ok().and(found), judged, "{text}");
    }
}

#[test]
fn fields_that_are_missing_unknown_or_doubled_are_told() {
    let read = |text: &str| {
        read(
            text.as_bytes(),
            &["a", "b"],
            &mut |reader, place| match place {
                0 => reader
                    .object(&["c"], Others::Refused, &mut |reader, _| reader.skip())
                    .map(drop),
                _ => reader.skip(),
            },
        )
    };
    let message = |text: &str| read(text).and_then(|seen| seen.require(1)).unwrap_err();
    assert!(
        read(r#"{"a":{"c":1},"b":2,"other":[{}]}"#)
            .unwrap()
            .require(2)
            .is_ok()
    );
    assert_eq!(message("{\"b\":1}"), "missing field `a`");
    assert_eq!(
        message("{\"b\":1,\n \"b\":1}"),
        "duplicate field `b` at line 2 column 5"
    );
    assert_eq!(
        message(r#"{"a":{"d":1}}"#),
        "unknown field `d` at line 1 column 10"
    );
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(64), "]".repeat(64));
    assert!(message(&deep).contains("64"));
}
