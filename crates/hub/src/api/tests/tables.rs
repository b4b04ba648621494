//! Tables of expected devices: as spreadsheets write them, and as nobody can have meant them.

use super::refusals::told;
use super::site::{Reply, Site};

async fn table(site: &Site, text: impl AsRef<[u8]>) -> Reply {
    let bearer = format!("Bearer {}", site.root);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "text/csv"),
    ];
    let body = Some(text.as_ref().to_vec());
    site.send("POST", "/v1/expected-devices", &headers, body)
        .await
}

#[tokio::test]
async fn tables_are_taken_whole_or_told_line_by_line() {
    let site = Site::new().await;
    // As spreadsheets write it: a mark at the beginning, Windows' line ends, quotes.
    let good = "\u{feff}serial,name\r\n\"A1\",\"press, left\"\r\nA2,\r\n";
    let taken = table(&site, good).await;
    assert!(taken.status.is_success(), "{taken:?}");
    assert_eq!(taken.json()["expected"], 2);
    let before = site.picture(&site.root).await;
    let twice = table(&site, "serial\nA3\nA2\nA1\n").await;
    told(
        &twice,
        "name-in-use",
        &["serial A1", "serial A2", "take their lines out"],
    );
    assert!(!twice.json().to_string().contains("A3"));
    let labels: Vec<String> = (0..65).map(|number| format!("k{number}=1")).collect();
    let labels = format!("serial,labels\nB1,{}\n", labels.join(";"));
    for (text, words) in [
        (&b"serial;name\nB1;press\n"[..], &["line 1", "commas"][..]),
        (b"serial,name\nB1\n", &["line 2"]),
        (b"serial,name\nB1,a,b\n", &["line 2"]),
        (b"serial,name\nB1,\"open\nB2,x\n", &["line 2", "name"]),
        (b"serial\nB\xe41\n", &["line 2", "UTF-8"]),
        (b"\xff\xfes\0e\0r\0i\0a\0l\0\n\0", &["line 1"]),
        (b"serial\nB\0\n", &["line 2"]),
        (b"serial\nB1\n\n\nB1\n", &["line 5", "twice"]),
        (b"Serial\nB1\n", &["`Serial`", "there are serial"]),
        (b"\n\n", &["line 1", "`serial`"]),
        (labels.as_bytes(), &["line 2", "65 labels: 64 are possible"]),
    ] {
        let reply = table(&site, text).await;
        told(&reply, "invalid", words);
    }
    let mut million = String::from("serial\n");
    for number in 0..1_000_000 {
        million.push_str(&format!("S{number}\n"));
    }
    let reply = table(&site, &million).await;
    told(&reply, "invalid", &["at most 100000 devices"]);
    // As many that are wrong are no more told than fit.
    let reply = table(&site, format!("serial,name\n{}", ",x\n".repeat(1_000_000))).await;
    told(&reply, "invalid", &["at most 100000 devices"]);
    let reply = table(&site, format!("serial,name\n{}", ",x\n".repeat(50_000))).await;
    told(&reply, "invalid", &["wrong: 50000 of them"]);
    assert_eq!(reply.json()["errors"].as_array().unwrap().len(), 100);
    assert_eq!(before, site.picture(&site.root).await);
}
