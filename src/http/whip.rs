//! WHIP (RFC 9725): whoever publishes a stream to us.

use super::request::Request;
use super::response::Response;
use super::router::{Action, Context, STREAM_NOT_FOUND, media_type, refuse};

/// Who may publish a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publishing {
    /// There is no such stream.
    NoStream,
    /// Nobody: its pictures come from elsewhere.
    Nobody,
    /// Nobody until it has a token: over RTSP it takes a password.
    NoToken,
    /// Whoever reaches the server.
    Everybody,
    /// Whoever shows this (RFC 6750).
    Bearer(config::Token),
}

/// What to do about an offer for the stream `dst`.
pub(super) fn publish(request: &Request, dst: &str, context: &Context<'_>) -> Action {
    let refusal = match (context.publishing)(dst) {
        Publishing::NoStream => Some(Response::error(404, STREAM_NOT_FOUND)),
        Publishing::Nobody => Some(Response::error(403, "this stream has an address of its own")),
        Publishing::NoToken => {
            Some(Response::error(403, "this stream has no token: in the configuration"))
        }
        Publishing::Everybody => None,
        Publishing::Bearer(token) => match bearer(request) {
            None => Some(unauthorized("Bearer", "expected a bearer token")),
            Some(shown) if token.is(shown) => None,
            Some(_) => Some(unauthorized("Bearer error=\"invalid_token\"", "a wrong token")),
        },
    };
    if let Some(refusal) = refusal {
        return Action::Respond(refusal);
    }
    if media_type(request) != "application/sdp" {
        return refuse(415, "expected application/sdp");
    }
    match std::str::from_utf8(&request.body) {
        Ok(sdp) if !sdp.trim().is_empty() => {
            Action::Whip { dst: dst.to_owned(), sdp: sdp.to_owned() }
        }
        _ => refuse(400, "expected an offer"),
    }
}

/// What stands behind `Bearer` (RFC 6750 section 2.1).
fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized(challenge: &'static str, text: &str) -> Response {
    Response::error(401, text).with("WWW-Authenticate", challenge)
}
