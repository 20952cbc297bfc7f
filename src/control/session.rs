//! The state machine of one WebSocket.

use std::collections::VecDeque;
use std::time::Instant;

use crate::engine::status::SlotStatus;

use super::limits::{CANDIDATES_MAX, HELD_FAILURES_MAX, OFFER_WITHIN, OUTPUTS_MAX, SLOTS_READ_MAX};
use super::message::{
    self, Form, MessageError, Reply, Request, SlotRequest, StreamRef, WebrtcForm, WireStatus,
};
use super::output::{Answer, Output};
use super::slots::{News, STREAM_NOT_FOUND, Slot, failure};

/// The text about a slot that `init` did not name.
const INVALID_SLOT: &str = "invalid slot index";
/// The text about a request that needs an `init` first.
const NO_SESSION: &str = "no active session";
/// The type in an error about a frame that has none.
const NO_TYPE: &str = "message";

/// What a session is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Most slots of one `multistream/init`, 1..=64.
    pub max_slots: usize,
    /// The `src` of the socket's query: the one stream of a `webrtc/*` session.
    pub src: Option<String>,
}

/// The state machine of one WebSocket.
#[derive(Debug)]
pub struct Session {
    options: SessionOptions,
    phase: Phase,
    family: Family,
    form: Form,
    slots: Vec<Slot>,
    /// Failures that the connection is awaited for to be told.
    held: Vec<WireStatus>,
    /// Candidates that came before the offer.
    candidates: Vec<String>,
    outputs: VecDeque<Output>,
}

/// How far the viewer is.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Idle,
    /// It has its slots; the offer is awaited.
    Open { until: Instant },
    /// [`Output::Offer`] is out.
    Offered { reply: OfferReply },
    /// ICE and DTLS are awaited.
    Answered,
    /// Media flows.
    Connected,
    /// The socket is being closed.
    Closed,
}

/// Whose messages the viewer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Multistream,
    Webrtc,
}

/// How the offer wants its answer.
#[derive(Debug, PartialEq, Eq)]
enum OfferReply {
    Multistream { request_id: Option<String> },
    Webrtc { form: WebrtcForm },
}

/// The socket's side.
impl Session {
    /// A session of a socket that was just opened.
    #[must_use]
    pub fn new(options: SessionOptions) -> Self {
        Self {
            options,
            phase: Phase::Idle,
            family: Family::Multistream,
            form: Form::default(),
            slots: Vec::new(),
            held: Vec::new(),
            candidates: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes a text frame; `known` tells whether a resolved stream name is configured.
    pub fn handle_text(&mut self, now: Instant, text: &str, known: &dyn Fn(&str) -> bool) {
        if self.phase == Phase::Closed {
            return;
        }
        match message::read(text) {
            Ok(request) => self.handle_request(now, request, known),
            Err(MessageError::Field(kind)) => self.error(kind, "invalid request"),
            Err(MessageError::Malformed) => self.refuse("malformed JSON", 1007),
            Err(MessageError::TooLong) => self.handle_oversize(now),
        }
    }

    /// Takes a binary frame, which is an error.
    pub fn handle_binary(&mut self, _now: Instant) {
        self.refuse("binary frames are not supported", 1003);
    }

    /// Takes the news that a frame was longer than `MESSAGE_MAX_BYTES`, which is an error.
    pub fn handle_oversize(&mut self, _now: Instant) {
        self.refuse("too long", 1009);
    }

    /// Whether the viewer goes on when the socket closes: a single-camera player closes its
    /// socket as soon as video shows.
    #[must_use]
    pub fn outlives_socket(&self) -> bool {
        self.family == Family::Webrtc
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// One error, then the end of the socket.
    fn refuse(&mut self, text: &'static str, code: u16) {
        if self.phase == Phase::Closed {
            return;
        }
        self.error(NO_TYPE, text);
        if self.phase == Phase::Closed {
            return;
        }
        if !self.outlives_socket() {
            self.end();
        }
        self.phase = Phase::Closed;
        self.outputs.push_back(Output::Close { code, reason: text });
    }

    fn push(&mut self, output: Output) {
        if self.outputs.len() < OUTPUTS_MAX {
            self.outputs.push_back(output);
            return;
        }
        // The owner does not poll: a session that forgets outputs must not go on.
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.outputs.push_back(Output::End);
            self.outputs.push_back(Output::Close { code: 1011, reason: "too many messages" });
        }
    }

    fn send(&mut self, reply: Reply<'_>) {
        self.push(Output::Send(reply.encode(self.form)));
    }

    fn error(&mut self, kind: &str, text: &str) {
        // The client rejects its oldest pending request on any error: none may overtake the
        // reply to an offer.
        if !matches!(self.phase, Phase::Offered { .. }) {
            self.send(Reply::Error { kind, text });
        }
    }
}

/// Requests.
impl Session {
    fn handle_request(&mut self, now: Instant, request: Request, known: &dyn Fn(&str) -> bool) {
        match request {
            Request::Init { request_id, slots, form } => {
                self.form = form;
                self.init(now, request_id, slots, known);
            }
            Request::Offer { request_id, sdp } => self.offer(request_id, sdp),
            Request::Switch { slot, stream } => self.switch(now, slot, stream, known),
            Request::Pause { slot } => self.pause(slot),
            Request::Resume { slot, stream } => self.resume(now, slot, stream, known),
            Request::Keyframe { request_id, slot } => self.keyframe(request_id.as_deref(), slot),
            Request::Ice { candidate } => self.candidate(Family::Multistream, candidate),
            Request::WebrtcCandidate { candidate } => self.candidate(Family::Webrtc, candidate),
            Request::WebrtcOffer { form, sdp } => self.webrtc_offer(form, sdp, known),
            Request::Close => {
                if self.family == Family::Multistream {
                    self.end();
                }
            }
            Request::Ignored => {}
        }
    }

    fn init(
        &mut self,
        now: Instant,
        request_id: Option<String>,
        requests: Vec<SlotRequest>,
        known: &dyn Fn(&str) -> bool,
    ) {
        let kind = "multistream/init";
        if self.phase != Phase::Idle {
            return self.error(kind, "session already initialized");
        }
        if let Err(text) = check_slots(&requests, self.options.max_slots, known) {
            return self.error(kind, text);
        }
        let takers = requests.iter().enumerate().filter(|(_, request)| request.audio);
        let audio = takers.map(|(position, _)| position).collect();
        self.slots = requests
            .into_iter()
            .map(|request| {
                let exists = known(&request.stream.resolved());
                Slot::new(request.slot, request.stream, exists)
            })
            .collect();
        let streams = self.slots.iter().map(Slot::existing).collect();
        self.family = Family::Multistream;
        self.phase = Phase::Open { until: now + OFFER_WITHIN };
        self.candidates.clear();
        self.push(Output::Open { slots: streams, audio });
        let slots = self.slots.len();
        self.send(Reply::Ready { request_id: request_id.as_deref(), slots });
    }

    fn offer(&mut self, request_id: Option<String>, sdp: String) {
        let kind = "multistream/offer";
        match (self.family, &self.phase) {
            (Family::Multistream, Phase::Open { .. }) => {}
            (Family::Multistream, Phase::Idle) | (Family::Webrtc, _) => {
                return self.error(kind, "session not initialized");
            }
            _ => return self.error(kind, "offer already answered"),
        }
        if sdp.is_empty() {
            return self.error(kind, "no sdp");
        }
        self.push_offer(sdp, OfferReply::Multistream { request_id });
    }

    /// A new offer on the same socket replaces its viewer.
    fn webrtc_offer(&mut self, form: WebrtcForm, sdp: String, known: &dyn Fn(&str) -> bool) {
        let kind = form.as_str();
        if self.family == Family::Multistream && self.phase != Phase::Idle {
            return self.error(kind, "session already initialized");
        }
        let Some(src) = self.options.src.clone().filter(|src| known(src)) else {
            return self.error(kind, STREAM_NOT_FOUND);
        };
        if sdp.is_empty() {
            return self.error(kind, "no sdp");
        }
        self.end(); // an idle session keeps the candidates that came before
        self.family = Family::Webrtc;
        self.push(Output::Open { slots: vec![Some(src)], audio: vec![0] });
        self.push_offer(sdp, OfferReply::Webrtc { form });
    }

    fn push_offer(&mut self, sdp: String, reply: OfferReply) {
        self.phase = Phase::Offered { reply };
        self.push(Output::Offer { sdp });
        for candidate in std::mem::take(&mut self.candidates) {
            self.push(Output::RemoteCandidate(candidate));
        }
    }

    fn candidate(&mut self, family: Family, candidate: String) {
        if candidate.is_empty() {
            return; // the end of candidates
        }
        match (&self.phase, family) {
            (Phase::Offered { .. } | Phase::Answered | Phase::Connected, _) => {
                self.push(Output::RemoteCandidate(candidate));
            }
            // Before `init` there is nothing it could belong to but a viewer that is gone.
            (Phase::Open { .. }, _) | (Phase::Idle, Family::Webrtc)
                if self.candidates.len() < CANDIDATES_MAX =>
            {
                self.candidates.push(candidate);
            }
            _ => {}
        }
    }

    fn switch(
        &mut self,
        now: Instant,
        number: i64,
        asked: StreamRef,
        known: &dyn Fn(&str) -> bool,
    ) {
        let stream = asked.resolved();
        let Some(position) = self.find("multistream/switch", number, &stream) else { return };
        if !known(&stream) {
            return self.stream_not_found(position, stream);
        }
        let Some(slot) = self.slots.get_mut(position) else { return };
        slot.begin_switch(now, asked);
        self.push(Output::Switch { position, stream });
    }

    fn pause(&mut self, number: i64) {
        let Some(position) = self.find("multistream/pause", number, "") else { return };
        let Some(slot) = self.slots.get_mut(position) else { return };
        slot.begin_pause();
        self.push(Output::Pause { position });
    }

    fn resume(
        &mut self,
        now: Instant,
        number: i64,
        asked: Option<StreamRef>,
        known: &dyn Fn(&str) -> bool,
    ) {
        let named = asked.as_ref().map(StreamRef::resolved).unwrap_or_default();
        let Some(position) = self.find("multistream/resume", number, &named) else { return };
        let Some(slot) = self.slots.get_mut(position) else { return };
        let asked = asked.unwrap_or_else(|| slot.last());
        let stream = asked.resolved();
        if !known(&stream) {
            return self.stream_not_found(position, stream);
        }
        let was_paused = slot.is_paused();
        slot.begin_switch(now, asked);
        // Unlike a switch, there is no old picture to go on with: say so at once.
        if was_paused && self.phase == Phase::Connected {
            let buffering = slot.buffering();
            self.send_status(buffering);
        }
        self.push(Output::Resume { position, stream });
    }

    fn keyframe(&mut self, request_id: Option<&str>, number: i64) {
        let kind = "multistream/keyframe";
        if !self.has_slots() {
            return self.error(kind, NO_SESSION);
        }
        let position = self.slots.iter().position(|slot| slot.number == number);
        if position.is_none() && number != -1 {
            return self.error(kind, INVALID_SLOT);
        }
        self.push(Output::Keyframe { position });
        self.send(Reply::Keyframe { request_id, slot: number });
    }

    /// The position of the client's slot, or its failure said.
    fn find(&mut self, kind: &str, number: i64, stream: &str) -> Option<usize> {
        if !self.has_slots() {
            self.error(kind, NO_SESSION);
            return None;
        }
        let found = self.slots.iter().position(|slot| slot.number == number);
        if found.is_none() {
            self.say_or_hold(failure(number, stream.to_owned(), INVALID_SLOT));
        }
        found
    }

    /// Says that the request failed, then what is shown all the same.
    fn stream_not_found(&mut self, position: usize, stream: String) {
        let Some(slot) = self.slots.get_mut(position) else { return };
        let failed = slot.failure(stream, STREAM_NOT_FOUND);
        // Unless a switch is under way: the present status would be taken for its result.
        let connected = self.phase == Phase::Connected;
        let present = (connected && !slot.is_switching()).then(|| slot.present());
        let present = present.filter(|present| *present != failed);
        self.say_or_hold(failed);
        self.send_status(present);
    }

    fn has_slots(&self) -> bool {
        self.family == Family::Multistream && self.phase != Phase::Idle
    }
}

/// The viewer's side.
impl Session {
    /// Takes the answer to [`Output::Offer`], or why there is none.
    pub fn handle_answer(&mut self, now: Instant, answer: Result<Answer, String>) {
        let Phase::Offered { reply } = std::mem::replace(&mut self.phase, Phase::Answered) else {
            return;
        };
        match (reply, answer) {
            (OfferReply::Multistream { request_id }, Ok(answer)) => {
                let slots: Vec<WireStatus> = self.slots.iter_mut().map(Slot::present).collect();
                let request_id = request_id.as_deref();
                self.send(Reply::Answer { request_id, sdp: &answer.sdp, slots: &slots });
                self.handle_candidates(&answer.candidates);
            }
            (OfferReply::Webrtc { form }, Ok(answer)) => {
                self.send(Reply::WebrtcAnswer { form, sdp: &answer.sdp });
                self.handle_candidates(&answer.candidates);
            }
            (OfferReply::Multistream { .. }, Err(text)) => {
                self.phase = Phase::Open { until: now + OFFER_WITHIN };
                self.error("multistream/offer", &text);
            }
            (OfferReply::Webrtc { form }, Err(text)) => {
                self.end();
                self.error(form.as_str(), &text);
            }
        }
    }

    /// Tells the viewer of addresses of ours: those of the answer, or later ones.
    pub fn handle_candidates(&mut self, candidates: &[String]) {
        for candidate in candidates.iter().take(CANDIDATES_MAX) {
            self.send(match self.family {
                Family::Multistream => Reply::Ice(candidate),
                Family::Webrtc => Reply::WebrtcCandidate(candidate),
            });
        }
    }

    /// ICE and DTLS are up. Once: what was held back is said, then every slot's status.
    pub fn handle_connected(&mut self, _now: Instant) {
        if self.phase != Phase::Answered {
            return;
        }
        self.phase = Phase::Connected;
        for failed in std::mem::take(&mut self.held) {
            self.send(Reply::Status(&failed));
        }
        // A slot that is switching says its status with the result.
        let settled = self.slots.iter_mut().filter(|slot| !slot.is_switching());
        for status in settled.map(Slot::present).collect::<Vec<_>>() {
            self.send(Reply::Status(&status));
        }
    }

    /// The connection failed, or stayed lost beyond its grace period.
    pub fn handle_lost(&mut self, _now: Instant) {
        if !matches!(self.phase, Phase::Answered | Phase::Connected) {
            return;
        }
        if self.family == Family::Multistream {
            self.send(Reply::Disconnected);
        }
        self.end();
    }

    /// Takes what a slot really shows; repetitions do no harm.
    pub fn handle_slot_status(&mut self, _now: Instant, position: usize, status: &SlotStatus) {
        if !self.has_slots() {
            return;
        }
        let Some(slot) = self.slots.get_mut(position) else { return };
        match slot.handle_truth(status) {
            News::None => {}
            News::Failure(failed) => self.say_or_hold(failed),
            // Before, it is said in the answer and on connecting.
            News::Status(_) if self.phase != Phase::Connected => {}
            News::Status(_) => {
                let present = slot.present();
                self.send_status(Some(present));
            }
        }
    }

    /// The time of [`Session::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Open { until } if until <= now => self.end(),
            Phase::Connected => {
                let due = |slot: &&mut Slot| slot.buffering_at().is_some_and(|at| at <= now);
                let due = self.slots.iter_mut().filter(due);
                for status in due.filter_map(Slot::buffering).collect::<Vec<_>>() {
                    self.send_status(Some(status));
                }
            }
            _ => {}
        }
    }

    /// When [`Session::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } => Some(until),
            Phase::Connected => self.slots.iter().filter_map(Slot::buffering_at).min(),
            _ => None,
        }
    }

    /// Releases the viewer, if there is one; another `init` or offer may follow.
    fn end(&mut self) {
        if self.phase == Phase::Idle || self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Idle;
        self.family = Family::Multistream;
        self.slots.clear();
        self.held.clear();
        self.candidates.clear();
        self.push(Output::End);
    }

    fn send_status(&mut self, status: Option<WireStatus>) {
        if let Some(status) = status {
            self.send(Reply::Status(&status));
        }
    }

    fn say_or_hold(&mut self, failed: WireStatus) {
        if self.phase == Phase::Connected {
            self.send(Reply::Status(&failed));
        } else if self.held.len() < HELD_FAILURES_MAX {
            self.held.push(failed);
        }
    }
}

fn check_slots(
    requests: &[SlotRequest],
    max_slots: usize,
    known: &dyn Fn(&str) -> bool,
) -> Result<(), &'static str> {
    if requests.is_empty() {
        return Err("no slots requested");
    }
    if requests.len() > max_slots.min(SLOTS_READ_MAX - 1) {
        return Err("too many slots requested");
    }
    if requests.iter().any(|request| request.slot < 0) {
        return Err(INVALID_SLOT);
    }
    let is_repeated = |(i, request): (usize, &SlotRequest)| {
        requests.iter().take(i).any(|earlier| earlier.slot == request.slot)
    };
    if requests.iter().enumerate().any(is_repeated) {
        return Err("duplicate slot index");
    }
    if !requests.iter().any(|request| known(&request.stream.resolved())) {
        return Err("no valid slots could be created");
    }
    Ok(())
}
