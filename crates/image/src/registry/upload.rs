//! One blob on its way from the store to a registry: looked for, mounted, or sent in pieces that can be resumed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::download::tell;
use super::fault::RegistryError;
use super::http::{Head, Method, Outgoing};
use super::operation::{BlobProgress, Call, Event, Verdict};
use super::place::Place;
use super::url::Url;
use super::{CHUNK_BYTES, MOUNTS_MAX, check, said};
use crate::descriptor::Descriptor;

/// A blob that the registry should have.
pub(super) struct Upload {
    place: Place,
    blob: Descriptor,
    mounts: Vec<String>,
    stage: Stage,
    chunk_bytes: u64,
    /// The most bytes that the registry ever said it has.
    reached: u64,
    has_progressed: bool,
}

#[derive(Clone)]
enum Stage {
    /// Whether it is there.
    Look,
    /// From one of the other repositories.
    Mount(usize),
    /// A place to send it to.
    Start,
    /// All of it at once.
    Whole(Url),
    /// The next piece.
    Piece {
        url: Url,
        offset: u64,
    },
    /// How much arrived before the last attempt failed.
    Status(Url),
    /// All pieces are there.
    Finish(Url),
    Done,
}

impl Upload {
    pub(super) fn new(place: &Place, blob: &Descriptor, mount_from: &[String]) -> Self {
        let others = mount_from
            .iter()
            .filter(|repository| **repository != place.repository);
        Self {
            place: place.clone(),
            blob: blob.clone(),
            mounts: others.take(MOUNTS_MAX).cloned().collect(),
            stage: Stage::Look,
            chunk_bytes: CHUNK_BYTES,
            reached: 0,
            has_progressed: false,
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    pub(super) const fn progressed(&mut self) -> bool {
        core::mem::replace(&mut self.has_progressed, false)
    }

    pub(super) fn interrupted(&mut self) {
        self.stage = match core::mem::replace(&mut self.stage, Stage::Look) {
            Stage::Piece { url, .. } | Stage::Finish(url) => Stage::Status(url),
            // Perhaps all of it arrived, and only the answer did not.
            Stage::Whole(_) | Stage::Status(_) => Stage::Look,
            stage => stage,
        };
    }

    pub(super) fn want(&self) -> Result<Call, RegistryError> {
        let mut headers = Vec::new();
        let mut body = Outgoing::Nothing;
        let complete = |url: &Url| url.with_parameter("digest", &format!("{}", self.blob.digest));
        let (method, url) = match &self.stage {
            Stage::Look | Stage::Done => (Method::Head, self.place.blob(&self.blob.digest)?),
            Stage::Mount(at) => {
                let from = self.mounts.get(*at).map(String::as_str);
                let url = self.place.url("blobs/uploads/")?;
                let url = url.with_parameter("mount", &format!("{}", self.blob.digest));
                (
                    Method::Post,
                    url.with_parameter("from", from.unwrap_or_default()),
                )
            }
            Stage::Start => (Method::Post, self.place.url("blobs/uploads/")?),
            Stage::Status(url) => (Method::Get, url.clone()),
            Stage::Finish(url) => (Method::Put, complete(url)),
            Stage::Whole(url) => {
                headers.push(("content-type", "application/octet-stream".into()));
                body = self.part(0, self.blob.size);
                (Method::Put, complete(url))
            }
            Stage::Piece { url, offset } => {
                let length = self.chunk_bytes.min(self.blob.size - offset);
                let last = (offset + length).saturating_sub(1);
                headers.push(("content-type", "application/octet-stream".into()));
                headers.push(("content-range", format!("{offset}-{last}")));
                body = self.part(*offset, length);
                (Method::Patch, url.clone())
            }
        };
        Ok(Call {
            method,
            url,
            headers,
            body,
            what: self.what(),
        })
    }

    pub(super) fn answer(
        &mut self,
        head: &Head,
        body: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<Verdict, RegistryError> {
        match (self.stage.clone(), head.status) {
            (Stage::Look, 200) => self.done(BlobProgress::Present, events),
            (Stage::Look, 404 | 405) => self.stage = self.after_mount(0),
            (Stage::Mount(_), 201) => self.done(BlobProgress::Mounted, events),
            (Stage::Mount(at), 202) if at + 1 < self.mounts.len() => {
                self.stage = Stage::Mount(at + 1);
            }
            (Stage::Mount(_) | Stage::Start, 202) => self.begin(head, events)?,
            (Stage::Mount(_), 400..=499) => self.stage = Stage::Start,
            (Stage::Whole(_) | Stage::Finish(_), 200..=299) => {
                self.done(BlobProgress::Done, events);
            }
            (Stage::Piece { url, offset }, 200..=299) => {
                return self.piece_taken(&url, offset, head, events);
            }
            (Stage::Status(url), 200..=299) => self.status(&url, head, events)?,
            // What was begun there is forgotten.
            (Stage::Status(_), 400..=499) => self.stage = Stage::Look,
            (Stage::Whole(_) | Stage::Piece { .. } | Stage::Finish(_), 404 | 416) => {
                let error = check::refusal(&self.place.target, &self.what(), head, body);
                if head.status == 404 {
                    self.stage = Stage::Look;
                }
                return Ok(Verdict::Again(error));
            }
            _ => {
                return Err(check::refusal(&self.place.target, &self.what(), head, body));
            }
        }
        Ok(Verdict::Next)
    }

    fn after_mount(&self, at: usize) -> Stage {
        if at < self.mounts.len() {
            Stage::Mount(at)
        } else {
            Stage::Start
        }
    }

    fn begin(&mut self, head: &Head, events: &mut Vec<Event>) -> Result<(), RegistryError> {
        let url = self.place.url("blobs/uploads/")?;
        let url = self.location(&url, head)?;
        if let Some(least) = head.header("oci-chunk-min-length") {
            let least: u64 = least.parse().map_err(|_| {
                self.misbehaves(format!(
                    "its least length of a piece is no number, {}",
                    said::printable(least)
                ))
            })?;
            self.chunk_bytes = CHUNK_BYTES.max(least);
        }
        tell(events, &self.blob, BlobProgress::Begun { offset: 0 });
        self.stage = if self.blob.size <= CHUNK_BYTES {
            Stage::Whole(url)
        } else {
            Stage::Piece { url, offset: 0 }
        };
        Ok(())
    }

    fn piece_taken(
        &mut self,
        url: &Url,
        offset: u64,
        head: &Head,
        events: &mut Vec<Event>,
    ) -> Result<Verdict, RegistryError> {
        let url = self.moved(url, head)?;
        let end = offset + self.chunk_bytes.min(self.blob.size - offset);
        let arrived = match head.header("range") {
            Some(range) => self.arrived(range)?,
            None => end,
        };
        if arrived > end {
            let how = format!("it says it has {arrived} bytes where {end} were sent");
            return Err(self.misbehaves(how));
        }
        self.reach(arrived, events);
        if arrived <= offset {
            return Ok(Verdict::Again(self.misbehaves(format!(
                "it says it has {arrived} bytes after {end} were sent"
            ))));
        }
        self.stage = self.at(url, arrived);
        Ok(Verdict::Next)
    }

    fn status(
        &mut self,
        url: &Url,
        head: &Head,
        events: &mut Vec<Event>,
    ) -> Result<(), RegistryError> {
        let url = self.moved(url, head)?;
        let arrived = match head.header("range") {
            Some(range) => self.arrived(range)?,
            None => 0,
        };
        // `0-0` says one byte and means none: begin anew.
        if arrived <= 1 || arrived > self.blob.size {
            self.stage = Stage::Look;
            return Ok(());
        }
        self.reach(arrived, events);
        tell(events, &self.blob, BlobProgress::Begun { offset: arrived });
        self.stage = self.at(url, arrived);
        Ok(())
    }

    fn at(&self, url: Url, offset: u64) -> Stage {
        if offset == self.blob.size {
            Stage::Finish(url)
        } else {
            Stage::Piece { url, offset }
        }
    }

    fn reach(&mut self, arrived: u64, events: &mut Vec<Event>) {
        if arrived > self.reached {
            self.reached = arrived;
            self.has_progressed = true;
        }
        tell(events, &self.blob, BlobProgress::Moved { bytes: arrived });
    }

    fn done(&mut self, progress: BlobProgress, events: &mut Vec<Event>) {
        self.stage = Stage::Done;
        self.has_progressed = true;
        tell(events, &self.blob, progress);
    }

    /// Bytes that `Range: 0-LAST` says are there; some write `bytes=` before it.
    fn arrived(&self, range: &str) -> Result<u64, RegistryError> {
        let text = range.strip_prefix("bytes=").unwrap_or(range);
        text.strip_prefix("0-")
            .and_then(|last| last.parse::<u64>().ok())
            .and_then(|last| last.checked_add(1))
            .ok_or_else(|| {
                self.misbehaves(format!(
                    "it says it has the bytes {}",
                    said::printable(range)
                ))
            })
    }

    /// Where to go on: where the answer says, or where it was.
    fn moved(&self, url: &Url, head: &Head) -> Result<Url, RegistryError> {
        match head.header("location") {
            Some(_) => self.location(url, head),
            None => Ok(url.clone()),
        }
    }

    fn location(&self, from: &Url, head: &Head) -> Result<Url, RegistryError> {
        check::location(from, head).map_err(|reason| RegistryError::Redirect {
            what: self.what(),
            reason,
        })
    }

    fn part(&self, offset: u64, length: u64) -> Outgoing {
        Outgoing::Blob {
            blob: self.blob.clone(),
            offset,
            length,
        }
    }

    fn what(&self) -> String {
        format!("the upload of blob {}", self.blob.digest)
    }

    fn misbehaves(&self, how: String) -> RegistryError {
        RegistryError::Misbehaves {
            what: self.what(),
            how,
        }
    }
}
