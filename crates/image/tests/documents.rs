//! Manifests, indexes, configurations, references and programs: what is read, what is refused, and that `oci-spec`,
//! an independent reader of the same formats, agrees.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

use oci_spec::distribution::Reference as JudgeReference;
use oci_spec::image::{ImageIndex, ImageManifest};
use thimble_image::config::{ConfigError, Health, LimitRequest};
use thimble_image::document::{DOCUMENT_BYTES_MAX, DocumentError, INDEX_ENTRIES_MAX, LAYERS_MAX};
use thimble_image::media_type::{
    DOCKER_CONFIG, DOCKER_MANIFEST, EMPTY, INDEX, MANIFEST, NOTARY_SIGNATURE, OCI_CONFIG, WASM,
    WASM_CONFIG,
};
use thimble_image::program::{Code, Program, ProgramError};
use thimble_image::reference::ReferenceError;
use thimble_image::{
    Descriptor, Digest, Document, Hasher, ImageConfig, Index, Manifest, Platform, Reference,
};

fn manifest_of(config_type: &str, layers: &[(&str, &str)]) -> Manifest {
    let layers = layers
        .iter()
        .map(|(media_type, title)| {
            let mut layer = Descriptor::of(media_type, b"layer");
            if !title.is_empty() {
                layer
                    .annotations
                    .insert(thimble_image::descriptor::TITLE.into(), (*title).into());
            }
            layer
        })
        .collect();
    Manifest::new(Descriptor::of(config_type, b"{}"), layers)
}

#[test]
fn digests_are_those_of_sha256() {
    // FIPS 180-4, and RFC 6234's test vectors.
    for (content, hex) in [
        (
            "",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
    ] {
        let digest = Digest::of(content.as_bytes());
        assert_eq!(digest.to_string(), format!("sha256:{hex}"));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let mut hasher = Hasher::new();
        content.bytes().for_each(|byte| hasher.update(&[byte]));
        assert_eq!(hasher.finish(), digest);
    }
}

#[test]
fn texts_that_are_no_digest_are_told_apart() {
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (text, message) in [
        (format!("sha512:{hex}{hex}"), "by sha512 are not supported"),
        (format!("sha256:{}", hex.to_uppercase()), "lower-case"),
        (format!("sha256:{}", &hex[1..]), "64"),
        (format!("sha256:{hex}0"), "64"),
        (hex.to_owned(), "`sha256:`"),
        ("sha256:".to_owned(), "64"),
        (format!("sha256:{}é", &hex[2..]), "hexadecimal"),
    ] {
        let error = text.parse::<Digest>().unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn references_are_completed_as_docker_does() {
    let digest = Digest::of(b"x");
    for (text, full, familiar) in [
        (
            "hello",
            "docker.io/library/hello:latest".to_owned(),
            "hello:latest".to_owned(),
        ),
        (
            "hello:1",
            "docker.io/library/hello:1".into(),
            "hello:1".into(),
        ),
        (
            "me/hello",
            "docker.io/me/hello:latest".into(),
            "me/hello:latest".into(),
        ),
        (
            "index.docker.io/me/hello",
            "docker.io/me/hello:latest".into(),
            "me/hello:latest".into(),
        ),
        (
            "localhost/hello:1",
            "localhost/hello:1".into(),
            "localhost/hello:1".into(),
        ),
        (
            "localhost:5000/a/b:1",
            "localhost:5000/a/b:1".into(),
            "localhost:5000/a/b:1".into(),
        ),
        (
            "[::1]:5000/a:1",
            "[::1]:5000/a:1".into(),
            "[::1]:5000/a:1".into(),
        ),
        (
            "example.org/a__b/c-d/e.f:V_1.0-x",
            "example.org/a__b/c-d/e.f:V_1.0-x".into(),
            "example.org/a__b/c-d/e.f:V_1.0-x".into(),
        ),
        (
            &format!("hello@{digest}"),
            format!("docker.io/library/hello@{digest}"),
            format!("hello@{digest}"),
        ),
        (
            &format!("r.io/a:1@{digest}"),
            format!("r.io/a:1@{digest}"),
            format!("r.io/a:1@{digest}"),
        ),
    ] {
        let reference: Reference = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(reference.to_string(), full, "{text}");
        assert_eq!(reference.familiar(), familiar, "{text}");
        assert_eq!(
            reference.to_string().parse(),
            Ok(reference.clone()),
            "{text}"
        );
        assert_eq!(
            reference.familiar().parse(),
            Ok(reference.clone()),
            "{text}"
        );
        if !text.starts_with('[') {
            let judge: JudgeReference = text.parse().unwrap();
            assert_eq!(judge.repository(), reference.repository(), "{text}");
            assert_eq!(judge.tag(), reference.tag(), "{text}");
        }
    }
}

#[test]
fn texts_that_name_no_image_are_told_apart() {
    for (text, error) in [
        ("", ReferenceError::Empty),
        ("Hello", ReferenceError::UpperCase),
        ("a//b", ReferenceError::Repository),
        ("a/", ReferenceError::Repository),
        ("/a", ReferenceError::Repository),
        ("a___b", ReferenceError::Repository),
        ("a..b/c:1", ReferenceError::Registry),
        ("-a", ReferenceError::Repository),
        ("a b", ReferenceError::Repository),
        ("../../etc/passwd", ReferenceError::Registry),
        ("a:", ReferenceError::Tag),
        ("a:-1", ReferenceError::Tag),
        ("a:b/c", ReferenceError::Registry),
        ("https://r.io/a", ReferenceError::Url),
        ("r.io:70000/a", ReferenceError::Registry),
        ("r.io:0/a", ReferenceError::Registry),
        ("[::1/a", ReferenceError::Registry),
        ("r..io/a", ReferenceError::Registry),
    ] {
        assert_eq!(text.parse::<Reference>(), Err(error), "{text}");
    }
    assert_eq!(
        "a".repeat(256).parse::<Reference>(),
        Err(ReferenceError::TooLong)
    );
    assert_eq!(
        format!("a:{}", "b".repeat(129)).parse::<Reference>(),
        Err(ReferenceError::Tag)
    );
    assert!(matches!(
        "a@sha256:00".parse::<Reference>(),
        Err(ReferenceError::Digest(_))
    ));
}

#[test]
fn manifests_come_back_as_they_were_and_the_judge_reads_them() {
    let mut manifest = manifest_of(WASM_CONFIG, &[(WASM, "hello.wasm")]);
    manifest.annotations.insert("a".into(), "b".into());
    manifest.subject = Some(Descriptor::of(MANIFEST, b"other"));
    let bytes = manifest.to_json();
    assert_eq!(
        Document::parse(&bytes, Some(MANIFEST)),
        Ok(Document::Manifest(manifest.clone()))
    );
    assert_eq!(
        Document::parse(&bytes, None),
        Ok(Document::Manifest(manifest.clone()))
    );
    let judge: ImageManifest = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        judge.layers()[0].digest().to_string(),
        manifest.layers[0].digest.to_string()
    );
    assert_eq!(judge.config().size(), manifest.config.size);
    // What the judge writes is read, and means the same.
    let again = serde_json::to_vec(&judge).unwrap();
    assert_eq!(
        Document::parse(&again, None),
        Ok(Document::Manifest(manifest))
    );
}

#[test]
fn indexes_come_back_as_they_were_and_the_judge_reads_them() {
    let mut entry = Descriptor::of(MANIFEST, b"one");
    entry.platform = Some(Platform::wasm());
    let index = Index::new(vec![entry]);
    let bytes = index.to_json();
    assert_eq!(
        Document::parse(&bytes, Some(INDEX)),
        Ok(Document::Index(index.clone()))
    );
    let judge: ImageIndex = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(judge.manifests().len(), 1);
    let again = serde_json::to_vec(&judge).unwrap();
    assert_eq!(Document::parse(&again, None), Ok(Document::Index(index)));
}

#[test]
fn documents_that_lie_are_told_apart() {
    let good = String::from_utf8(manifest_of(WASM_CONFIG, &[(WASM, "")]).to_json()).unwrap();
    let malformed = |text: &str| match Document::parse(text.as_bytes(), None) {
        Err(DocumentError::Malformed { reason }) => reason,
        other => panic!("{text}: {other:?}"),
    };
    malformed("");
    malformed("[]");
    malformed("{");
    assert!(malformed("{}").contains("schemaVersion"));
    malformed(&good.replace("sha256:", "sha512:"));
    malformed(&good.replace("\"size\":5", "\"size\":-5"));
    malformed(&good.replace("\"size\":5", "\"size\":5e99"));
    malformed(&good.replace("\"size\":5", &format!("\"size\":{}", u64::MAX)));
    malformed(&good.replace("application/wasm", "wasm"));
    malformed(&good.replace("\"layers\"", "\"lairs\""));
    malformed(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    let parse = |text: &str, announced| Document::parse(text.as_bytes(), announced).unwrap_err();
    assert_eq!(parse(" <!DOCTYPE html>", None), DocumentError::Html);
    assert_eq!(
        parse(
            &good.replace("\"layers\"", "\"manifests\":[],\"layers\""),
            None
        ),
        DocumentError::Ambiguous
    );
    assert!(matches!(
        parse(&good, Some(INDEX)),
        DocumentError::MediaType { .. }
    ));
    assert!(matches!(
        parse(&good, Some(DOCKER_MANIFEST)),
        DocumentError::MediaType { .. }
    ));
    assert_eq!(
        parse("{\"schemaVersion\":1,\"fsLayers\":[]}", None),
        DocumentError::SchemaVersion { version: 1 }
    );
    assert_eq!(
        parse(
            &good.replace("\"schemaVersion\":2", "\"schemaVersion\":3"),
            None
        ),
        DocumentError::SchemaVersion { version: 3 }
    );
    let bare = good.replace(&format!("\"mediaType\":\"{MANIFEST}\","), "");
    assert!(matches!(
        parse(&bare, Some("text/plain")),
        DocumentError::Unsupported { .. }
    ));
    let big = vec![b' '; usize::try_from(DOCUMENT_BYTES_MAX).unwrap() + 1];
    assert!(matches!(
        Document::parse(&big, None),
        Err(DocumentError::TooLarge { .. })
    ));
    let many = manifest_of(WASM_CONFIG, &vec![(WASM, ""); LAYERS_MAX + 1]).to_json();
    assert!(matches!(
        Document::parse(&many, None),
        Err(DocumentError::TooMany { .. })
    ));
    let many = Index::new(vec![Descriptor::of(MANIFEST, b"x"); INDEX_ENTRIES_MAX + 1]).to_json();
    assert!(matches!(
        Document::parse(&many, None),
        Err(DocumentError::TooMany { .. })
    ));
}

#[test]
fn an_index_offers_what_the_device_can_run() {
    let entry = |platform: Option<(&str, &str)>, content: &str| {
        let mut entry = Descriptor::of(MANIFEST, content.as_bytes());
        entry.platform = platform.map(|(os, architecture)| Platform {
            architecture: architecture.into(),
            os: os.into(),
            variant: None,
        });
        entry
    };
    let linux = entry(Some(("linux", "amd64")), "linux");
    let wasm = entry(Some(("wasip1", "wasm")), "wasm");
    let docker_wasm = entry(Some(("wasi", "wasm")), "docker");
    let nothing = entry(None, "nothing");
    let mut signature = entry(None, "signature");
    signature.artifact_type = Some(NOTARY_SIGNATURE.into());
    let amd64 = Platform {
        architecture: "amd64".into(),
        os: "linux".into(),
        variant: None,
    };
    for (manifests, preferred, chosen) in [
        (vec![&linux, &wasm], vec![], Some(&wasm)),
        (vec![&linux, &wasm], vec![amd64.clone()], Some(&linux)),
        (
            vec![&linux, &docker_wasm, &wasm],
            vec![],
            Some(&docker_wasm),
        ),
        (vec![&linux], vec![], None),
        (vec![&nothing], vec![], Some(&nothing)),
        (vec![&nothing, &signature], vec![], Some(&nothing)),
        (vec![&nothing, &linux], vec![], None),
        (vec![&signature], vec![], None),
        (vec![], vec![amd64], None),
    ] {
        let index = Index::new(manifests.into_iter().cloned().collect());
        assert_eq!(index.choose(&preferred), chosen, "{index:?}");
    }
}

#[test]
fn configurations_come_back_as_they_were() {
    let config = ImageConfig {
        created: Some("2026-01-01T00:00:00Z".into()),
        author: Some("Ada".into()),
        layer_digests: vec![Digest::of(b"x")],
        entry_point: Some("main".into()),
        env: vec!["A=b=c".into()],
        args: vec!["--fast".into()],
        labels: [("k".to_owned(), "v".to_owned())].into(),
        grants: vec!["gpio:led0".into(), "ocre_timers".into()],
        volumes: vec!["/data".into()],
        limits: LimitRequest {
            memory_bytes: Some(65536),
            cpu_share_thousandths: Some(500),
            storage_bytes: Some(1),
            key_value_bytes: Some(2),
            log_bytes: Some(3),
        },
        health: Some(Health {
            start_ms: 1000,
            heartbeat_ms: Some(500),
        }),
        stop_grace_ms: Some(5000),
        ..ImageConfig::default()
    };
    assert_eq!(ImageConfig::parse(&config.to_json()), Ok(config));
    let least = ImageConfig::default();
    assert_eq!(ImageConfig::parse(&least.to_json()), Ok(least.clone()));
    assert_eq!(ImageConfig::parse(b"{}"), Ok(least));
}

#[test]
fn configurations_that_are_wrong_are_told_apart() {
    let malformed = |text: &str| {
        assert!(
            matches!(
                ImageConfig::parse(text.as_bytes()),
                Err(ConfigError::Malformed { .. })
            ),
            "{text}"
        );
    };
    malformed("");
    malformed("[]");
    malformed(r#"{"layerDigests":["x"]}"#);
    malformed(r#"{"config":{"Env":[1]}}"#);
    // Made for a newer Thimble.
    malformed(r#"{"thimble":{"newer":1}}"#);
    malformed(r#"{"thimble":{"limits":{"memoryBytes":-1}}}"#);
    malformed(r#"{"thimble":{"health":{}}}"#);
    let wrong = |text: &str| ImageConfig::parse(text.as_bytes()).unwrap_err();
    assert_eq!(
        wrong(r#"{"config":{"Env":["=x"]}}"#),
        ConfigError::Variable { text: "=x".into() }
    );
    assert_eq!(
        wrong(r#"{"config":{"Env":["x"]}}"#),
        ConfigError::Variable { text: "x".into() }
    );
    assert_eq!(
        wrong(r#"{"config":{"Cmd":["\u0000"]}}"#),
        ConfigError::Nul {
            what: "an argument"
        }
    );
    for path in ["", "/", "data", "/a/../b", "/a//b", "/a/"] {
        let text = format!(r#"{{"config":{{"Volumes":{{"{path}":{{}}}}}}}}"#);
        assert_eq!(wrong(&text), ConfigError::Volume { path: path.into() });
    }
    let many = format!(r#"{{"config":{{"Cmd":[{}"x"]}}}}"#, "\"x\",".repeat(2000));
    assert_eq!(wrong(&many), ConfigError::TooMany { what: "arguments" });
    assert_eq!(wrong(&" ".repeat((1 << 20) + 1)), ConfigError::TooLarge);
    // Unknown fields elsewhere are others' business.
    assert!(ImageConfig::parse(br#"{"component":{"exports":[]},"config":{"Future":1}}"#).is_ok());
}

#[test]
fn programs_are_found_whoever_pushed_them() {
    let module = Code::Module(Descriptor::of(WASM, b"layer"));
    let find = |manifest: &Manifest, config: &str| Program::find(manifest, config.as_bytes());
    // Thimble's own, and the CNCF's artifact layout.
    let ours = find(&manifest_of(WASM_CONFIG, &[(WASM, "")]), "{}").unwrap();
    assert_eq!((ours.code, ours.config), (module, ImageConfig::default()));
    // wasm-to-oci.
    let theirs = manifest_of(
        "application/vnd.wasm.config.v1+json",
        &[("application/vnd.wasm.content.layer.v1+wasm", "")],
    );
    assert!(matches!(find(&theirs, "").unwrap().code, Code::Module(_)));
    // oras push, with and without a media type.
    let oras = manifest_of(EMPTY, &[(WASM, "x.wasm"), ("text/plain", "README")]);
    assert!(matches!(find(&oras, "{}").unwrap().code, Code::Module(_)));
    let oras = manifest_of(
        EMPTY,
        &[("application/vnd.oci.image.layer.v1.tar", "x.wasm")],
    );
    assert!(matches!(find(&oras, "{}").unwrap().code, Code::Module(_)));
}

#[test]
fn programs_are_found_in_docker_images() {
    const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let manifest = manifest_of(DOCKER_CONFIG, &[(LAYER, ""), (LAYER, "")]);
    for (config, path, args) in [
        (
            r#"{"architecture":"wasm","os":"wasi","config":{"Entrypoint":["/app.wasm","-x"],"Cmd":["y"],"Env":["A=b"]}}"#,
            "app.wasm",
            vec!["-x", "y"],
        ),
        (
            r#"{"architecture":"wasm","os":"wasi","config":{"Cmd":["./bin/../app.wasm"],"WorkingDir":"/srv"}}"#,
            "srv/app.wasm",
            vec![],
        ),
    ] {
        let program = Program::find(&manifest, config.as_bytes()).unwrap();
        let Code::File {
            layers,
            path: found,
        } = program.code
        else {
            panic!("{config}")
        };
        assert_eq!(
            (found.as_str(), program.config.args),
            (path, args.iter().map(|arg| (*arg).to_owned()).collect())
        );
        assert!(layers.len() == 2 && layers[0].gzip);
    }
    let error = |config: &str| Program::find(&manifest, config.as_bytes()).unwrap_err();
    assert!(matches!(
        error(r#"{"architecture":"amd64","os":"linux"}"#),
        ProgramError::Platform { .. }
    ));
    assert_eq!(
        error(r#"{"architecture":"wasm","os":"wasi"}"#),
        ProgramError::NoEntryPoint
    );
    assert_eq!(
        error(r#"{"architecture":"wasm","os":"wasi","config":{"Entrypoint":["/../x"]}}"#),
        ProgramError::NoEntryPoint
    );
    let zstd = manifest_of(
        OCI_CONFIG,
        &[("application/vnd.oci.image.layer.v1.tar+zstd", "")],
    );
    let config = r#"{"architecture":"wasm","os":"wasi","config":{"Entrypoint":["/a.wasm"]}}"#;
    assert!(matches!(
        Program::find(&zstd, config.as_bytes()),
        Err(ProgramError::Compression { .. })
    ));
}

#[test]
fn what_is_no_program_is_told_apart() {
    let find =
        |manifest: &Manifest, config: &str| Program::find(manifest, config.as_bytes()).unwrap_err();
    let mut signature = manifest_of(EMPTY, &[("application/cose", "")]);
    signature.artifact_type = Some(NOTARY_SIGNATURE.into());
    signature.subject = Some(Descriptor::of(MANIFEST, b"x"));
    assert!(matches!(
        find(&signature, "{}"),
        ProgramError::Artifact { .. }
    ));
    let old_signature = manifest_of(NOTARY_SIGNATURE, &[("application/cose", "")]);
    assert!(matches!(
        find(&old_signature, "{}"),
        ProgramError::Artifact { .. }
    ));
    let two = manifest_of(WASM_CONFIG, &[(WASM, ""), (WASM, "")]);
    assert_eq!(find(&two, "{}"), ProgramError::SeveralModules);
    let none = manifest_of(WASM_CONFIG, &[("text/plain", "")]);
    assert!(matches!(find(&none, "{}"), ProgramError::NoModule { .. }));
    let native = manifest_of(WASM_CONFIG, &[(WASM, "")]);
    assert!(matches!(
        find(&native, r#"{"architecture":"amd64","os":"linux"}"#),
        ProgramError::Platform { .. }
    ));
    assert!(matches!(find(&native, "x"), ProgramError::Config(_)));
}
