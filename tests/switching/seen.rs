//! What came out of the matrix, in order.

use std::time::Duration;

use crosspoint::engine::frame::{AudioEgress, Egress};
use crosspoint::engine::source::SourceId;
use crosspoint::engine::status::{SlotStatus, Status};
use crosspoint::engine::viewer::SlotKey;

use crate::picture::Picture;

#[derive(Debug)]
pub struct Event {
    /// Since the bench began.
    pub at: Duration,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Picture(SlotKey, Picture, Egress),
    Status(SlotKey, SlotStatus),
    Start(SourceId),
    Stop(SourceId),
    Ask(SourceId),
    Probe(SlotKey),
    Audio(SlotKey, AudioEgress),
}

#[derive(Debug, Default)]
pub struct Seen(pub Vec<Event>);

impl Seen {
    pub fn pictures(&self, slot: SlotKey) -> Vec<Picture> {
        self.sent(slot).map(|(_, picture, _)| picture).collect()
    }

    pub fn sent(&self, slot: SlotKey) -> impl Iterator<Item = (Duration, Picture, &Egress)> {
        self.0.iter().filter_map(move |event| match &event.what {
            What::Picture(key, picture, egress) if *key == slot => {
                Some((event.at, *picture, egress))
            }
            _ => None,
        })
    }

    pub fn audio(&self, slot: SlotKey) -> Vec<(Duration, &AudioEgress)> {
        let audio = |event| match event {
            &Event { at, what: What::Audio(key, ref egress) } if key == slot => Some((at, egress)),
            _ => None,
        };
        self.0.iter().filter_map(audio).collect()
    }

    /// Numbers of the cameras whose pictures were sent, without repetition in a row.
    pub fn cameras(&self, slot: SlotKey) -> Vec<u8> {
        let mut cameras: Vec<u8> = self.pictures(slot).iter().map(|p| p.camera).collect();
        cameras.dedup();
        cameras
    }

    pub fn statuses(&self, slot: SlotKey) -> Vec<(Status, &str)> {
        self.0
            .iter()
            .filter_map(|event| match &event.what {
                What::Status(key, status) if *key == slot => {
                    Some((status.status, status.stream.as_str()))
                }
                _ => None,
            })
            .collect()
    }

    pub fn starts(&self, source: SourceId) -> usize {
        self.count(|what| matches!(what, What::Start(id) if *id == source))
    }

    pub fn stops(&self, source: SourceId) -> Vec<Duration> {
        let is_stop = |event: &&Event| matches!(event.what, What::Stop(id) if id == source);
        self.0.iter().filter(is_stop).map(|event| event.at).collect()
    }

    pub fn asks(&self, source: SourceId) -> usize {
        self.count(|what| matches!(what, What::Ask(id) if *id == source))
    }

    pub fn probes(&self, slot: SlotKey) -> usize {
        self.count(|what| matches!(what, What::Probe(key) if *key == slot))
    }

    fn count(&self, is_it: impl Fn(&What) -> bool) -> usize {
        self.0.iter().filter(|event| is_it(&event.what)).count()
    }
}
