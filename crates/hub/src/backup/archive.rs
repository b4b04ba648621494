//! Tar files: written entry by entry, and read by a thread of its own. Names are short, so that every tar reads them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt as _;
use thimble_hub_blobs::{Source, SourceError};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::sync::mpsc;

use super::BackupError;

/// Bytes of a block of a tar file.
const BLOCK: u64 = 512;
/// Bytes that are read at once.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that are read ahead.
const PIECES_AHEAD: usize = 4;

/// A tar file that is written.
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Writer {
    /// A new file, which only its owner reads.
    pub(super) async fn create(path: &Path) -> Result<Self, BackupError> {
        let mut options = tokio::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = file.await.map_err(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                BackupError::Occupied { path: path.into() }
            } else {
                BackupError::file(path)(error)
            }
        })?;
        Ok(Self {
            path: path.into(),
            file: BufWriter::new(file),
        })
    }

    pub(super) async fn entry(&mut self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        self.head(name, bytes.len() as u64).await?;
        self.write(bytes).await?;
        self.pad(bytes.len() as u64).await
    }

    /// An entry of so many bytes, which must come.
    pub(super) async fn stream(
        &mut self,
        name: &str,
        length_bytes: u64,
        mut source: Source,
    ) -> Result<(), BackupError> {
        self.head(name, length_bytes).await?;
        let mut left = length_bytes;
        while let Some(piece) = source.next().await {
            let piece = piece.map_err(thimble_hub_blobs::BlobError::Source)?;
            let length = piece.len() as u64;
            left = left.checked_sub(length).ok_or_else(changed)?;
            self.write(&piece).await?;
        }
        if left > 0 {
            return Err(changed());
        }
        self.pad(length_bytes).await
    }

    /// Ends the file, which is on the disk then.
    pub(super) async fn finish(mut self) -> Result<(), BackupError> {
        self.write(&[0; 1024]).await?;
        let failed = BackupError::file(self.path.clone());
        self.file.flush().await.map_err(failed)?;
        let failed = BackupError::file(self.path.clone());
        self.file.get_ref().sync_all().await.map_err(failed)
    }

    async fn head(&mut self, name: &str, length_bytes: u64) -> Result<(), BackupError> {
        let mut header = tar::Header::new_ustar();
        header
            .set_path(name)
            .map_err(BackupError::file(self.path.clone()))?;
        header.set_size(length_bytes);
        header.set_mode(0o600);
        header.set_cksum();
        self.write(header.as_bytes()).await
    }

    async fn pad(&mut self, length_bytes: u64) -> Result<(), BackupError> {
        let padding = (BLOCK - length_bytes % BLOCK) % BLOCK;
        let zeros = [0; 512];
        let padding = usize::try_from(padding).unwrap_or(0);
        self.write(zeros.get(..padding).unwrap_or(&[])).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        let written = self.file.write_all(bytes).await;
        written.map_err(BackupError::file(self.path.clone()))
    }
}

fn changed() -> BackupError {
    BackupError::malformed("something changed its length while it was copied: begin again")
}

/// What a tar file holds, in its order.
enum Item {
    Entry { name: String },
    Piece(Bytes),
    Failed(std::io::Error),
}

/// A tar file that is read.
pub(super) struct Reader {
    path: PathBuf,
    items: mpsc::Receiver<Item>,
    /// The name of the next entry, where it was met already.
    next: Option<String>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let file = std::fs::File::open(path).map_err(BackupError::file(path))?;
        let (sender, items) = mpsc::channel(PIECES_AHEAD);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(file, &sender) {
                // If nobody listens any more, nobody wants to know.
                let _ = sender.blocking_send(Item::Failed(error));
            }
        });
        Ok(Self {
            path: path.into(),
            items,
            next: None,
        })
    }

    /// The name of the next entry; what is left of the one before is skipped.
    pub(super) async fn next(&mut self) -> Result<Option<String>, BackupError> {
        loop {
            if let Some(name) = self.next.take() {
                return Ok(Some(name));
            }
            match self.items.recv().await {
                None => return Ok(None),
                Some(Item::Entry { name }) => self.next = Some(name),
                Some(Item::Piece(_)) => {}
                Some(Item::Failed(error)) => {
                    return Err(BackupError::file(self.path.clone())(error));
                }
            }
        }
    }

    /// The bytes of the entry, which are at most so many.
    pub(super) async fn bytes(&mut self, bytes_max: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await {
            let piece = piece.map_err(thimble_hub_blobs::BlobError::Source)?;
            bytes.extend_from_slice(&piece);
            if bytes.len() > bytes_max {
                return Err(BackupError::malformed(format!(
                    "an entry has more than {bytes_max} bytes"
                )));
            }
        }
        Ok(bytes)
    }

    /// The bytes of the entry as they come, through this channel.
    pub(super) async fn pass(&mut self, to: mpsc::Sender<Result<Bytes, SourceError>>) {
        while let Some(piece) = self.piece().await {
            if to.send(piece).await.is_err() {
                return;
            }
        }
    }

    async fn piece(&mut self) -> Option<Result<Bytes, SourceError>> {
        if self.next.is_some() {
            return None;
        }
        match self.items.recv().await? {
            Item::Piece(piece) => Some(Ok(piece)),
            Item::Entry { name } => {
                self.next = Some(name);
                None
            }
            Item::Failed(error) => Some(Err(SourceError::Cut {
                reason: error.to_string(),
            })),
        }
    }
}

fn read(file: std::fs::File, to: &mpsc::Sender<Item>) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(std::io::BufReader::new(file));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if to.blocking_send(Item::Entry { name }).is_err() {
            return Ok(());
        }
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let length = entry.read(&mut piece)?;
            if length == 0 {
                break;
            }
            piece.truncate(length);
            if to.blocking_send(Item::Piece(piece.into())).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
