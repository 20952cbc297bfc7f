//! Data channels that a peer opens, and the text messages on them.

use str0m::channel::{ChannelData, ChannelId};

use super::Received;
use crate::limits;

/// Those of one peer, by their numbers.
#[derive(Debug, Default)]
pub struct Channels(Vec<Option<ChannelId>>);

impl Channels {
    /// What str0m knows a channel by that is open.
    pub fn id(&self, channel: usize) -> Option<ChannelId> {
        *self.0.get(channel)?
    }

    /// One was opened.
    pub fn open(&mut self, id: ChannelId, label: &str) -> Option<Received> {
        if self.0.len() >= limits::CHANNELS_MAX {
            return None;
        }
        let channel = self.0.len();
        self.0.push(Some(id));
        Some(Received::ChannelOpen { channel, label: label.to_owned() })
    }

    /// A message came.
    pub fn read(&self, message: &ChannelData) -> Option<Received> {
        let text = std::str::from_utf8(&message.data).ok().filter(|_| !message.binary)?;
        let channel = self.number(message.id)?;
        let is_bounded = text.len() <= limits::CHANNEL_MESSAGE_MAX_BYTES;
        is_bounded.then(|| Received::Text { channel, text: text.to_owned() })
    }

    /// One was closed.
    pub fn close(&mut self, id: ChannelId) -> Option<Received> {
        let channel = self.number(id)?;
        if let Some(slot) = self.0.get_mut(channel) {
            *slot = None;
        }
        Some(Received::ChannelClosed { channel })
    }

    fn number(&self, id: ChannelId) -> Option<usize> {
        self.0.iter().position(|own| *own == Some(id))
    }
}
