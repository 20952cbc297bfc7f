//! A disk in memory, and a recorder that writes on it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crosspoint::engine::codec::VideoCodec;
use crosspoint::record::container::Container;
use crosspoint::record::format::AudioFormat;
use crosspoint::record::hls::Playlist;
use crosspoint::record::segment::Segments;
use crosspoint::record::template::Template;
use crosspoint::record::{FileId, Options, Output, Recorder};
use serde_json::Value;

use super::media::{Packet, Picture, frame, time};

pub const UNIX_S: u64 = 1_800_000_000;

/// One file as it was written.
#[derive(Debug, Clone, Default)]
pub struct File {
    pub name: String,
    /// The header, then the fragments.
    pub writes: Vec<Vec<u8>>,
    pub is_closed: bool,
    /// As the disk keeps it.
    pub playlist: Option<Playlist>,
    pub syncs: usize,
}

impl File {
    pub fn bytes(&self) -> Vec<u8> {
        self.writes.concat()
    }
}

/// A recorder and what it has written.
pub struct Studio {
    pub recorder: Recorder,
    pub start: Instant,
    pub files: Vec<File>,
    pub index: Vec<Value>,
    pub key_requests: usize,
    open: BTreeMap<FileId, usize>,
    names: BTreeSet<String>,
    /// Keep what was written.
    pub keeps: bool,
}

pub fn options(start: Instant) -> Options {
    Options {
        name: "door".to_owned(),
        template: Template::parse("/rec/{stream}-{part}").unwrap(),
        container: None,
        segments: Segments::default(),
        audio: true,
        hls: false,
        clock: (start, Duration::from_secs(UNIX_S)),
    }
}

impl Studio {
    pub fn new(change: impl FnOnce(&mut Options)) -> Self {
        let start = Instant::now();
        let mut options = options(start);
        change(&mut options);
        Self {
            recorder: Recorder::new(start, options),
            start,
            files: vec![],
            index: vec![],
            key_requests: 0,
            open: BTreeMap::new(),
            names: BTreeSet::new(),
            keeps: true,
        }
    }

    pub fn in_container(container: Container) -> Self {
        Self::new(|options| options.container = Some(container))
    }

    /// Does what the recorder wants done.
    pub fn pump(&mut self) {
        while let Some(output) = self.recorder.poll_output() {
            match output {
                Output::Open { file, path, extension, header, playlist } => {
                    let name = format!("{path}.{extension}");
                    assert!(self.names.insert(name.clone()), "{name} is there already");
                    self.open.insert(file, self.files.len());
                    self.recorder.handle_opened(file, &name);
                    let playlist = playlist.map(|mut playlist| {
                        playlist.begin(&name, header.len() as u64);
                        *playlist
                    });
                    let writes = vec![header];
                    self.files.push(File { name, writes, playlist, ..File::default() });
                }
                Output::Write { file, bytes, veil } => {
                    let file = &mut self.files[self.open[&file]];
                    assert!(!file.is_closed && !bytes.is_empty());
                    let passed_over = [&(bytes.len() as u32).to_be_bytes()[..], b"free"].concat();
                    let expected = file.name.ends_with(".mp4").then_some(passed_over);
                    assert_eq!(veil.map(|veil| veil.to_vec()), expected);
                    if self.keeps {
                        file.writes.push(bytes);
                    }
                }
                Output::Segment { file, end } => {
                    let file = &mut self.files[self.open[&file]];
                    let bytes = file.writes.iter().map(Vec::len).sum::<usize>() as u64;
                    file.playlist.as_mut().unwrap().push(end, bytes);
                }
                Output::Sync { file } => self.files[self.open[&file]].syncs += 1,
                Output::Close { file } => {
                    let index = self.open.remove(&file).unwrap();
                    self.files[index].is_closed = true;
                    self.recorder.handle_closed(file);
                }
                Output::Index { line } => {
                    assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
                    self.index.push(serde_json::from_str(&line).unwrap());
                }
                Output::RequestKeyframe => self.key_requests += 1,
            }
        }
    }

    pub fn moment(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    pub fn picture(&mut self, codec: VideoCodec, picture: &Picture, at: Instant) {
        self.recorder.handle_frame(at, &frame(codec, picture, at));
        self.pump();
    }

    pub fn sound(&mut self, format: &AudioFormat, packet: &Packet, at: Instant) {
        self.recorder.handle_sound(at, format.clone(), at, packet.1, packet.0.clone());
        self.pump();
    }

    /// Plays films behind each other from `from` on, with sound all the time.
    pub fn play(
        &mut self,
        from: Instant,
        films: &[(VideoCodec, Vec<Picture>)],
        sound: Option<(&AudioFormat, &[Packet])>,
    ) -> Instant {
        let pictures: Vec<(VideoCodec, &Picture)> =
            films.iter().flat_map(|(codec, film)| film.iter().map(|one| (*codec, one))).collect();
        let end = time(from, pictures.len() as u32);
        let mut heard = from;
        let mut packets = sound.map(|(_, packets)| packets.iter().cycle());
        for (number, (codec, picture)) in pictures.into_iter().enumerate() {
            let at = time(from, number as u32);
            while let (Some((format, _)), Some(all)) = (sound, &mut packets)
                && heard <= at
            {
                let packet = all.next().unwrap();
                self.sound(format, packet, heard);
                let hz = format.clock_hz();
                heard += Duration::from_nanos(u64::from(packet.1) * 1_000_000_000 / u64::from(hz));
            }
            self.picture(codec, picture, at);
        }
        end
    }

    pub fn stop(&mut self, at: Instant) {
        self.recorder.stop(at);
        self.pump();
    }

    pub fn wait(&mut self, until: Instant) {
        while let Some(at) = self.recorder.poll_timeout().filter(|at| *at <= until) {
            self.recorder.handle_timeout(at);
            self.pump();
        }
    }

    /// The lines about one kind of event.
    pub fn lines(&self, event: &str) -> Vec<&Value> {
        self.index.iter().filter(|line| line["event"] == event).collect()
    }

    /// Why parts began.
    pub fn reasons(&self) -> Vec<&str> {
        self.lines("opened").iter().map(|line| line["reason"].as_str().unwrap()).collect()
    }
}

/// Leaves a file for `tests/record/run`, which has ffmpeg play it.
pub fn keep(name: &str, bytes: &[u8]) {
    if let Some(folder) = std::env::var_os("RECORD_OUT") {
        std::fs::write(std::path::Path::new(&folder).join(name), bytes).unwrap();
    }
}
