//! What the API and the metrics tell of rooms.

use super::{RoomLink, Rooms};
use crate::http::rooms::encode;
use crate::http::{Metric, MetricKind, RoomInfo};

impl Rooms {
    /// All rooms for the API, those that are watched first.
    pub fn to_json(&self) -> String {
        encode(&self.all.iter().map(RoomLink::info).collect::<Vec<_>>())
    }

    /// All samples; those of one name stand together.
    pub fn metrics(&self) -> Vec<Metric> {
        type Read = fn(&RoomLink) -> u64;
        let kinds: [(&'static str, &'static str, MetricKind, Read); 4] = [
            ("crosspoint_room_joined", "1 while we are in.", MetricKind::Gauge, |room| {
                u64::from(room.machine.is_joined())
            }),
            (
                "crosspoint_room_joins_total",
                "Times that we came in.",
                MetricKind::Counter,
                |room| room.joins,
            ),
            ("crosspoint_room_streams", "Streams that are there.", MetricKind::Gauge, |room| {
                room.present.len() as u64
            }),
            ("crosspoint_room_peers", "Publishers, or viewers.", MetricKind::Gauge, |room| {
                room.peers.len() as u64
            }),
        ];
        let mut metrics = Vec::new();
        for (name, help, kind, read) in kinds {
            for room in &self.all {
                let mut labels = vec![("room", room.name.clone())];
                if let Some(published) = &room.published {
                    labels.push(("publishes", published.stream.clone()));
                }
                #[expect(clippy::cast_precision_loss, reason = "Prometheus knows nothing else")]
                let value = read(room) as f64;
                metrics.push(Metric { name, help, kind, labels, value });
            }
        }
        metrics
    }
}

impl RoomLink {
    fn info(&self) -> RoomInfo {
        let state = match (self.machine.is_stopped(), self.machine.is_joined()) {
            (true, _) => "refused",
            (_, true) => "joined",
            _ => "connecting",
        };
        RoomInfo {
            name: self.name.clone(),
            publishes: self.published.as_ref().map(|published| published.stream.clone()),
            state,
            error: self.trouble.clone(),
            notice: self.notice.clone(),
            streams: self.present.iter().cloned().collect(),
            peers: self.peers.len(),
        }
    }
}
