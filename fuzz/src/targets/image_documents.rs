//! Manifests, indexes, configurations, references, digests and layout markers from bytes nobody would send.

use std::time::Duration;

use thimble_image::program::Program;
use thimble_image::{Digest, Document, ImageConfig, Reference, layout};

use crate::finding::{Violation, ensure, says_something};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "image_documents",
    summary: "documents and names of images: never panic, and what is accepted is written and read the same",
    bytes_max: 8192,
    patience: Duration::from_secs(5),
    tokens: &[
        b"\"schemaVersion\":2",
        b"\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"",
        b"\"mediaType\":\"application/vnd.oci.image.index.v1+json\"",
        b"\"mediaType\":\"application/wasm\"",
        b"\"config\":{",
        b"\"layers\":[",
        b"\"manifests\":[",
        b"\"subject\":{",
        b"\"platform\":{\"architecture\":\"wasm\",\"os\":\"wasip1\"}",
        b"\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
        b"\"size\":18446744073709551615",
        b"\"size\":0",
        b"\"annotations\":{\"org.opencontainers.image.ref.name\":\"a\"}",
        b"\"module\":{\"entryPoint\":\"x\"}",
        b"\"config\":{\"Env\":[\"A=b\"],\"Cmd\":[],\"Volumes\":{\"/x\":{}},\"Permissions\":[]}",
        b"\"thimble\":{\"limits\":{\"memoryBytes\":1},\"health\":{\"startMs\":1}}",
        b"localhost:5000/a/b:1",
        b"docker.io/library/",
        b"@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        b"{",
        b"}",
        b"[[[[[[[[",
        b",",
        b"\\u0000",
    ],
    make: || Box::new(Documents),
};

struct Documents;

impl Target for Documents {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((kind, rest)) = input.split_first() else {
            return Ok(());
        };
        match kind % 4 {
            0 => document(rest, shapes),
            1 => config(rest, shapes),
            2 => names(&String::from_utf8_lossy(rest), shapes),
            _ => program(rest, shapes),
        }
    }
}

fn document(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    let document = match Document::parse(bytes, None) {
        Ok(document) => document,
        Err(error) => {
            shapes.note((0, core::mem::discriminant(&error)));
            return says_something(&error);
        }
    };
    shapes.note((
        1,
        document.children().count().min(8),
        document.subject().is_some(),
    ));
    let written = match &document {
        Document::Manifest(manifest) => manifest.to_json(),
        Document::Index(index) => {
            shapes.note((2, index.choose(&[]).is_some()));
            index.to_json()
        }
    };
    ensure(
        Document::parse(&written, None).as_ref() == Ok(&document),
        "a document is read as it was written",
        || format!("{document:?}"),
    )
}

fn config(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    match ImageConfig::parse(bytes) {
        Ok(config) => {
            shapes.note((
                3,
                config.env.len().min(4),
                config.limits.memory_bytes.is_some(),
            ));
            let written = config.to_json();
            ensure(
                ImageConfig::parse(&written).as_ref() == Ok(&config),
                "a configuration is read as it was written",
                || format!("{config:?}"),
            )
        }
        Err(error) => {
            shapes.note((4, core::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}

fn names(text: &str, shapes: &mut Shapes) -> Result<(), Violation> {
    if let Ok(digest) = text.parse::<Digest>() {
        shapes.note(5);
        ensure(
            digest.to_string() == text,
            "a digest is written as read",
            String::new,
        )?;
    }
    // Errors are told apart; nothing else can be asked of them.
    let _ = layout::check_marker(text.as_bytes());
    match text.parse::<Reference>() {
        Ok(reference) => {
            shapes.note((6, reference.tag().is_some(), reference.digest().is_some()));
            for written in [reference.to_string(), reference.familiar()] {
                ensure(
                    written.parse().as_ref() == Ok(&reference),
                    "a reference is read as it was written",
                    || format!("{text:?} as {written:?}"),
                )?;
            }
            Ok(())
        }
        Err(error) => {
            shapes.note((7, core::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}

/// A manifest, a NUL, and what stands in its configuration.
fn program(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (Some(manifest), Some(config)) = (parts.next(), parts.next()) else {
        return Ok(());
    };
    let Ok(Document::Manifest(manifest)) = Document::parse(manifest, None) else {
        return Ok(());
    };
    match Program::find(&manifest, config) {
        Ok(program) => {
            shapes.note((8, core::mem::discriminant(&program.code)));
            Ok(())
        }
        Err(error) => {
            shapes.note((9, core::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}
