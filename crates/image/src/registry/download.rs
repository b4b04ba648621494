//! One blob on its way from a registry into the store: resumed where it stopped, checked when it is there.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::fault::{Fault, RegistryError};
use super::http::{Head, Method, Outgoing};
use super::operation::{BlobProgress, Call, Event, Taking, Verdict};
use super::place::Place;
use super::{check, said};
use crate::descriptor::Descriptor;
use crate::store::{Admission, BlobStore, BlobWriter, CommitError};

/// A blob that the store wants.
pub(super) struct Download<'a, S: BlobStore> {
    place: Place,
    store: &'a S,
    blob: Descriptor,
    /// `None` only once it is committed.
    writer: Option<S::Writer>,
    /// The most bytes that were ever there.
    reached: u64,
    has_progressed: bool,
    /// Whether it consists of pieces from several answers.
    is_resumed: bool,
    restarts_left: u32,
    digest_retries_left: u32,
}

impl<'a, S: BlobStore> Download<'a, S> {
    /// Asks the store; `None` if it has the blob.
    pub(super) fn start(
        place: &Place,
        store: &'a S,
        blob: &Descriptor,
        events: &mut Vec<Event>,
    ) -> Result<Option<Self>, Fault<S::Error>> {
        let writer = match store.admit(blob).map_err(Fault::Store)? {
            Admission::Present => {
                tell(events, blob, BlobProgress::Present);
                return Ok(None);
            }
            Admission::Wanted(writer) => writer,
        };
        let mut download = Self {
            place: place.clone(),
            store,
            blob: blob.clone(),
            reached: writer.offset(),
            is_resumed: writer.offset() > 0,
            writer: Some(writer),
            has_progressed: false,
            restarts_left: 1,
            digest_retries_left: 1,
        };
        if download.offset() > blob.size {
            download.restart(events)?;
        } else {
            let offset = download.offset();
            tell(events, blob, BlobProgress::Begun { offset });
        }
        Ok(Some(download))
    }

    /// Whether all bytes are there.
    pub(super) fn is_full(&self) -> bool {
        self.offset() == self.blob.size
    }

    pub(super) const fn progressed(&mut self) -> bool {
        core::mem::replace(&mut self.has_progressed, false)
    }

    pub(super) fn want(&self) -> Result<Call, RegistryError> {
        let mut headers = Vec::new();
        if self.offset() > 0 {
            headers.push(("range", format!("bytes={}-", self.offset())));
        }
        Ok(Call {
            method: Method::Get,
            url: self.place.blob(&self.blob.digest)?,
            headers,
            body: Outgoing::Nothing,
            what: self.what(),
        })
    }

    pub(super) fn begin(
        &mut self,
        head: &Head,
        events: &mut Vec<Event>,
    ) -> Result<Taking, Fault<S::Error>> {
        let encoding = head.header("content-encoding").unwrap_or("identity");
        if !encoding.eq_ignore_ascii_case("identity") {
            let encoding = said::printable(encoding);
            return Err(self
                .misbehaves(format!("it sends {encoding} that nobody asked for"))
                .into());
        }
        match head.status {
            200 if self.offset() > 0 => self.restart(events)?,
            200 => {}
            206 if self.is_right_part(head) => self.is_resumed = true,
            206 if self.offset() > 0 && self.restarts_left > 0 => {
                self.restarts_left -= 1;
                self.restart(events)?;
                return Ok(Taking::Leave);
            }
            206 => {
                let range = said::printable(head.header("content-range").unwrap_or("nothing"));
                return Err(self
                    .misbehaves(format!("it sends another part than was asked for, {range}"))
                    .into());
            }
            status => {
                return Err(self
                    .misbehaves(format!("it answers with status {status}"))
                    .into());
            }
        }
        let expected = self.blob.size - self.offset();
        match head.content_length().flatten() {
            Some(length) if length != expected => {
                Err(self.length(self.offset().saturating_add(length)).into())
            }
            _ => Ok(Taking::Stream),
        }
    }

    pub(super) fn piece(
        &mut self,
        bytes: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), Fault<S::Error>> {
        let found = self.offset() + bytes.len() as u64;
        if found > self.blob.size {
            return Err(self.length(found).into());
        }
        if let Some(writer) = &mut self.writer {
            writer.write(bytes).map_err(Fault::Store)?;
        }
        if found > self.reached {
            self.reached = found;
            self.has_progressed = true;
        }
        tell(events, &self.blob, BlobProgress::Moved { bytes: found });
        Ok(())
    }

    /// Takes the end of an answer. Full, it is to be finished.
    pub(super) fn answer(
        &mut self,
        head: &Head,
        body: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<Verdict, Fault<S::Error>> {
        match head.status {
            _ if self.is_full() && head.is_success() => Ok(Verdict::Next),
            // What was begun does not fit what the registry has; from the beginning, once.
            416 if self.offset() > 0 && self.restarts_left > 0 => {
                self.restarts_left -= 1;
                self.restart(events)?;
                Ok(Verdict::Next)
            }
            // A wrong part was left unread.
            206 if self.offset() == 0 => Ok(Verdict::Next),
            // The part is empty because the blob ended where it was cut.
            200 | 206 | 416 => Ok(Verdict::Again(self.length(self.offset()))),
            _ => Err(check::refusal(&self.place.target, &self.what(), head, body).into()),
        }
    }

    /// Gives the full blob to the store. `false` if it must come anew.
    pub(super) fn finish(&mut self, events: &mut Vec<Event>) -> Result<bool, Fault<S::Error>> {
        let Some(writer) = self.writer.take() else {
            return Ok(true);
        };
        let error = match writer.commit() {
            Ok(()) => {
                self.has_progressed = true;
                tell(events, &self.blob, BlobProgress::Done);
                return Ok(true);
            }
            Err(CommitError::Device(error)) => return Err(Fault::Store(error)),
            Err(error) => error,
        };
        if self.is_resumed && self.digest_retries_left > 0 {
            self.digest_retries_left -= 1;
            match self.store.admit(&self.blob).map_err(Fault::Store)? {
                Admission::Present => return Ok(true),
                Admission::Wanted(writer) => self.writer = Some(writer),
            }
            self.restart(events)?;
            let note = format!(
                "the pieces of blob {} did not fit, fetching it anew",
                self.blob.digest
            );
            events.push(Event::Note(note));
            return Ok(false);
        }
        Err(Fault::Registry(wrong(self.what(), error)))
    }

    fn what(&self) -> String {
        format!("blob {}", self.blob.digest)
    }

    fn offset(&self) -> u64 {
        self.writer
            .as_ref()
            .map_or(self.blob.size, S::Writer::offset)
    }

    fn restart(&mut self, events: &mut Vec<Event>) -> Result<(), Fault<S::Error>> {
        if let Some(writer) = &mut self.writer {
            writer.restart().map_err(Fault::Store)?;
        }
        self.is_resumed = false;
        tell(events, &self.blob, BlobProgress::Begun { offset: 0 });
        Ok(())
    }

    /// `Content-Range: bytes FIRST-LAST/ALL`, exactly what is missing.
    fn is_right_part(&self, head: &Head) -> bool {
        let range = head
            .header("content-range")
            .and_then(|range| range.strip_prefix("bytes "))
            .and_then(|range| range.split_once('/'))
            .and_then(|(part, all)| Some((part.split_once('-')?, all)));
        let Some(((first, last), all)) = range else {
            return false;
        };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        self.offset() > 0
            && number(first) == Some(self.offset())
            && number(last).and_then(|last| last.checked_add(1)) == Some(self.blob.size)
            && (all.trim() == "*" || number(all) == Some(self.blob.size))
    }

    fn misbehaves(&self, how: String) -> RegistryError {
        RegistryError::Misbehaves {
            what: self.what(),
            how,
        }
    }

    fn length(&self, found: u64) -> RegistryError {
        RegistryError::Length {
            what: self.what(),
            expected: self.blob.size,
            found,
        }
    }
}

/// Puts a document, which is checked already, into the store.
pub(super) fn put<S: BlobStore>(
    store: &S,
    document: &Descriptor,
    bytes: &[u8],
) -> Result<(), Fault<S::Error>> {
    let Admission::Wanted(mut writer) = store.admit(document).map_err(Fault::Store)? else {
        return Ok(());
    };
    if writer.offset() > 0 {
        writer.restart().map_err(Fault::Store)?;
    }
    writer.write(bytes).map_err(Fault::Store)?;
    writer.commit().map_err(|error| match error {
        CommitError::Device(error) => Fault::Store(error),
        error => Fault::Registry(wrong(format!("manifest {}", document.digest), error)),
    })
}

fn wrong<E>(what: String, error: CommitError<E>) -> RegistryError {
    match error {
        CommitError::Length { expected, found } => RegistryError::Length {
            what,
            expected,
            found,
        },
        CommitError::Digest { expected, found } => RegistryError::Digest {
            what,
            expected,
            found,
        },
        CommitError::Device(_) => RegistryError::Misbehaves {
            what,
            how: "the store does not take it".into(),
        },
    }
}

/// Tells where a blob is. What nobody has asked for yet is replaced by what is newer.
pub(super) fn tell(events: &mut Vec<Event>, blob: &Descriptor, progress: BlobProgress) {
    if let (
        BlobProgress::Moved { .. },
        Some(Event::Blob {
            blob: last,
            progress: at @ BlobProgress::Moved { .. },
        }),
    ) = (progress, events.last_mut())
        && last.digest == blob.digest
    {
        *at = progress;
        return;
    }
    events.push(Event::Blob {
        blob: blob.clone(),
        progress,
    });
}
