//! What to do about a request.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::metrics::{self, Metric};
use super::origin;
use super::request::{Method, Request};
use super::response::{Response, finish};
use super::streams::{self, StreamInfo};
use super::upgrade::accept_key;
use super::whip::{self, Publishing};

/// The text about a name that is not configured.
pub(super) const STREAM_NOT_FOUND: &str = "stream not found";

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
    /// Who may publish a stream of this name.
    pub publishing: &'a dyn Fn(&str) -> Publishing,
    /// A snapshot of all streams, in the configuration's order.
    pub streams: &'a dyn Fn() -> Vec<StreamInfo>,
    /// The JSON of `/api/rooms` ([`super::rooms::encode`]).
    pub rooms: &'a dyn Fn() -> String,
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
    /// Take a stream from a publisher; answered as [`Action::Whep`] is.
    Whip {
        /// The stream's name.
        dst: String,
        /// The SDP offer.
        sdp: String,
    },
    /// End this viewer or publisher and answer 200, or 404 where there is none.
    WhepDelete {
        /// The id given to `whep_created`.
        id: String,
    },
}

/// The page and all it needs come from here, and nothing runs that is written into it. Other
/// pages may embed it.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'";

/// Decides about a request.
#[must_use]
pub fn route(request: &Request, context: &Context<'_>) -> Action {
    match decide(request, context) {
        Action::Respond(response) => Action::Respond(finish(response, request, context.origins)),
        action => action,
    }
}

fn decide(request: &Request, context: &Context<'_>) -> Action {
    if context.loopback_only && !origin::is_loopback_name(request, context.origins) {
        return refuse(403, "this host name is not allowed; see api.origin");
    }
    let path = request.path.as_str();
    let is_api = path == "/api" || path.starts_with("/api/");
    if is_api && !origin::is_allowed(request, context.origins) {
        return refuse(403, "this origin is not allowed; see api.origin");
    }
    match path {
        "/api/ws" => websocket(request),
        "/api/webrtc" => whep(request, context),
        _ => match path.strip_prefix("/api/webrtc/") {
            Some(id) => whep_resource(request, id),
            None => Action::Respond(read(request, context)),
        },
    }
}

/// The routes that only read.
fn read(request: &Request, context: &Context<'_>) -> Response {
    let found = match request.path.as_str() {
        "/healthz" => Response::text(200, "text/plain", "ok\n".to_owned()),
        "/metrics" => {
            let text = metrics::encode(&(context.metrics)());
            Response::text(200, metrics::CONTENT_TYPE, text)
        }
        "/api" => Response::json(200, &json!({ "version": context.version })),
        "/api/config" => Response::json(200, &page_config(context)),
        "/api/rooms" => Response::text(200, "application/json", (context.rooms)()),
        "/api/streams" => streams_of(request, context),
        path => match asset(path, context.assets) {
            Some(asset) => serve(request, asset),
            None => return Response::error(404, "not found"),
        },
    };
    match request.method {
        Method::Get | Method::Head => found,
        Method::Options => Response::empty(204).with("Allow", "GET, HEAD, OPTIONS"),
        _ => not_allowed("GET, HEAD, OPTIONS"),
    }
}

pub(super) fn refuse(status: u16, text: &str) -> Action {
    Action::Respond(Response::error(status, text))
}

fn not_allowed(allow: &'static str) -> Response {
    Response::error(405, "method not allowed").with("Allow", allow)
}

fn streams_of(request: &Request, context: &Context<'_>) -> Response {
    let all = (context.streams)();
    let Some(src) = request.parameter("src") else {
        return Response::text(200, "application/json", streams::encode(&all));
    };
    match all.iter().find(|stream| stream.name == src) {
        Some(stream) => Response::json(200, &stream.to_json()),
        None => Response::error(404, STREAM_NOT_FOUND),
    }
}

/// What the page has to know. TURN credentials are in it, as browsers need them.
fn page_config(context: &Context<'_>) -> Value {
    let server = |server: &config::IceServer| {
        let mut fields = Map::new();
        fields.insert("urls".into(), server.urls.as_slice().into());
        let optional = [("username", &server.username), ("credential", &server.credential)];
        for (key, value) in optional {
            if let Some(value) = value {
                fields.insert(key.into(), value.as_str().into());
            }
        }
        Value::Object(fields)
    };
    let ice_servers: Vec<Value> = context.ice_servers.iter().map(server).collect();
    json!({
        "version": context.version,
        "demo": context.demo,
        "max_slots": context.max_slots,
        "ice_servers": ice_servers,
    })
}

fn asset<'a>(path: &str, assets: &'a [Asset]) -> Option<&'a Asset> {
    let path = if path == "/" { "/index.html" } else { path };
    assets.iter().find(|asset| asset.path == path)
}

/// Sent compressed whatever the client accepts: there is no other form in the program, and
/// every browser takes it.
fn serve(request: &Request, asset: &Asset) -> Response {
    let tags = request.header("if-none-match").unwrap_or_default();
    let is_same = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == asset.etag;
    let is_fresh = tags.split(',').any(|tag| is_same(tag.trim()));
    let response = match is_fresh {
        true => Response::empty(304),
        false => Response { body: Cow::Borrowed(asset.gzip), ..Response::empty(200) }
            .with("Content-Type", asset.content_type)
            .with("Content-Encoding", "gzip")
            .with("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            .with("Referrer-Policy", "no-referrer"),
    };
    response.with("ETag", asset.etag).with("Cache-Control", "no-cache")
}

/// The opening handshake (RFC 6455 section 4.2.1).
fn websocket(request: &Request) -> Action {
    if request.method != Method::Get {
        return Action::Respond(not_allowed("GET"));
    }
    let asks = request.has_token("upgrade", "websocket")
        && request.has_token("connection", "upgrade")
        && request.header("sec-websocket-version") == Some("13");
    if !asks {
        let response = Response::error(426, "expected a WebSocket of version 13")
            .with("Upgrade", "websocket")
            .with("Sec-WebSocket-Version", "13");
        return Action::Respond(response);
    }
    match request.header("sec-websocket-key").filter(|key| is_nonce(key)) {
        Some(key) => Action::WebSocket {
            accept: accept_key(key),
            src: request.parameter("src").map(str::to_owned),
        },
        None => refuse(400, "expected a Sec-WebSocket-Key"),
    }
}

/// Whether a text is 16 bytes in base64.
fn is_nonce(key: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    key.len() == 24 && key.strip_suffix("==").is_some_and(|text| text.bytes().all(is_base64))
}

/// WHEP (draft-ietf-wish-whep), as go2rtc has it; with `dst`, WHIP.
fn whep(request: &Request, context: &Context<'_>) -> Action {
    match request.method {
        Method::Post => {}
        Method::Options => {
            let response = Response::empty(204).with("Allow", "POST, OPTIONS");
            return Action::Respond(response.with("Accept-Post", "application/sdp"));
        }
        _ => return Action::Respond(not_allowed("POST, OPTIONS")),
    }
    if let Some(dst) = request.parameter("dst") {
        return whip::publish(request, dst, context);
    }
    let Some(src) = request.parameter("src") else {
        return refuse(400, "expected a stream's name in src");
    };
    if !(context.known)(src) {
        return refuse(404, STREAM_NOT_FOUND);
    }
    let Ok(body) = std::str::from_utf8(&request.body) else {
        return refuse(400, "expected UTF-8");
    };
    let (sdp, json) = match media_type(request).as_str() {
        "application/sdp" => (Some(body.to_owned()), false),
        "application/json" => (offer_of(body), true),
        _ => return refuse(415, "expected application/sdp or application/json"),
    };
    match sdp.filter(|sdp| !sdp.trim().is_empty()) {
        Some(sdp) => Action::Whep { src: src.to_owned(), sdp, json },
        None => refuse(400, "expected an offer"),
    }
}

/// The `Content-Type` without its parameters, in lower case.
pub(super) fn media_type(request: &Request) -> String {
    let content_type = request.header("content-type").unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn offer_of(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    let is_offer = value.get("type").and_then(Value::as_str) == Some("offer");
    is_offer.then(|| value.get("sdp")?.as_str().map(str::to_owned))?
}

fn whep_resource(request: &Request, id: &str) -> Action {
    match request.method {
        Method::Delete => Action::WhepDelete { id: id.to_owned() },
        Method::Options => Action::Respond(Response::empty(204).with("Allow", "DELETE, OPTIONS")),
        _ => Action::Respond(not_allowed("DELETE, OPTIONS")),
    }
}
