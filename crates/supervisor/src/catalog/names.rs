//! The names of images, and what is asked about them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

use thimble_image::{Digest, Reference};
use thimble_serial::{ImageStatus, RefusalKind, Reply};

use crate::batch::Batch;
use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::keys;
use crate::records;

use super::ImageDigest;

/// Digits of a digest that are enough to name an image by.
const DIGITS_MIN: usize = 4;
/// Bytes of a reference at most.
const REFERENCE_BYTES_MAX: usize = 128;

/// The name under which a reference is kept: the same for all ways to write it. `None` if it names nothing but a digest.
///
/// # Errors
/// It is no reference, or one of another image.
#[inline(never)]
pub(super) fn normalized(text: &str, digest: Option<&ImageDigest>) -> Outcome<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    let reference = Reference::from_str(text).map_err(Denied::invalid)?;
    if let (Some(named), Some(digest)) = (reference.digest(), digest)
        && named.as_bytes() != digest
    {
        return Err(Denied::invalid(format_args!(
            "the reference names {named}, the image is {}",
            Digest::from_bytes(*digest)
        )));
    }
    let Some(tag) = reference.tag() else {
        return Ok(None);
    };
    let named = alloc::format!("{}:{tag}", reference.name());
    let named = Reference::from_str(&named)
        .map_err(Denied::invalid)?
        .familiar();
    if named.len() > REFERENCE_BYTES_MAX {
        return Err(Denied::invalid(format_args!(
            "the reference has {} bytes, more than {REFERENCE_BYTES_MAX}",
            named.len()
        )));
    }
    Ok(Some(named))
}

impl Device {
    /// Has a reference mean an image.
    ///
    /// # Errors
    /// Storage is full or failed.
    pub(super) fn name(&mut self, digest: &ImageDigest, reference: Option<&str>) -> Outcome<()> {
        let Some(reference) = reference else {
            return Ok(());
        };
        let key = keys::reference(reference);
        if records::read::<32>(&self.records, &key)?.as_ref() == Some(digest) {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.put(key, digest.to_vec());
        records::apply(&self.records, &batch)
    }

    /// The image that a reference, a digest or the beginning of a digest names.
    ///
    /// # Errors
    /// There is none, or more than one.
    #[inline(never)]
    pub(crate) fn resolve(&mut self, text: &str) -> Outcome<ImageDigest> {
        if let Ok(digest) = Digest::from_str(text) {
            let digest = *digest.as_bytes();
            return match self.store.image(&digest)? {
                Some(_) => Ok(digest),
                None => Err(self.no_image(text)),
            };
        }
        if let Some(digest) = self.by_reference(text)? {
            return Ok(digest);
        }
        self.by_beginning(text)
    }

    #[inline(never)]
    fn by_reference(&mut self, text: &str) -> Outcome<Option<ImageDigest>> {
        let Ok(reference) = Reference::from_str(text) else {
            return Ok(None);
        };
        let digest = match reference.digest() {
            Some(digest) => Some(*digest.as_bytes()),
            None => match normalized(text, None)? {
                Some(name) => records::read::<32>(&self.records, &keys::reference(&name))?,
                None => None,
            },
        };
        match digest {
            Some(digest) if self.store.image(&digest)?.is_some() => Ok(Some(digest)),
            _ => Ok(None),
        }
    }

    #[inline(never)]
    fn by_beginning(&mut self, text: &str) -> Outcome<ImageDigest> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let is_beginning = digits.len() >= DIGITS_MIN
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let mut found = None;
        let mut after = Vec::new();
        while is_beginning && let Some(digest) = self.next_image(&after)? {
            if Digest::from_bytes(digest).hex().starts_with(digits) {
                if found.is_some() {
                    return Err(Denied::conflict(format_args!(
                        "more than one image has a digest that begins with {digits}; give more digits"
                    )));
                }
                found = Some(digest);
            }
            after = digest.to_vec();
        }
        found.ok_or_else(|| self.no_image(text))
    }

    fn no_image(&self, text: &str) -> Denied {
        let shown: String = text.chars().take(REFERENCE_BYTES_MAX).collect();
        Denied::new(
            RefusalKind::NotFound,
            format_args!("there is no image {shown:?} on this device; install it first"),
        )
    }

    fn next_image(&mut self, after: &[u8]) -> Outcome<Option<ImageDigest>> {
        let mut key = Vec::new();
        let mut after = after.to_vec();
        // A key that is no digest is none of ours.
        while self.store.next(&after, &mut key)? {
            if let Ok(digest) = key.as_slice().try_into() {
                return Ok(Some(digest));
            }
            after.clear();
            after.extend_from_slice(&key);
        }
        Ok(None)
    }

    /// The image behind this one in the order of digests.
    ///
    /// # Errors
    /// Storage failed, or `after` is no digest.
    #[inline(never)]
    pub(crate) fn image_after(
        &mut self,
        after: &str,
        used_by: impl Fn(&ImageDigest) -> u32,
    ) -> Outcome<Reply> {
        let after = if after.is_empty() {
            Vec::new()
        } else {
            let digest = Digest::from_str(after).map_err(Denied::invalid)?;
            digest.as_bytes().to_vec()
        };
        let Some(digest) = self.next_image(&after)? else {
            return Ok(Reply::NoMore);
        };
        let stored = self.store.image(&digest)?;
        let facts = self.image_facts(&digest)?;
        let (module_bytes, table_bytes) =
            facts.map_or((0, 0), |facts| (facts.module_bytes, facts.table_bytes));
        let mut references = Vec::new();
        for key in self.references_of(&digest)? {
            let name = key.get(keys::REFERENCES.len()..).unwrap_or_default();
            references.push(String::from_utf8_lossy(name).into_owned());
        }
        Ok(Reply::Image(ImageStatus {
            digest: Digest::from_bytes(digest).to_string(),
            references,
            module_bytes,
            table_bytes,
            stored_bytes: stored.map_or(0, |stored| stored.stored_bytes),
            used_by: used_by(&digest),
        }))
    }

    /// The keys of the references that mean an image.
    fn references_of(&self, digest: &ImageDigest) -> Outcome<Vec<Vec<u8>>> {
        let mut keys = records::keys(&self.records, keys::REFERENCES)?;
        let mut failure = None;
        keys.retain(|key| match records::read::<32>(&self.records, key) {
            Ok(named) => named.as_ref() == Some(digest),
            Err(error) => {
                failure = Some(error);
                false
            }
        });
        failure.map_or(Ok(keys), Err)
    }

    /// Removes an image with all of its names.
    ///
    /// # Errors
    /// Storage failed.
    #[inline(never)]
    pub(crate) fn remove_image(&mut self, digest: &ImageDigest) -> Outcome<()> {
        let mut batch = Batch::default();
        batch.delete(keys::image(digest));
        for key in self.references_of(digest)? {
            batch.delete(key);
        }
        self.store.remove(digest, &batch.changes())?;
        self.catalog.forget(digest);
        Ok(())
    }
}
