//! Files into the staging table: one thread reads and parses, COPY stores beside it, a few batches apart at most.

use std::{
    fs::File,
    io::{Seek, SeekFrom},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use tokio::sync::mpsc;

use super::{
    layout::Layout,
    row::{self, Problem},
};
use crate::ingest::{
    IngestError, Phase, Progress,
    fields::Fields,
    lines::{Line, Lines},
    summary::hex,
};

/// A batch is sent when it has reached this size.
const BATCH_BYTES: usize = 512 * 1024;
/// Batches that may wait for Postgres: memory stays below a few MiB whatever the files' size.
const BATCHES_WAITING_MAX: usize = 4;
const FILES_MAX: usize = i16::MAX as usize;

/// A file whose header was read and is right, at its beginning.
pub(super) struct Opened {
    path: PathBuf,
    file: File,
    bytes: u64,
    layout: Layout,
}

/// What was staged.
pub(super) struct Staged {
    pub(super) progress: Progress,
    pub(super) quarantined: u64,
    pub(super) content_hash: String,
}

struct Batch {
    copy: Vec<u8>,
    progress: Progress,
}

/// Opens every file and checks its header, so that a wrong one is refused before anything is read.
pub(super) fn open(paths: &[PathBuf]) -> Result<Vec<Opened>, IngestError> {
    match paths.len() {
        0 => Err(IngestError::NoFile),
        count if count > FILES_MAX => Err(IngestError::TooManyFiles { count, max: FILES_MAX }),
        _ => paths.iter().map(|path| open_one(path)).collect(),
    }
}

fn open_one(path: &Path) -> Result<Opened, IngestError> {
    let file = File::open(path).map_err(IngestError::read(path))?;
    let bytes = file.metadata().map_err(IngestError::read(path))?.len();
    let (mut lines, mut header) = (Lines::new(file, Sha256::new()), Vec::new());
    lines.next(&mut header).map_err(IngestError::read(path))?;
    let layout = Layout::of(&String::from_utf8_lossy(&header));
    let layout = layout.map_err(|missing| IngestError::Header { file: path.to_owned(), missing })?;
    let mut file = lines.into_file();
    file.seek(SeekFrom::Start(0)).map_err(IngestError::read(path))?;
    Ok(Opened { path: path.to_owned(), file, bytes, layout })
}

/// Fills the staging table anew.
pub(super) async fn fill(
    tx: &mut PgConnection,
    files: Vec<Opened>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Staged, IngestError> {
    sqlx::query("truncate staging_acra_companies").execute(&mut *tx).await?;
    let (sender, mut batches) = mpsc::channel(BATCHES_WAITING_MAX);
    let reading = tokio::task::spawn_blocking(move || Reader::new(&files, sender).read(files));
    let mut copy = tx.copy_in_raw(row::COPY).await?;
    while let Some(batch) = batches.recv().await {
        copy.send(batch.copy).await?;
        progress(batch.progress);
    }
    let staged = reading.await.map_err(|_| IngestError::ReaderStopped)??;
    copy.finish().await?;
    Ok(staged)
}

struct Reader {
    sender: mpsc::Sender<Batch>,
    copy: Vec<u8>,
    fields: Fields,
    progress: Progress,
    quarantined: u64,
}

/// The other end is gone: nobody waits for the rest.
struct Abandoned;

impl Reader {
    fn new(files: &[Opened], sender: mpsc::Sender<Batch>) -> Self {
        let bytes_total = files.iter().map(|file| file.bytes).sum();
        let progress = Progress { phase: Phase::Reading, bytes_read: 0, bytes_total, rows: 0 };
        Self { sender, copy: Vec::with_capacity(2 * BATCH_BYTES), fields: Fields::default(), progress, quarantined: 0 }
    }

    fn read(mut self, files: Vec<Opened>) -> Result<Staged, IngestError> {
        let mut hasher = Sha256::new();
        for (index, file) in files.into_iter().enumerate() {
            // `open` took no more files than fit.
            let number = u16::try_from(index).unwrap_or(u16::MAX);
            hasher = self.read_file(number, file, hasher)?;
        }
        let _ = self.send(); // whoever went away is not waiting for the outcome either
        let content_hash = hex(&hasher.finalize());
        Ok(Staged { progress: self.progress, quarantined: self.quarantined, content_hash })
    }

    fn read_file(&mut self, number: u16, opened: Opened, hasher: Sha256) -> Result<Sha256, IngestError> {
        let Opened { path, file, layout, .. } = opened;
        let (mut lines, mut line) = (Lines::new(file, hasher), Vec::new());
        let before = self.progress.bytes_read;
        lines.next(&mut line).map_err(IngestError::read(&path))?; // the header
        while let Some(read) = lines.next(&mut line).map_err(IngestError::read(&path))? {
            self.progress.bytes_read = before + lines.bytes();
            self.write((number, lines.number()), read, &line, &layout);
            if self.copy.len() >= BATCH_BYTES && self.send().is_err() {
                break;
            }
        }
        self.progress.bytes_read = before + lines.bytes();
        Ok(lines.into_hasher())
    }

    fn write(&mut self, place: (u16, u32), read: Line, line: &[u8], layout: &Layout) {
        if line.is_empty() {
            return;
        }
        self.progress.rows += 1;
        let written = match read {
            Line::Whole => row::write_company(&mut self.copy, place, line, layout, &mut self.fields),
            Line::TooLong => Err(Problem::TooLong),
        };
        if let Err(problem) = written {
            self.quarantined += 1;
            row::write_problem(&mut self.copy, place, line, problem);
        }
    }

    fn send(&mut self) -> Result<(), Abandoned> {
        let copy = std::mem::replace(&mut self.copy, Vec::with_capacity(2 * BATCH_BYTES));
        self.sender.blocking_send(Batch { copy, progress: self.progress }).map_err(|_| Abandoned)
    }
}
