//! The requests of one connection: numbering, the headers all have, and whose reply is whose.

use std::collections::VecDeque;
use std::time::Instant;

use super::renewal;
use crate::auth::{AuthError, Authenticator};
use crate::limits::MAX_OUTSTANDING;
use crate::message::{Request, Response};
use crate::transport::SessionHeader;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The session can not go on without its reply.
    Step,
    /// Nobody waits for the reply.
    KeepAlive,
    /// Asks for an IDR; nobody waits for the reply, but a refusal is heard.
    Renewal,
}

/// A request without a reply yet.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) method: &'static str,
    pub(super) purpose: Purpose,
    pub(super) sent_at: Instant,
    uri: String,
    headers: Vec<(&'static str, String)>,
    cseq: u32,
    /// It carried an `Authorization`.
    authorized: bool,
    /// 1xx replies so far.
    informational: u32,
}

/// Whose reply a response is.
#[derive(Debug)]
pub(super) enum Match {
    /// The reply to a request, which is no longer waited for.
    Reply(Sent),
    /// A 1xx reply, the n-th of its request: more will follow.
    Informational(u32),
    /// Nobody's.
    Foreign,
}

/// Requests of one connection.
#[derive(Debug)]
pub(super) struct Requests {
    user_agent: String,
    last_cseq: u32,
    /// In the order of sending.
    outstanding: VecDeque<Sent>,
    /// Session of all following requests.
    pub(super) session: Option<SessionHeader>,
}

impl Requests {
    pub(super) fn new(user_agent: &str) -> Self {
        let user_agent = if user_agent.is_empty() { "rtsp" } else { user_agent }.to_owned();
        Self { user_agent, last_cseq: 0, outstanding: VecDeque::new(), session: None }
    }

    /// The bytes of a new request.
    pub(super) fn send(
        &mut self,
        now: Instant,
        auth: &mut Authenticator,
        purpose: Purpose,
        method: &'static str,
        uri: &str,
        headers: Vec<(&'static str, String)>,
    ) -> Vec<u8> {
        let (uri, sent_at) = (uri.to_owned(), now);
        let (cseq, authorized, informational) = (0, false, 0);
        let sent = Sent { method, purpose, sent_at, uri, headers, cseq, authorized, informational };
        self.send_again(now, auth, sent)
    }

    /// The bytes of a request that was sent before, with a new number and present credentials.
    pub(super) fn send_again(
        &mut self,
        now: Instant,
        auth: &mut Authenticator,
        mut sent: Sent,
    ) -> Vec<u8> {
        self.last_cseq += 1;
        let authorization = auth.authorization(sent.method, &sent.uri);
        sent.cseq = self.last_cseq;
        sent.sent_at = now;
        sent.authorized = authorization.is_some();
        // Some cameras know `CSeq` only in this spelling.
        let mut request = Request::new(sent.method, &*sent.uri)
            .with("CSeq", sent.cseq.to_string())
            .with("User-Agent", &*self.user_agent);
        if let Some(value) = authorization {
            request.headers.push("Authorization", value);
        }
        if let Some(session) = &self.session {
            request.headers.push("Session", &*session.id);
        }
        for (name, value) in &sent.headers {
            request.headers.push(*name, value);
        }
        if sent.purpose == Purpose::Renewal {
            request.body = renewal::BODY.into();
        }
        if self.outstanding.len() == MAX_OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back(sent);
        request.to_bytes()
    }

    /// Finds the request of a response. Without `CSeq` it belongs to the oldest. Refusals with a
    /// foreign one while nobody waits for a reply are about the oldest: some cameras count wrongly.
    pub(super) fn take(&mut self, response: &Response) -> (Match, bool) {
        let number = response.headers.cseq();
        let nobody_waits = self.outstanding.iter().all(|sent| sent.purpose != Purpose::Step);
        let position = match number {
            None => 0,
            Some(cseq) => match self.outstanding.iter().position(|sent| sent.cseq == cseq) {
                Some(position) => position,
                None if nobody_waits && response.status >= 400 => 0,
                None => return (Match::Foreign, false),
            },
        };
        let Some(sent) = self.outstanding.get_mut(position) else { return (Match::Foreign, false) };
        let exact = number == Some(sent.cseq);
        if response.status < 200 {
            sent.informational += 1;
            return (Match::Informational(sent.informational), exact);
        }
        match self.outstanding.remove(position) {
            Some(sent) => (Match::Reply(sent), exact),
            None => (Match::Foreign, false),
        }
    }

    /// The request whose reply the session waits for.
    pub(super) fn awaited(&self) -> Option<&Sent> {
        self.outstanding.iter().find(|sent| sent.purpose == Purpose::Step)
    }

    /// When the newest unanswered request of this purpose was sent.
    pub(super) fn last_sent(&self, purpose: Purpose) -> Option<Instant> {
        self.outstanding.iter().rev().find(|sent| sent.purpose == purpose).map(|sent| sent.sent_at)
    }

    /// Forgets keep-alives that were not answered; their method.
    pub(super) fn take_unanswered_keep_alive(&mut self) -> Option<&'static str> {
        let keep_alive = |sent: &Sent| sent.purpose == Purpose::KeepAlive;
        let method = self.outstanding.iter().find(|sent| keep_alive(sent)).map(|s| s.method);
        self.outstanding.retain(|sent| !keep_alive(sent));
        method
    }

    /// Takes a 401 into account: whether to send the request again, and if so, whether the nonce
    /// had changed.
    pub(super) fn unauthorized(
        auth: &mut Authenticator,
        sent: &Sent,
        response: &Response,
    ) -> Result<bool, AuthError> {
        auth.handle_unauthorized(&response.headers, sent.authorized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Side {
        requests: Requests,
        auth: Authenticator,
        now: Instant,
    }

    fn side() -> Side {
        let (requests, auth) = (Requests::new(""), Authenticator::new(None, 1));
        Side { requests, auth, now: Instant::now() }
    }

    impl Side {
        fn send(&mut self, purpose: Purpose, method: &'static str) -> String {
            let Self { requests, auth, now } = self;
            let bytes = requests.send(*now, auth, purpose, method, "rtsp://h/", Vec::new());
            String::from_utf8(bytes).unwrap()
        }

        /// The method a response is taken to answer.
        fn answered(&mut self, response: Response) -> Option<&'static str> {
            match self.requests.take(&response).0 {
                Match::Reply(sent) => Some(sent.method),
                _ => None,
            }
        }
    }

    fn reply(status: u16, cseq: &str) -> Response {
        Response::new(status).with("CSeq", cseq)
    }

    #[test]
    fn every_request_has_a_number_a_user_agent_and_the_session() {
        let mut side = side();
        let first = side.send(Purpose::Step, "OPTIONS");
        assert_eq!(first, "OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: rtsp\r\n\r\n");
        side.requests.session = SessionHeader::parse("a$b;timeout=5");
        let second = side.send(Purpose::Step, "PLAY");
        assert!(second.contains("CSeq: 2\r\n") && second.contains("Session: a$b\r\n"), "{second}");
    }

    #[test]
    fn replies_find_their_request_by_number_and_without_one_the_oldest() {
        let mut side = side();
        side.send(Purpose::KeepAlive, "GET_PARAMETER");
        side.send(Purpose::Step, "TEARDOWN");
        assert_eq!(side.answered(reply(200, "2")), Some("TEARDOWN"));
        assert_eq!(side.answered(reply(200, "2")), None);
        assert_eq!(side.answered(Response::new(200)), Some("GET_PARAMETER"));
        assert_eq!(side.answered(Response::new(200)), None);
    }

    #[test]
    fn odd_numbers_are_as_good_as_none() {
        for odd in ["x", "-1", "18446744073709551615", ""] {
            let mut side = side();
            side.send(Purpose::Step, "PLAY");
            assert_eq!(side.answered(reply(200, odd)), Some("PLAY"), "{odd}");
        }
        let mut side = side();
        side.send(Purpose::Step, "PLAY");
        assert_eq!(side.answered(reply(200, "1").with("CSeq", "2")), Some("PLAY"));
    }

    #[test]
    fn a_reply_to_a_number_never_sent_is_nobodys() {
        let mut side = side();
        side.send(Purpose::Step, "PLAY");
        assert_eq!(side.answered(reply(200, "7")), None);
        assert_eq!(side.answered(reply(400, "7")), None);
        assert_eq!(side.requests.awaited().map(|sent| sent.method), Some("PLAY"));
    }

    #[test]
    fn a_refusal_with_a_wrong_number_is_about_the_keep_alive() {
        let mut side = side();
        side.send(Purpose::KeepAlive, "GET_PARAMETER");
        assert_eq!(side.answered(reply(400, "0")), Some("GET_PARAMETER"));
    }

    #[test]
    fn informational_replies_end_nothing() {
        let mut side = side();
        side.send(Purpose::Step, "PLAY");
        for count in 1..4 {
            let found = side.requests.take(&reply(100, "1")).0;
            assert!(matches!(found, Match::Informational(n) if n == count), "{found:?}");
        }
        assert_eq!(side.answered(reply(200, "1")), Some("PLAY"));
    }

    #[test]
    fn requests_that_are_never_answered_are_forgotten() {
        let mut side = side();
        for _ in 0..10 * MAX_OUTSTANDING {
            side.send(Purpose::KeepAlive, "OPTIONS");
        }
        assert_eq!(side.requests.outstanding.len(), MAX_OUTSTANDING);
        assert_eq!(side.requests.take_unanswered_keep_alive(), Some("OPTIONS"));
        assert_eq!(side.requests.take_unanswered_keep_alive(), None);
    }
}
