//! Sources and what they are coded in.

use std::time::Instant;

use super::server::Server;
use crate::engine::alternatives::alternatives;
use crate::engine::codec::VideoCodec;
use crate::engine::source::SourceId;

impl Server {
    /// Tells the matrix which streams are qualities of each other.
    pub(super) fn add_alternatives(&mut self) {
        if !cfg!(any(feature = "h265", feature = "receive")) {
            return; // whoever can't decode one stream can't decode another
        }
        let names: Vec<&str> = self.config.streams.iter().map(|it| it.name.as_str()).collect();
        let ids: Vec<Option<SourceId>> = names.iter().map(|name| self.hub.find(name)).collect();
        for (id, others) in ids.iter().zip(alternatives(&names)) {
            let others = others.into_iter().filter_map(|other| ids.get(other).copied().flatten());
            if let Some(id) = id {
                self.hub.set_alternatives(*id, others.collect());
            }
        }
    }

    /// A source was described. What goes on beyond viewers was agreed on for another codec: it
    /// ends, and begins anew.
    pub(super) fn handle_codec(&mut self, now: Instant, id: SourceId, codec: VideoCodec) {
        let before = self.hub.source(id).and_then(|source| source.codec);
        self.hub.handle_codec(now, id, codec);
        if before.is_some_and(|before| before != codec) {
            self.close_readers(now, id);
            self.restart_publishers(now, id, codec);
            self.close_room_viewers(now, id);
        }
    }
}
