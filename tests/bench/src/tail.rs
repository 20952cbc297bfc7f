//! Reads files while they are written: which pictures are there, and how old they were when they
//! came.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::stamp;

/// How often files are looked at; as much may be added to a latency.
const INTERVAL: Duration = Duration::from_millis(10);
/// How often new ones are looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What was seen of all files.
#[derive(Debug, Default)]
pub struct Seen {
    pub frames: u64,
    pub lost: u64,
    pub bytes: u64,
    /// From a picture's stamp to its being in the file, in microseconds.
    pub latencies_us: Vec<f64>,
}

/// The files below a folder.
pub struct Tail {
    folder: PathBuf,
    files: BTreeMap<PathBuf, Growing>,
    frame_ns: u64,
    look_at: Instant,
}

struct Growing {
    file: File,
    at: u64,
    /// The end of what was read: a stamp may go on behind it.
    rest: Vec<u8>,
    /// Stamps since the last reset.
    stamps: Vec<u64>,
}

impl Tail {
    /// Files of pictures that are so far apart.
    pub fn new(folder: &Path, frame: Duration) -> Self {
        let (folder, files) = (folder.to_owned(), BTreeMap::new());
        Self { folder, files, frame_ns: frame.as_nanos() as u64, look_at: Instant::now() }
    }

    /// How many files hold a picture.
    pub fn begun(&self) -> usize {
        self.files.values().filter(|file| !file.stamps.is_empty()).count()
    }

    /// Reads what comes until then.
    pub fn follow(&mut self, until: Instant) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        while Instant::now() < until {
            if Instant::now() >= self.look_at {
                self.look()?;
                self.look_at = Instant::now() + LOOK_INTERVAL;
            }
            for file in self.files.values_mut() {
                file.read(&mut seen)?;
            }
            std::thread::sleep(INTERVAL);
        }
        for file in self.files.values() {
            let Some((first, last)) = file.stamps.first().zip(file.stamps.last()) else { continue };
            let there = file.stamps.len() as u64;
            seen.frames += there;
            // Cameras are late at times; on the whole they are not.
            let expected = (last - first + self.frame_ns / 2) / self.frame_ns + 1;
            seen.lost += expected.saturating_sub(there);
        }
        Ok(seen)
    }

    /// Counts from now on.
    pub fn reset(&mut self) {
        self.files.values_mut().for_each(|file| file.stamps.clear());
    }

    fn look(&mut self) -> Result<(), Failure> {
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?.path();
            if !folder.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder)? {
                let path = file?.path();
                if let Entry::Vacant(new) = self.files.entry(path) {
                    let file = File::open(new.key())?;
                    let (rest, stamps) = (Vec::new(), Vec::new());
                    new.insert(Growing { file, at: 0, rest, stamps });
                }
            }
        }
        Ok(())
    }
}

impl Growing {
    fn read(&mut self, seen: &mut Seen) -> Result<(), Failure> {
        let size = self.file.metadata()?.len();
        if size <= self.at {
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.rest);
        let kept = bytes.len();
        bytes.resize(kept + (size - self.at) as usize, 0);
        self.file.read_exact_at(&mut bytes[kept..], self.at)?;
        seen.bytes += size - self.at;
        self.at = size;
        let now_ns = stamp::monotonic_ns();
        let end = stamp::each(&bytes, |ns| {
            self.stamps.push(ns);
            seen.latencies_us.push(now_ns.saturating_sub(ns) as f64 / 1e3);
        });
        self.rest = bytes.split_off(end);
        Ok(())
    }
}
