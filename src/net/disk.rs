//! The disk, on a thread of its own: it can take seconds, or hang.
//!
//! Jobs come in by a bounded channel and are done in order; what became of them goes back by
//! another one, with a waker. A file keeps whole fragments only: what a full disk has cut is taken
//! back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::Waker;

use super::playlists::{PlaylistFile, end_abandoned, path_of};
use crate::limits;
use crate::record::hls::Playlist;
use crate::record::index::{Listed, abandoned, opened_file};
use crate::record::{Failure, FileId, Veil};

/// The index of all recordings below one directory.
const INDEX: &str = "index.jsonl";
/// Numbers tried behind a name that is there already.
const NAMES_MAX: u32 = 10_000;

/// Where a recording's files are, and what they may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    /// Its name in the index.
    pub name: String,
    pub directory: PathBuf,
    pub min_free_bytes: u64,
    /// Its oldest files go where there is no space.
    pub deletes_oldest: bool,
}

/// A file of one recording, by that one's key.
pub(super) type Key = (usize, FileId);

/// What is to be done.
#[derive(Debug)]
pub(super) enum Job {
    Open { key: Key, rules: Arc<Rules>, make: Make },
    Write { key: Key, bytes: Vec<u8>, veil: Option<Veil> },
    Segment { key: Key, end: Duration },
    Sync { key: Key },
    Close { key: Key },
    Index { rules: Arc<Rules>, line: String },
}

/// A file that is to be made.
#[derive(Debug)]
pub(super) struct Make {
    /// Below the directory, without extension.
    pub path: String,
    pub extension: &'static str,
    pub header: Vec<u8>,
    pub playlist: Option<Box<Playlist>>,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The file is there, under this path below the directory.
    Opened { key: Key, path: String },
    /// So many bytes wait no longer.
    Done { bytes: usize },
    /// The file is whole.
    Closed { key: Key },
    /// The file is not written on.
    Failed { key: Key, failure: Failure },
    /// A file was deleted to make room.
    Deleted { rules: Arc<Rules>, path: String },
}

/// The thread's two ends.
pub(super) struct Disk {
    jobs: Sender<Job>,
    reports: Receiver<Report>,
}

impl Disk {
    /// Starts the thread; the waker tells of reports.
    pub fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (jobs, inbox) = bounded::<Job>(limits::DISK_QUEUE_MAX);
        let (outbox, reports) = bounded(limits::DISK_QUEUE_MAX);
        std::thread::Builder::new().name("disk".into()).spawn(move || {
            let mut writer = Writer::default();
            for job in inbox {
                let mut told = Vec::new();
                writer.handle(job, &mut told);
                for report in told {
                    if outbox.send(report).is_err() {
                        return; // the loop has ended
                    }
                }
                if waker.wake().is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, reports })
    }

    /// Has a job done; it comes back where too many wait.
    pub fn ask(&self, job: Job) -> Result<(), Job> {
        match self.jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Err(job),
        }
    }

    /// The next report.
    pub fn poll(&self) -> Option<Report> {
        self.reports.try_recv().ok()
    }
}

/// The thread's state.
#[derive(Debug, Default)]
struct Writer {
    open: BTreeMap<Key, Open>,
    /// Files of each recording that are there, the oldest first; known once space is short.
    own: BTreeMap<(PathBuf, String), VecDeque<Listed>>,
    /// Directories whose abandoned playlists were ended.
    tidied: BTreeSet<PathBuf>,
}

/// A file that is written.
#[derive(Debug)]
struct Open {
    file: File,
    rules: Arc<Rules>,
    path: String,
    /// Bytes of its whole fragments.
    whole_bytes: u64,
    playlist: Option<PlaylistFile>,
}

impl Writer {
    fn handle(&mut self, job: Job, told: &mut Vec<Report>) {
        match job {
            Job::Open { key, rules, make: Make { path, extension, header, playlist } } => {
                let bytes = header.len();
                if playlist.is_some() {
                    self.tidy(&rules.directory);
                }
                match self.open(&rules, &path, extension, playlist.is_some(), told) {
                    Ok((file, path)) => {
                        let playlist = playlist.map(|playlist| {
                            let media = rules.directory.join(&path);
                            PlaylistFile::new(*playlist, &media, header.len() as u64)
                        });
                        let file =
                            Open { file, rules, path: path.clone(), whole_bytes: 0, playlist };
                        self.open.insert(key, file);
                        self.note_own(key);
                        told.push(Report::Opened { key, path });
                        self.write(key, &header, None, told);
                    }
                    Err(failure) => told.push(Report::Failed { key, failure }),
                }
                told.push(Report::Done { bytes });
            }
            Job::Write { key, bytes, veil } => {
                self.write(key, &bytes, veil, told);
                told.push(Report::Done { bytes: bytes.len() });
            }
            Job::Segment { key, end } => {
                if let Some(Open { playlist: Some(playlist), whole_bytes, .. }) =
                    self.open.get_mut(&key)
                {
                    playlist.push(end, *whole_bytes);
                }
            }
            Job::Sync { key } => {
                if let Some(open) = self.open.get(&key)
                    && let Err(error) = open.file.sync_data()
                {
                    self.fail(key, failure(&error), told);
                }
            }
            Job::Close { key } => {
                let Some(mut open) = self.open.remove(&key) else { return };
                open.finish_playlist();
                match open.file.sync_all() {
                    Ok(()) => told.push(Report::Closed { key }),
                    Err(error) => told.push(Report::Failed { key, failure: failure(&error) }),
                }
            }
            Job::Index { rules, line } => {
                if let Err(error) = append(&rules.directory, &line) {
                    log::warn!("recording {}: {INDEX}: {error}", rules.name);
                }
                told.push(Report::Done { bytes: line.len() });
            }
        }
    }

    fn open(
        &mut self,
        rules: &Arc<Rules>,
        path: &str,
        extension: &str,
        has_playlist: bool,
        told: &mut Vec<Report>,
    ) -> Result<(File, String), Failure> {
        let make = || -> io::Result<(File, String)> {
            let parent = rules.directory.join(path);
            let parent = parent.parent().unwrap_or(&rules.directory);
            fs::create_dir_all(parent)?;
            let made = create(&rules.directory, path, extension, has_playlist)?;
            if has_playlist && let Err(error) = made.0.try_lock() {
                log::debug!("recording {}: {error}", rules.name);
            }
            // The name as well, not only what is behind it.
            File::open(parent)?.sync_all()?;
            Ok(made)
        };
        self.make_room(rules, 0, told)?;
        match make() {
            Err(error) if is_full(&error) => {
                self.make_room(rules, 1, told)?;
                make().map_err(|error| failure(&error))
            }
            made => made.map_err(|error| failure(&error)),
        }
    }

    fn write(&mut self, key: Key, bytes: &[u8], veil: Option<Veil>, told: &mut Vec<Report>) {
        let Some(rules) = self.open.get(&key).map(|open| Arc::clone(&open.rules)) else { return };
        let outcome = match self.make_room(&rules, 0, told) {
            Err(failure) => Err(failure),
            Ok(()) => match self.append(key, bytes, veil) {
                Err(error) if is_full(&error) => match self.make_room(&rules, 1, told) {
                    Ok(()) => self.append(key, bytes, veil).map_err(|error| failure(&error)),
                    Err(failure) => Err(failure),
                },
                outcome => outcome.map_err(|error| failure(&error)),
            },
        };
        if let Err(failure) = outcome {
            self.fail(key, failure, told);
        }
    }

    /// Writes a whole fragment, or nothing.
    fn append(&mut self, key: Key, bytes: &[u8], veil: Option<Veil>) -> io::Result<()> {
        let Some(open) = self.open.get_mut(&key) else { return Ok(()) };
        if let Err(error) = write_at(&open.file, open.whole_bytes, bytes, veil) {
            open.file.set_len(open.whole_bytes)?;
            return Err(error);
        }
        open.whole_bytes += bytes.len() as u64;
        Ok(())
    }

    fn fail(&mut self, key: Key, failure: Failure, told: &mut Vec<Report>) {
        if let Some(mut open) = self.open.remove(&key) {
            open.finish_playlist();
            if let Err(error) = open.file.sync_all() {
                log::debug!("recording {}: {}: {error}", open.rules.name, open.path);
            }
        }
        told.push(Report::Failed { key, failure });
    }

    /// Sees to it that more than the least space is free, or deletes at least so many files and
    /// looks again.
    fn make_room(
        &mut self,
        rules: &Arc<Rules>,
        mut at_least: usize,
        told: &mut Vec<Report>,
    ) -> Result<(), Failure> {
        loop {
            if at_least == 0 && free_bytes(&rules.directory) >= rules.min_free_bytes {
                return Ok(());
            }
            let oldest = if rules.deletes_oldest { self.oldest(rules) } else { None };
            let Some(Listed { path, has_playlist }) = oldest else {
                // Only what says that there is too little is an error.
                let is_enough = free_bytes(&rules.directory) >= rules.min_free_bytes;
                return if at_least == 0 && is_enough { Ok(()) } else { Err(Failure::Full) };
            };
            let file = rules.directory.join(&path);
            // First, so that it never names what is not there.
            if has_playlist && let Err(error) = fs::remove_file(path_of(&file)) {
                log::debug!("recording {}: the playlist of {path}: {error}", rules.name);
            }
            match fs::remove_file(file) {
                Ok(()) => {
                    at_least = at_least.saturating_sub(1);
                    told.push(Report::Deleted { rules: Arc::clone(rules), path });
                }
                Err(error) => log::debug!("recording {}: {path}: {error}", rules.name),
            }
        }
    }

    /// Takes the oldest of a recording's own files that is not written at present.
    fn oldest(&mut self, rules: &Rules) -> Option<Listed> {
        let id = (rules.directory.clone(), rules.name.clone());
        let is_open = |listed: &Listed| {
            let mut open = self.open.values();
            open.any(|open| open.path == listed.path && open.rules.directory == rules.directory)
        };
        let own = self.own.entry(id).or_insert_with(|| {
            let mut own = files_of(rules);
            // Those that are written may not stand in the index yet.
            let open = self.open.values().filter(|open| *open.rules == *rules);
            let news: Vec<Listed> =
                open.map(Open::listed).filter(|listed| !own.contains(listed)).collect();
            own.extend(news);
            own
        });
        let at = own.iter().position(|listed| !is_open(listed))?;
        own.remove(at)
    }

    fn note_own(&mut self, key: Key) {
        let Some(open) = self.open.get(&key) else { return };
        let id = (open.rules.directory.clone(), open.rules.name.clone());
        // Not known yet is read from the index, in which this one will stand.
        if let Some(own) = self.own.get_mut(&id) {
            own.push_back(open.listed());
        }
    }

    /// Ends the playlists below a directory that a killed process has left, once.
    fn tidy(&mut self, directory: &Path) {
        if !self.tidied.insert(directory.to_owned()) {
            return;
        }
        let index = fs::read_to_string(directory.join(INDEX)).unwrap_or_default();
        for path in abandoned(&index).into_iter().filter(|path| is_below(path)) {
            if let Err(error) = end_abandoned(&directory.join(&path)) {
                log::debug!("the playlist of {path}: {error}");
            }
        }
    }
}

impl Open {
    fn listed(&self) -> Listed {
        Listed { path: self.path.clone(), has_playlist: self.playlist.is_some() }
    }

    fn finish_playlist(&mut self) {
        if let Some(playlist) = &mut self.playlist {
            playlist.finish();
        }
    }
}

/// Writes bytes, their veiled head last: whenever the process is killed, what is there can be
/// played.
fn write_at(file: &File, at: u64, bytes: &[u8], veil: Option<Veil>) -> io::Result<()> {
    let Some((veil, (head, rest))) = veil.zip(bytes.split_first_chunk::<8>()) else {
        return file.write_all_at(bytes, at);
    };
    file.write_all_at(&veil, at)?;
    file.write_all_at(rest, at + head.len() as u64)?;
    file.write_all_at(head, at)
}

/// A new file of this name; where there is one already, or its playlist, with a number behind it.
fn create(
    directory: &Path,
    path: &str,
    extension: &str,
    has_playlist: bool,
) -> io::Result<(File, String)> {
    for number in 1..NAMES_MAX {
        let name = match number {
            1 => format!("{path}.{extension}"),
            _ => format!("{path}-{number}.{extension}"),
        };
        if has_playlist && path_of(&directory.join(&name)).symlink_metadata().is_ok() {
            continue;
        }
        let options = OpenOptions::new().write(true).create_new(true).clone();
        match options.open(directory.join(&name)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (file, name)),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn append(directory: &Path, line: &str) -> io::Result<()> {
    let mut index = OpenOptions::new().append(true).create(true).open(directory.join(INDEX))?;
    index.write_all(line.as_bytes())
}

/// The files of a recording that its index lists, the oldest first; only those that are below the
/// directory.
fn files_of(rules: &Rules) -> VecDeque<Listed> {
    let index = fs::read_to_string(rules.directory.join(INDEX)).unwrap_or_default();
    let files = index.lines().filter_map(|line| opened_file(line, &rules.name));
    let is_file = |path: &String| {
        fs::symlink_metadata(rules.directory.join(path)).is_ok_and(|found| found.is_file())
    };
    files.filter(|listed| is_below(&listed.path) && is_file(&listed.path)).collect()
}

fn is_below(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    parts.all(|part| matches!(part, Component::Normal(_)))
}

/// What may be written by us; unknown is enough.
fn free_bytes(directory: &Path) -> u64 {
    // A directory that is not there yet is where its parent is.
    let existing = directory.ancestors().find(|directory| directory.exists());
    let existing = existing.filter(|path| !path.as_os_str().is_empty());
    match rustix::fs::statvfs(existing.unwrap_or(Path::new("."))) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(_) => u64::MAX,
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn failure(error: &io::Error) -> Failure {
    if is_full(error) { Failure::Full } else { Failure::Other(error.to_string()) }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
