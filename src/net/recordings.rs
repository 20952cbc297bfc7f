//! Recordings: each a viewer of one slot whose frames go to a [`Recorder`], and what that wants
//! written to the disk's thread. The loop never waits for it: what the disk does not take is left
//! out up to the next key picture.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use config::{Record, RecordContainer, WhenFull};
use mio::Waker;
use slab::Slab;

use super::Timer;
use super::disk::{Disk, Job, Make, Report, Rules};
use super::error::ServerError;
use super::server::Server;
use super::viewers::Audience;
use crate::engine::frame::{AudioFrame, Frame};
use crate::engine::source::SourceId;
use crate::engine::viewer::{SlotKey, ViewerId};
use crate::http::RecordingInfo;
use crate::limits;
use crate::record::container::Container;
use crate::record::format::Rotation;
use crate::record::segment::Segments;
use crate::record::template::Template;
use crate::record::{Options, Output, Recorder};

/// All recordings.
pub(super) struct Recordings {
    waker: Arc<Waker>,
    /// Started with the first recording.
    disk: Option<Disk>,
    all: Slab<Recording>,
    /// Those that go on, by what they record: each packet of sound looks here.
    by_source: BTreeMap<SourceId, Vec<usize>>,
    /// Jobs other than writes that the disk had no room for.
    pending: VecDeque<Job>,
    /// Bytes that the disk has not written yet.
    waiting_bytes: usize,
}

/// One recording.
struct Recording {
    recorder: Recorder,
    /// What it records.
    source: SourceId,
    viewer: ViewerId,
    rules: Arc<Rules>,
    is_stopped: bool,
    /// The disk did not take the newest write.
    is_behind: bool,
    /// Gaps that were told of.
    gaps_told: u64,
}

impl Recordings {
    pub fn new(waker: Arc<Waker>) -> Self {
        let (all, by_source, pending) = (Slab::new(), BTreeMap::new(), VecDeque::new());
        Self { waker, disk: None, all, by_source, pending, waiting_bytes: 0 }
    }

    /// What each of them does.
    pub fn recorders(&self) -> impl Iterator<Item = &Recorder> {
        self.all.iter().map(|(_, recording)| &recording.recorder)
    }

    /// What those of one source do.
    pub fn infos(&self, source: SourceId) -> Vec<RecordingInfo> {
        let of_it = self.all.iter().filter(|(_, recording)| recording.source == source);
        of_it.map(|(_, recording)| info(&recording.recorder)).collect()
    }

    /// Those of one source that go on.
    #[cfg(feature = "stdio")]
    pub fn keys_of(&self, source: SourceId) -> Vec<usize> {
        let is_of_it = |recording: &Recording| recording.source == source && !recording.is_stopped;
        self.all.iter().filter(|(_, it)| is_of_it(it)).map(|(key, _)| key).collect()
    }

    /// The viewers that those of one source are, or of all.
    #[cfg(feature = "stdio")]
    pub fn viewers_of(&self, source: Option<SourceId>) -> Vec<ViewerId> {
        let is_of_it = |recording: &Recording| {
            !recording.is_stopped && source.is_none_or(|source| recording.source == source)
        };
        self.all.iter().filter(|(_, it)| is_of_it(it)).map(|(_, it)| it.viewer).collect()
    }

    /// The file of a source that is written.
    #[cfg(feature = "stdio")]
    pub fn file_of(&self, source: SourceId) -> Option<String> {
        let of_it = self.all.iter().filter(|(_, recording)| recording.source == source);
        let mut files = of_it.filter_map(|(_, recording)| {
            let path = recording.recorder.path()?;
            Some(recording.rules.directory.join(path).to_string_lossy().into_owned())
        });
        files.next()
    }

    fn disk(&mut self) -> io::Result<&Disk> {
        if self.disk.is_none() {
            self.disk = Some(Disk::start(Arc::clone(&self.waker))?);
        }
        self.disk.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Gives the disk what it has room for now.
    fn flush(&mut self) {
        let Some(disk) = &self.disk else { return };
        while let Some(job) = self.pending.pop_front() {
            if let Err(job) = disk.ask(job) {
                return self.pending.push_front(job);
            }
        }
    }

    /// Has a job done, now or later.
    fn ask(&mut self, job: Job) {
        self.waiting_bytes += bytes_of(&job);
        self.pending.push_back(job);
        self.flush();
    }

    /// Has a write, or what can be left out as well, done now or not at all.
    fn try_ask(&mut self, job: Job) -> bool {
        let bytes = bytes_of(&job);
        if !self.pending.is_empty() || self.waiting_bytes + bytes > limits::DISK_WAITING_MAX_BYTES {
            return false;
        }
        let is_taken = self.disk.as_ref().is_some_and(|disk| disk.ask(job).is_ok());
        if is_taken {
            self.waiting_bytes += bytes;
        }
        is_taken
    }
}

fn info(recorder: &Recorder) -> RecordingInfo {
    let totals = recorder.totals();
    RecordingInfo {
        state: recorder.state().as_str(),
        file: recorder.path().map(str::to_owned),
        playlist: recorder.playlist(),
        playlist_error: recorder.hls_refusal(),
        parts: totals.parts,
        frames: totals.counts.frames,
        audio_packets: totals.counts.packets,
        gaps: totals.counts.gaps,
        dropped: totals.dropped,
        bytes: totals.counts.bytes,
        last_error: recorder.last_error().map(str::to_owned),
    }
}

fn bytes_of(job: &Job) -> usize {
    match job {
        Job::Open { make, .. } => make.header.len(),
        Job::Write { bytes, .. } => bytes.len(),
        Job::Index { line, .. } => line.len(),
        Job::Segment { .. } | Job::Sync { .. } | Job::Close { .. } => 0,
    }
}

impl Server {
    /// Begins what the configuration wants recorded.
    pub(super) fn add_recordings(&mut self, now: Instant) -> Result<(), ServerError> {
        for record in self.config.record.clone() {
            let bad = |why| ServerError::Record(record.stream.clone(), why);
            let Some(source) = self.hub.find(&record.stream) else {
                return Err(bad("no such stream".to_owned()));
            };
            self.begin_recording(now, source, &record).map_err(bad)?;
        }
        Ok(())
    }

    /// Begins to record a source; the key of the recording.
    pub(super) fn begin_recording(
        &mut self,
        now: Instant,
        source: SourceId,
        record: &Record,
    ) -> Result<usize, String> {
        let template = Template::parse(&record.path)?;
        self.recordings.disk().map_err(|error| format!("disk thread: {error}"))?;
        let rules = Arc::new(Rules {
            name: record.stream.clone(),
            directory: PathBuf::from(template.directory()),
            min_free_bytes: record.min_free_bytes,
            deletes_oldest: record.when_full == WhenFull::DeleteOldest,
        });
        let options = Options {
            name: record.stream.clone(),
            template,
            container: match record.container {
                RecordContainer::Auto => None,
                RecordContainer::Mp4 => Some(Container::Mp4),
                RecordContainer::WebM => Some(Container::WebM),
                RecordContainer::Mkv => Some(Container::Matroska),
            },
            segments: Segments { max_duration: record.segment, max_bytes: record.segment_bytes },
            audio: record.audio,
            hls: record.hls,
            clock: (now, self.clock.unix(now)),
        };
        let key = self.recordings.all.vacant_key();
        let name = self.hub.source(source).map(|source| source.name.clone());
        let viewer = self.insert_viewer(now, None, Audience::Recording(key), &[name]);
        let mut recorder = Recorder::new(now, options);
        if self.is_paused(&record.stream) {
            recorder.pause(now);
        }
        let (is_stopped, is_behind, gaps_told) = (false, false, 0);
        let recording =
            Recording { recorder, source, viewer, rules, is_stopped, is_behind, gaps_told };
        self.recordings.all.insert(recording);
        self.recordings.by_source.entry(source).or_default().push(key);
        self.hub.handle_connected(now, viewer);
        Ok(key)
    }

    /// Ends a recording once its files are.
    pub(super) fn end_recording(&mut self, now: Instant, key: usize) {
        let Some(recording) = self.recordings.all.get_mut(key) else { return };
        recording.is_stopped = true;
        recording.recorder.stop(now);
        let (viewer, source) = (recording.viewer, recording.source);
        if let Some(keys) = self.recordings.by_source.get_mut(&source) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.recordings.by_source.remove(&source);
            }
        }
        self.remove_viewer(now, viewer);
        self.pump_recording(now, key);
        self.reap_recording(key);
    }

    /// Has a recording write nothing, or go on.
    #[cfg(feature = "stdio")]
    pub(super) fn pause_recording(&mut self, now: Instant, key: usize, is_paused: bool) {
        let Some(recording) = self.recordings.all.get_mut(key) else { return };
        match is_paused {
            true => recording.recorder.pause(now),
            false => recording.recorder.resume(now),
        }
        self.pump_recording(now, key);
    }

    /// Forgets a recording that has ended.
    fn reap_recording(&mut self, key: usize) {
        let all = &mut self.recordings.all;
        let is_over = |recording: &Recording| recording.is_stopped && recording.recorder.is_idle();
        if all.get(key).is_some_and(is_over) {
            all.remove(key);
            self.timers.set(Timer::Recording(key), None);
        }
    }

    /// Ends all of them.
    pub(super) fn end_recordings(&mut self, now: Instant) {
        for key in self.recordings.all.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            self.end_recording(now, key);
        }
    }

    /// Whether something is still to be written.
    pub(super) fn is_recording(&self) -> bool {
        !self.recordings.all.is_empty() || self.recordings.waiting_bytes > 0
    }

    /// A frame of a recording's slot.
    pub(super) fn record_frame(&mut self, now: Instant, key: usize, frame: &Arc<Frame>) {
        let Some(recording) = self.recordings.all.get_mut(key) else { return };
        // A probe is nothing to be kept.
        if frame.bytes() > 0 {
            recording.recorder.handle_frame(now, frame);
            self.pump_recording(now, key);
        }
    }

    /// Sound of a source. It does not go through the slot: a file has its sound in whatever
    /// codec it is, at the instant at which it was taken.
    pub(super) fn record_audio(&mut self, now: Instant, source: SourceId, frame: &AudioFrame) {
        self.with_recordings_of(now, source, |recorder| recorder.handle_audio(now, frame));
    }

    /// Pictures of a source are turned from here on.
    pub(super) fn record_rotation(&mut self, now: Instant, source: SourceId, degrees: u16) {
        let rotation = Rotation::of_degrees(degrees);
        self.with_recordings_of(now, source, |recorder| recorder.handle_rotation(now, rotation));
    }

    /// Pictures of a source were lost.
    pub(super) fn record_gap(&mut self, now: Instant, source: SourceId) {
        self.with_recordings_of(now, source, |recorder| recorder.handle_gap(now));
    }

    /// A source is gone.
    pub(super) fn record_end(&mut self, now: Instant, source: SourceId) {
        self.with_recordings_of(now, source, |recorder| recorder.handle_end(now));
    }

    fn with_recordings_of(&mut self, now: Instant, source: SourceId, act: impl Fn(&mut Recorder)) {
        let mut turn = 0;
        while let Some(&key) =
            self.recordings.by_source.get(&source).and_then(|keys| keys.get(turn))
        {
            turn += 1;
            if let Some(recording) = self.recordings.all.get_mut(key) {
                act(&mut recording.recorder);
            }
            self.pump_recording(now, key);
        }
    }

    pub(super) fn handle_recording_timeout(&mut self, now: Instant, key: usize) {
        if let Some(recording) = self.recordings.all.get_mut(key) {
            recording.recorder.handle_timeout(now);
        }
        self.pump_recording(now, key);
    }

    /// Does what a recorder wants done.
    fn pump_recording(&mut self, now: Instant, key: usize) {
        let mut told = Vec::new();
        let all = &mut self.recordings;
        while let Some(recording) = all.all.get_mut(key) {
            let Some(output) = recording.recorder.poll_output() else { break };
            let rules = Arc::clone(&recording.rules);
            match output {
                Output::Open { file, path, extension, header, playlist } => {
                    let make = Make { path, extension, header, playlist };
                    all.ask(Job::Open { key: (key, file), rules, make });
                }
                Output::Write { file, bytes, veil } => {
                    let is_taken = all.try_ask(Job::Write { key: (key, file), bytes, veil });
                    let Some(recording) = all.all.get_mut(key) else { break };
                    let was_behind = std::mem::replace(&mut recording.is_behind, !is_taken);
                    if !is_taken {
                        if !was_behind {
                            log::warn!("recording {}: the disk is too slow", rules.name);
                        }
                        recording.recorder.handle_refused(now, file);
                    }
                }
                // What is left out here is in the next segment.
                Output::Segment { file, end } => {
                    all.try_ask(Job::Segment { key: (key, file), end });
                }
                Output::Sync { file } => drop(all.try_ask(Job::Sync { key: (key, file) })),
                Output::Close { file } => all.ask(Job::Close { key: (key, file) }),
                Output::Index { line } => {
                    told.push((Arc::clone(&rules), line.clone()));
                    all.ask(Job::Index { rules, line });
                }
                Output::RequestKeyframe => {
                    let slot = SlotKey { viewer: recording.viewer, position: 0 };
                    self.hub.request_keyframe(now, slot);
                }
            }
        }
        let timeout = all.all.get(key).and_then(|recording| recording.recorder.poll_timeout());
        self.timers.set(Timer::Recording(key), timeout);
        if let Some(recording) = all.all.get_mut(key) {
            let gaps = recording.recorder.totals().counts.gaps;
            if std::mem::replace(&mut recording.gaps_told, gaps) < gaps {
                let stream = recording.rules.name.clone();
                self.tell_gap(now, stream, gaps);
            }
        }
        for (rules, line) in told {
            self.tell_index(now, &rules.name, &rules.directory, &line);
        }
    }

    /// The disk has reported.
    pub(super) fn take_disk_reports(&mut self, now: Instant) {
        while let Some(report) = self.recordings.disk.as_ref().and_then(Disk::poll) {
            self.handle_disk_report(now, report);
        }
        self.recordings.flush();
    }

    fn handle_disk_report(&mut self, now: Instant, report: Report) {
        let all = &mut self.recordings;
        let (key, file) = match &report {
            Report::Done { bytes } => {
                all.waiting_bytes = all.waiting_bytes.saturating_sub(*bytes);
                return;
            }
            Report::Deleted { rules, path } => {
                log::info!("recording {}: {path} is deleted to make room", rules.name);
                let (recording, event) = (&rules.name, "deleted");
                let line = serde_json::json!({
                    "event": event, "recording": recording, "file": path,
                });
                return all.ask(Job::Index { rules: Arc::clone(rules), line: format!("{line}\n") });
            }
            Report::Opened { key, .. } | Report::Closed { key } | Report::Failed { key, .. } => {
                *key
            }
        };
        let Some(recording) = all.all.get_mut(key) else { return };
        match report {
            Report::Opened { path, .. } => {
                log::info!("recording {}: {path}", recording.rules.name);
                recording.recorder.handle_opened(file, &path);
            }
            Report::Failed { failure, .. } => {
                log::warn!("recording {}: {}", recording.rules.name, failure.text());
                recording.recorder.handle_failed(now, file, failure);
            }
            _ => recording.recorder.handle_closed(file),
        }
        self.pump_recording(now, key);
        self.reap_recording(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FileId;
    use mio::{Poll, Token};
    use std::time::Duration;

    const KEY: super::super::disk::Key = (0, FileId(1));

    fn write(bytes: usize) -> Job {
        Job::Write { key: KEY, bytes: vec![0; bytes], veil: None }
    }

    #[test]
    fn what_the_disk_does_not_keep_up_with_is_refused_and_the_rest_is_kept() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let mut recordings = Recordings::new(waker);
        // There is nobody yet who takes anything.
        recordings.ask(Job::Close { key: KEY });
        assert_eq!(recordings.pending.len(), 1);
        assert!(!recordings.try_ask(write(1)), "it would come before what waits");
        recordings.disk().unwrap();
        recordings.flush();
        assert!(recordings.pending.is_empty());
        assert!(recordings.try_ask(write(limits::DISK_WAITING_MAX_BYTES)));
        assert!(!recordings.try_ask(write(1)), "as much waits as may");
        let disk = recordings.disk().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut done = 0;
        while done < limits::DISK_WAITING_MAX_BYTES {
            assert!(Instant::now() < deadline);
            if let Some(Report::Done { bytes }) = disk.poll() {
                done += bytes;
            }
        }
        recordings.waiting_bytes -= done;
        assert!(recordings.try_ask(write(1)));
    }
}
