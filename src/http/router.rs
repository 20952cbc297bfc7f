//! What to do about a request.

use super::metrics::Metric;
use super::request::Request;
use super::response::Response;
use super::streams::StreamInfo;

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// The path in the URL, from `/`; `/index.html` is also served at `/`.
    pub path: &'static str,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The body, compressed with gzip.
    pub gzip: &'static [u8],
    /// A strong entity tag with its quotes (RFC 9110 section 8.8.3).
    pub etag: &'static str,
}

/// What the routes answer from. The closures are called only by the routes that need them.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The program's version.
    pub version: &'a str,
    /// Whether the built-in cameras are shown.
    pub demo: bool,
    /// The files of the page.
    pub assets: &'a [Asset],
    /// `api.origin` of the configuration.
    pub origins: &'a [String],
    /// Whether the server listens on a loopback address only, and so has to refuse foreign
    /// host names (DNS rebinding).
    pub loopback_only: bool,
    /// STUN and TURN servers for the page.
    pub ice_servers: &'a [config::IceServer],
    /// Most slots of one viewer.
    pub max_slots: usize,
    /// Whether a stream of this name is configured.
    pub known: &'a dyn Fn(&str) -> bool,
    /// A snapshot of all streams, in the configuration's order.
    pub streams: &'a dyn Fn() -> Vec<StreamInfo>,
    /// A snapshot of all metrics; samples of one name stand together.
    pub metrics: &'a dyn Fn() -> Vec<Metric>,
}

/// What the connection has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this.
    Respond(Response),
    /// Send `response::websocket_accepted(accept)` and go on as a WebSocket.
    WebSocket {
        /// The `Sec-WebSocket-Accept` value.
        accept: String,
        /// The query's `src`.
        src: Option<String>,
    },
    /// Create a viewer of one known stream; answer with `response::whep_created`, passed
    /// through `response::finish`.
    Whep {
        /// The stream's name.
        src: String,
        /// The SDP offer.
        sdp: String,
        /// Whether the answer is JSON too.
        json: bool,
    },
    /// End this viewer and answer 200, or 404 where there is none.
    WhepDelete {
        /// The id given to `whep_created`.
        id: String,
    },
}

/// Decides about a request.
#[must_use]
pub fn route(_request: &Request, _context: &Context<'_>) -> Action {
    Action::Respond(Response::empty(404))
}
