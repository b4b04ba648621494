//! Where things lie in a registry (OCI distribution specification 1.1, endpoints).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::fault::RegistryError;
use super::http::{Method, Outgoing};
use super::operation::Call;
use super::url::{Escaped, Target, Url};
use crate::digest::Digest;
use crate::media_type;
use crate::reference::{DEFAULT_TAG, Reference};

/// A repository in a registry.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) target: Target,
    pub(super) repository: String,
}

impl Place {
    pub(super) fn new(target: Target, reference: &Reference) -> Self {
        Self {
            target,
            repository: reference.repository().into(),
        }
    }

    pub(super) fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        self.target
            .url(&format!("/v2/{}/{rest}", self.repository))
            .map_err(|error| RegistryError::Address {
                registry: self.target.registry.clone(),
                error,
            })
    }

    pub(super) fn blob(&self, digest: &Digest) -> Result<Url, RegistryError> {
        self.url(&format!("blobs/{digest}"))
    }

    pub(super) fn referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Url, RegistryError> {
        let query = artifact_type
            .map(|artifact_type| format!("?artifactType={}", Escaped(artifact_type)))
            .unwrap_or_default();
        self.url(&format!("referrers/{subject}{query}"))
    }

    /// Asks for a manifest or index, by tag or digest.
    pub(super) fn manifest(&self, method: Method, name: &str) -> Result<Call, RegistryError> {
        let accept: Vec<&str> = media_type::MANIFESTS.to_vec();
        Ok(Call {
            method,
            url: self.url(&format!("manifests/{name}"))?,
            headers: alloc::vec![("accept", accept.join(", "))],
            body: Outgoing::Nothing,
            what: self.manifest_name(name),
        })
    }

    /// How people are told about a manifest.
    pub(super) fn manifest_name(&self, name: &str) -> String {
        let separator = if name.contains(':') { '@' } else { ':' };
        format!(
            "manifest {}/{}{separator}{name}",
            self.target.registry, self.repository
        )
    }
}

/// What a registry is asked for: the digest, if there is one.
pub(super) fn name_of(reference: &Reference) -> String {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => format!("{digest}"),
        (None, Some(tag)) => tag.into(),
        (None, None) => DEFAULT_TAG.into(),
    }
}

/// The tag that stands in for the referrers of a manifest where a registry does not list them.
pub(super) fn fallback_tag(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}
