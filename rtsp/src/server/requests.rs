//! The methods of a server session (RFC 2326 10).

use std::time::Instant;

use super::carrier::Carrier;
use super::describe::{Description, audio_payload_type};
use super::guard::Verdict;
use super::limits::{DESCRIBE_TIMEOUT, SESSION_TIMEOUT};
use super::playing::Playing;
use super::recording::Recording;
use super::track::Track;
use super::{Output, Refusal, Role, Session, path_of};
use crate::limits::MAX_URL_BYTES;
use crate::message::{Request, Response};
use crate::url::percent_decode;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN";
const METHODS_WITH_PUSH: &str = "OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, \
     GET_PARAMETER, SET_PARAMETER, TEARDOWN";

/// A request whose answer the caller is looking up.
#[derive(Debug)]
pub(super) struct Waiting {
    cseq: u32,
    request: Request,
    /// Until when it is looked up.
    pub(super) until: Instant,
}

impl Waiting {
    pub(super) fn is_announce(&self) -> bool {
        self.request.method == "ANNOUNCE"
    }
}

impl Session {
    pub(super) fn handle_request(&mut self, now: Instant, request: Request) {
        let Some(cseq) = request.headers.cseq() else {
            return self.send(&Response::new(400));
        };
        if let Some(refusal) = self.refusal(&request) {
            return self.reply(cseq, refusal);
        }
        if request.method != "OPTIONS" && !self.admit(now, cseq, &request) {
            return;
        }
        let response = match request.method.as_str() {
            "OPTIONS" => Response::new(200).with("Public", self.methods()),
            "DESCRIBE" => return self.describe(now, cseq, request),
            "ANNOUNCE" if self.options.accepts_push => return self.announce(now, cseq, request),
            "SETUP" => return self.setup(now, cseq, request),
            "PLAY" => return self.play(cseq, &request),
            "RECORD" if self.options.accepts_push => return self.record(now, cseq, &request),
            // Sent to stay alive; there are no parameters.
            "GET_PARAMETER" | "SET_PARAMETER" => Response::new(200),
            "TEARDOWN" => {
                self.reply(cseq, Response::new(200));
                return self.close();
            }
            "PAUSE" | "RECORD" | "ANNOUNCE" | "REDIRECT" => {
                Response::new(405).with("Allow", self.methods())
            }
            _ => Response::new(501).with("Public", self.methods()),
        };
        self.reply(cseq, response);
    }

    fn methods(&self) -> &'static str {
        if self.options.accepts_push { METHODS_WITH_PUSH } else { METHODS }
    }

    pub(super) fn reply(&mut self, cseq: u32, mut response: Response) {
        response.headers.push("CSeq", cseq.to_string());
        if let Some(id) = self.id.as_ref().filter(|_| response.is_success()) {
            let timeout_s = SESSION_TIMEOUT.as_secs();
            response.headers.push("Session", format!("{id};timeout={timeout_s}"));
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
        (named != self.id.as_deref()).then(|| Response::new(454))
    }

    /// Whether the request may be made; answers it if not.
    fn admit(&mut self, now: Instant, cseq: u32, request: &Request) -> bool {
        let verdict = self.guard.judge(now, request);
        match verdict {
            Verdict::In => return true,
            Verdict::Right => {
                self.outputs.push_back(Output::RightPassword);
                return true;
            }
            Verdict::Wrong => self.outputs.push_back(Output::WrongPassword),
            Verdict::Unanswered | Verdict::Stale => {}
        }
        let challenge = self.guard.challenge(now, &mut self.random, verdict);
        self.reply(cseq, challenge);
        if self.guard.is_worn_out() {
            self.close();
        }
        false
    }

    /// Asks the caller; no request is read before the answer.
    fn wait(&mut self, now: Instant, cseq: u32, request: Request, question: Output) {
        self.waiting = Some(Waiting { cseq, request, until: now + DESCRIBE_TIMEOUT });
        self.outputs.push_back(question);
    }

    fn describe(&mut self, now: Instant, cseq: u32, request: Request) {
        let accept = request.headers.get("Accept").unwrap_or("*/*").to_ascii_lowercase();
        if !["application/sdp", "application/*", "*/*"].iter().any(|form| accept.contains(form)) {
            return self.reply(cseq, Response::new(406));
        }
        let Some(name) = stream_name(&request.uri) else {
            return self.reply(cseq, Response::new(400));
        };
        if self.id.is_some() {
            // The caller has one stream in hand.
            return self.reply(cseq, Response::new(455));
        }
        self.wait(now, cseq, request, Output::Describe { name });
    }

    /// The answer to [`Output::Describe`].
    pub(super) fn answer_describe(
        &mut self,
        waiting: Waiting,
        description: Result<&Description, Refusal>,
    ) {
        let Waiting { cseq, request, .. } = waiting;
        let description = match description {
            Ok(description) => description,
            Err(refusal) => return self.reply(cseq, refusal.response()),
        };
        self.described = stream_name(&request.uri);
        self.described_audio = description.audio;
        if let Some(codec) = description.audio {
            self.audio.set_format(audio_payload_type(codec), codec.clock_hz());
        }
        if request.method == "SETUP" {
            return self.setup_reader(cseq, &request);
        }
        let response = Response::new(200)
            .with("Content-Base", format!("{}/", request.uri.trim_end_matches('/')))
            .with_body("application/sdp", description.sdp.as_str());
        self.reply(cseq, response);
    }

    fn announce(&mut self, now: Instant, cseq: u32, request: Request) {
        if !matches!(self.role, Role::None) || self.id.is_some() {
            return self.reply(cseq, Response::new(455));
        }
        match stream_name(&request.uri) {
            Some(name) if !request.body.is_empty() => {
                self.wait(now, cseq, request, Output::Announce { name });
            }
            _ => self.reply(cseq, Response::new(400)),
        }
    }

    /// The answer to [`Output::Announce`].
    pub(super) fn answer_announce(&mut self, waiting: Waiting, answer: Result<(), Refusal>) {
        let Waiting { cseq, request, .. } = waiting;
        let name = stream_name(&request.uri).unwrap_or_default();
        let response = match answer {
            Err(refusal) => refusal.response(),
            Ok(()) => match Recording::announced(name, &request.body) {
                Some(recording) => {
                    self.role = Role::Recording(Box::new(recording));
                    Response::new(200)
                }
                None => Refusal::Unsupported.response(),
            },
        };
        self.reply(cseq, response);
    }

    /// Nobody looked the answer up in time.
    pub(super) fn answer_nothing(&mut self, waiting: Waiting) {
        self.reply(waiting.cseq, Refusal::Unavailable.response());
    }

    fn setup(&mut self, now: Instant, cseq: u32, request: Request) {
        // A session is set up in its own name, and not changed once it runs.
        let is_foreign = request.headers.get("Session").is_none() && self.id.is_some();
        let is_running = match &self.role {
            Role::None => false,
            Role::Playing(playing) => playing.is_playing,
            Role::Recording(recording) if recording.is_recording() => true,
            Role::Recording(_) => return self.setup_publisher(cseq, &request),
        };
        if is_foreign || is_running {
            return self.reply(cseq, Response::new(455));
        }
        match stream_name(&request.uri) {
            None => self.reply(cseq, Response::new(400)),
            name if name == self.described => self.setup_reader(cseq, &request),
            Some(name) => self.wait(now, cseq, request, Output::Describe { name }),
        }
    }

    fn setup_reader(&mut self, cseq: u32, request: &Request) {
        let track = track_of(&request.uri);
        if track == Track::Audio && self.described_audio.is_none() {
            return self.reply(cseq, Response::new(404));
        }
        let agreed = Carrier::agree(request, self.options.udp_ports, track.first_channel());
        let Some((carrier, mut transport)) = agreed else {
            return self.reply(cseq, Response::new(461));
        };
        transport.ssrc = Some(self.media(track).ssrc());
        if !matches!(self.role, Role::Playing(_)) {
            self.role = Role::Playing(Playing::new(self.described.clone().unwrap_or_default()));
        }
        if let Role::Playing(playing) = &mut self.role {
            playing.set_up(track, carrier);
        }
        self.ensure_id();
        self.reply(cseq, Response::new(200).with("Transport", transport.to_value()));
    }

    fn setup_publisher(&mut self, cseq: u32, request: &Request) {
        let Role::Recording(recording) = &mut self.role else { return };
        let Some(section) = recording.section_of(&request.uri) else {
            return self.reply(cseq, Response::new(404));
        };
        let first_channel = u8::try_from(2 * section).unwrap_or(u8::MAX - 1);
        let agreed = Carrier::agree(request, self.options.udp_ports, first_channel);
        let Some((carrier, transport)) = agreed else {
            return self.reply(cseq, Response::new(461));
        };
        if !recording.set_up(section, carrier, self.random.next_u32()) {
            return self.reply(cseq, Response::new(455));
        }
        self.expectation = Some(recording.expectation());
        self.ensure_id();
        let transport = format!("{};mode=record", transport.to_value());
        self.reply(cseq, Response::new(200).with("Transport", transport));
    }

    fn ensure_id(&mut self) {
        let random = &mut self.random;
        self.id.get_or_insert_with(|| format!("{:016x}", random.next_u64()));
    }

    fn play(&mut self, cseq: u32, request: &Request) {
        if request.headers.get("Session").is_none() {
            return self.reply(cseq, Response::new(454));
        }
        let (video, audio) = (self.video.sequence(), self.audio.sequence());
        let Role::Playing(playing) = &mut self.role else {
            return self.reply(cseq, Response::new(455));
        };
        let begins = !std::mem::replace(&mut playing.is_playing, true);
        let name = playing.name.clone();
        let url = request.uri.trim_end_matches('/');
        let mut response = Response::new(200).with("Range", "npt=now-");
        if begins {
            let info = playing.tracks().map(|(track, _)| {
                let sequence = if track == Track::Video { video } else { audio };
                format!("url={url}/{};seq={sequence}", track.control())
            });
            response.headers.push("RTP-Info", info.collect::<Vec<_>>().join(","));
        }
        self.reply(cseq, response);
        if begins && !self.closed {
            self.outputs.push_back(Output::Play { name });
        }
    }

    fn record(&mut self, now: Instant, cseq: u32, request: &Request) {
        if request.headers.get("Session").is_none() {
            return self.reply(cseq, Response::new(454));
        }
        let Role::Recording(recording) = &mut self.role else {
            return self.reply(cseq, Response::new(455));
        };
        let begins = !recording.is_recording();
        let name = recording.name.clone();
        if !recording.start(now) {
            return self.reply(cseq, Response::new(455));
        }
        self.reply(cseq, Response::new(200));
        if begins && !self.closed {
            self.outputs.push_back(Output::Record { name });
        }
    }
}

impl Refusal {
    fn response(self) -> Response {
        let (status, reason) = match self {
            Self::NotFound => (404, "Not Found"),
            Self::Unavailable => (503, "Stream Not Available"),
            Self::Unsupported => (415, "Unsupported Media Type"),
            Self::NotPushable => (403, "This Stream Has A Source Of Its Own"),
            Self::Taken => (409, "Another Publisher Has This Stream"),
        };
        let mut response = Response::new(status);
        reason.clone_into(&mut response.reason);
        response
    }
}

/// The stream that a request URI names: its path, decoded, without query and track.
fn stream_name(uri: &str) -> Option<String> {
    let path = path_of(uri)?;
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    Some(percent_decode(Track::split(path).0.trim_matches('/')))
}

/// The track that a request URI names: clients put it behind the query, where there is one, or
/// before it.
fn track_of(uri: &str) -> Track {
    let path = uri.split('?').next().unwrap_or_default();
    let [whole, path] = [uri, path].map(|uri| Track::split(uri.trim_end_matches('/')).1);
    if whole == Track::Audio { whole } else { path }
}
