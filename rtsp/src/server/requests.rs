//! The methods of a server session (RFC 2326 10).

use super::limits::SESSION_TIMEOUT;
use super::{CONTROL, NotFound, Output, Session, Track};
use crate::limits::MAX_URL_BYTES;
use crate::message::{Request, Response};
use crate::transport::TransportHeader;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN";

/// A DESCRIBE without its answer.
#[derive(Debug)]
pub(super) struct Waiting {
    cseq: u32,
    uri: String,
}

impl Session {
    pub(super) fn handle_request(&mut self, request: &Request) {
        let Some(cseq) = request.headers.cseq() else {
            return self.send(&Response::new(400));
        };
        let response = match self.refusal(request) {
            Some(refusal) => Some(refusal),
            None => match request.method.as_str() {
                "OPTIONS" => Some(Response::new(200).with("Public", METHODS)),
                "DESCRIBE" => self.describe(cseq, request),
                "SETUP" => Some(self.setup(request)),
                "PLAY" => return self.play(cseq, request),
                "GET_PARAMETER" => Some(Response::new(200)),
                "TEARDOWN" => {
                    self.reply(cseq, Response::new(200));
                    return self.close();
                }
                "PAUSE" | "RECORD" | "ANNOUNCE" | "SET_PARAMETER" | "REDIRECT" => {
                    Some(Response::new(405).with("Allow", METHODS))
                }
                _ => Some(Response::new(501).with("Public", METHODS)),
            },
        };
        if let Some(response) = response {
            self.reply(cseq, response);
        }
    }

    fn reply(&mut self, cseq: u32, mut response: Response) {
        response.headers.push("CSeq", cseq.to_string());
        if let Some(track) = self.track.as_ref().filter(|_| response.is_success()) {
            let timeout_s = SESSION_TIMEOUT.as_secs();
            response.headers.push("Session", format!("{};timeout={timeout_s}", track.session_id));
        }
        self.send(&response);
    }

    /// What refuses a request before its method matters.
    fn refusal(&self, request: &Request) -> Option<Response> {
        if request.uri.len() > MAX_URL_BYTES {
            return Some(Response::new(414));
        }
        let required: Vec<&str> = request.headers.get_all("Require").collect();
        if !required.is_empty() {
            return Some(Response::new(551).with("Unsupported", required.join(", ")));
        }
        // The identifier ends at its parameters, which clients should not send but do.
        let named = request.headers.get("Session")?.split(';').next().map(str::trim);
        let known = self.track.as_ref().map(|track| track.session_id.as_str());
        (named != known).then(|| Response::new(454))
    }

    fn describe(&mut self, cseq: u32, request: &Request) -> Option<Response> {
        let accept = request.headers.get("Accept").unwrap_or("*/*").to_ascii_lowercase();
        if !["application/sdp", "application/*", "*/*"].iter().any(|form| accept.contains(form)) {
            return Some(Response::new(406));
        }
        let Some(path) = path_of(&request.uri) else { return Some(Response::new(400)) };
        self.waiting = Some(Waiting { cseq, uri: request.uri.clone() });
        self.outputs.push_back(Output::Describe { path });
        None
    }

    pub(super) fn answer_describe(&mut self, waiting: Waiting, sdp: Result<&str, NotFound>) {
        let response = match sdp {
            Ok(sdp) => Response::new(200)
                .with("Content-Base", format!("{}/", waiting.uri.trim_end_matches('/')))
                .with_body("application/sdp", sdp),
            Err(NotFound) => Response::new(404),
        };
        self.reply(waiting.cseq, response);
    }

    fn setup(&mut self, request: &Request) -> Response {
        // The transport of a session is not changed under it, and there is only one track.
        let foreign = request.headers.get("Session").is_none() && self.track.is_some();
        if foreign || self.track.as_ref().is_some_and(|track| track.playing) {
            return Response::new(455);
        }
        let Some(path) = path_of(&request.uri) else { return Response::new(400) };
        let mut offers = request.headers.get_all("Transport").flat_map(TransportHeader::parse_all);
        let Some(offer) = offers.find(|offer| offer.tcp && !offer.multicast) else {
            return Response::new(461);
        };
        let channels = offer.interleaved.filter(|(rtp, rtcp)| rtp != rtcp).unwrap_or((0, 1));
        let agreed = TransportHeader {
            tcp: true,
            interleaved: Some(channels),
            ssrc: Some(self.media.ssrc()),
            ..TransportHeader::default()
        };
        let session_id = match self.track.take() {
            Some(track) => track.session_id,
            None => format!("{:016x}", self.random.next_u64()),
        };
        let path = path.strip_suffix(CONTROL).unwrap_or(&path).trim_end_matches('/');
        let path = if path.is_empty() { "/" } else { path }.to_owned();
        self.track = Some(Track { session_id, path, channels, playing: false });
        Response::new(200).with("Transport", agreed.to_value())
    }

    fn play(&mut self, cseq: u32, request: &Request) {
        if request.headers.get("Session").is_none() {
            return self.reply(cseq, Response::new(454));
        }
        let sequence = self.media.sequence();
        let Some(track) = &mut self.track else {
            return self.reply(cseq, Response::new(455));
        };
        let begins = !std::mem::replace(&mut track.playing, true);
        let path = track.path.clone();
        let url = request.uri.trim_end_matches('/');
        let rtp_info = format!("url={url}/{CONTROL};seq={sequence}");
        let response = Response::new(200).with("Range", "npt=now-").with("RTP-Info", rtp_info);
        self.reply(cseq, response);
        if begins && !self.closed {
            self.outputs.push_back(Output::Play { path });
        }
    }
}

/// Path and query of a request URI, which is absolute (RFC 2326 3.2) or only that.
fn path_of(uri: &str) -> Option<String> {
    let rest = match uri.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => uri,
    };
    match rest.chars().next()? {
        '/' => Some(rest.to_owned()),
        '?' => Some(format!("/{rest}")),
        _ => None,
    }
}
