//! TURN servers that somebody else's service lists: fetched over HTTP, chosen by what the list
//! says of them, fetched again in time, because such credentials end.
//!
//! Pure: bytes and time come in as arguments, what is to be done is polled.

mod choice;
pub mod limits;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use config::Relay;

use crate::http_client::{self, Url};

/// What the list wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Open a connection, in place of any other.
    Connect {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// Whether to speak TLS on it.
        tls: bool,
    },
    /// Send this on the connection.
    Send(Vec<u8>),
    /// Close the connection.
    Disconnect,
    /// These are the servers to use from now on, the best first; at least one.
    Relays(Vec<Relay>),
    /// The list can't be had now; why, without a secret. It will be tried again.
    Failed(String),
}

/// One list.
pub struct RelayList {
    url: Url,
    /// What is added to local time to get UTC, in minutes, as far as it is known.
    minutes_behind_utc: Option<i32>,
    phase: Phase,
    inbox: Vec<u8>,
    failures: u32,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Fetching { give_up_at: Instant },
    Resting { until: Instant },
}

impl fmt::Debug for RelayList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayList").field("origin", &self.url.origin()).finish_non_exhaustive()
    }
}

impl RelayList {
    /// Begins to fetch it. `minutes_behind_utc` is what JavaScript's `getTimezoneOffset` gives
    /// here, -840 to 720.
    #[must_use]
    pub fn new(now: Instant, url: Url, minutes_behind_utc: Option<i32>) -> Self {
        let (phase, inbox) = (Phase::Resting { until: now }, Vec::new());
        let (failures, outputs) = (0, VecDeque::new());
        let mut list = Self { url, minutes_behind_utc, phase, inbox, failures, outputs };
        list.fetch(now);
        list
    }

    /// Scheme, host and port, for the log.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether [`RelayList::poll_output`] has something.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// When [`RelayList::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        match self.phase {
            Phase::Fetching { give_up_at } => give_up_at,
            Phase::Resting { until } => until,
        }
    }

    /// The connection is up, TLS included if it was asked for.
    pub fn handle_connected(&mut self) {
        let headers = [("Accept", "application/json")];
        self.outputs
            .push_back(Output::Send(http_client::request("GET", &self.url, &headers, None)));
    }

    /// Bytes from the connection.
    pub fn handle_data(&mut self, now: Instant, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        self.read(now, None);
    }

    /// The connection could not be opened, or is closed.
    pub fn handle_closed(&mut self, now: Instant, reason: &str) {
        self.read(now, Some(reason));
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Fetching { give_up_at } if give_up_at <= now => {
                self.fail(now, "no answer in time".to_owned());
            }
            Phase::Resting { until } if until <= now => self.fetch(now),
            _ => {}
        }
    }

    /// A server of the list has failed: its credentials may be over.
    pub fn hurry(&mut self, now: Instant) {
        if let Phase::Resting { until } = &mut self.phase
            && self.failures == 0
        {
            *until = (*until).min(now + limits::HURRY_AFTER);
        }
    }

    fn fetch(&mut self, now: Instant) {
        self.inbox.clear();
        self.phase = Phase::Fetching { give_up_at: now + limits::FETCH_TIMEOUT };
        let (host, port, tls) = (self.url.host().to_owned(), self.url.port(), self.url.is_tls());
        self.outputs.push_back(Output::Connect { host, port, tls });
    }

    fn read(&mut self, now: Instant, closed: Option<&str>) {
        if !matches!(self.phase, Phase::Fetching { .. }) {
            return;
        }
        let response = match http_client::parse(&self.inbox, closed.is_some()) {
            Ok(Some(response)) => response,
            Ok(None) => return,
            Err(error) => {
                let reason = closed.filter(|_| self.inbox.is_empty());
                return self.fail(now, reason.map_or_else(|| error.to_string(), str::to_owned));
            }
        };
        if response.status != 200 {
            return self.fail(now, format!("the server answers {}", response.status));
        }
        let relays = choice::choose(&response.body, self.minutes_behind_utc);
        if relays.is_empty() {
            return self.fail(now, "there is no TURN server in the answer".to_owned());
        }
        self.failures = 0;
        self.rest(now, limits::FETCH_INTERVAL);
        self.outputs.push_back(Output::Relays(relays));
    }

    fn fail(&mut self, now: Instant, reason: String) {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = limits::BACKOFF_MIN.saturating_mul(factor).min(limits::BACKOFF_MAX);
        self.rest(now, wait);
        self.outputs.push_back(Output::Failed(reason));
    }

    fn rest(&mut self, now: Instant, time: Duration) {
        self.phase = Phase::Resting { until: now + time };
        self.outputs.push_back(Output::Disconnect);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(now: Instant) -> RelayList {
        let url = Url::parse("http://list.example/turn?key=hunter2").unwrap();
        let mut list = RelayList::new(now, url, None);
        let connect = Output::Connect { host: "list.example".into(), port: 80, tls: false };
        assert_eq!(outputs(&mut list), [connect]);
        list
    }

    fn outputs(list: &mut RelayList) -> Vec<Output> {
        std::iter::from_fn(|| list.poll_output()).collect()
    }

    fn failed(reason: &str) -> [Output; 2] {
        [Output::Disconnect, Output::Failed(reason.to_owned())]
    }

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n\
        {\"servers\":[{\"urls\":\"turn:t.example\",\"username\":\"u\",\"credential\":\"c\"}]}";

    #[test]
    fn a_list_is_fetched_and_fetched_again() {
        let now = Instant::now();
        let mut list = list(now);
        list.handle_connected();
        let Some(Output::Send(request)) = list.poll_output() else { panic!() };
        assert!(request.starts_with(b"GET /turn?key=hunter2 HTTP/1.1\r\nHost: list.example\r\n"));
        list.handle_data(now, ANSWER);
        assert_eq!(outputs(&mut list), []);
        list.handle_closed(now, "closed");
        let relays = outputs(&mut list);
        let [Output::Disconnect, Output::Relays(relays)] = &relays[..] else {
            panic!("{relays:?}")
        };
        assert_eq!(relays[0].to_string(), "turn:t.example:3478?transport=udp");
        assert_eq!(list.poll_timeout(), now + limits::FETCH_INTERVAL);
        list.hurry(now);
        assert_eq!(list.poll_timeout(), now + limits::HURRY_AFTER);
        list.handle_timeout(now + limits::HURRY_AFTER);
        assert!(matches!(outputs(&mut list)[..], [Output::Connect { .. }]));
        assert!(!format!("{list:?}").contains("hunter2"));
    }

    #[test]
    fn whatever_fails_is_said_and_tried_again_later_and_later() {
        let mut now = Instant::now();
        let mut list = list(now);
        list.handle_closed(now, "refused");
        assert_eq!(outputs(&mut list), failed("refused"));
        let mut answer = |bytes: &[u8], reason: &str| {
            let wait = list.poll_timeout() - now;
            now = list.poll_timeout();
            list.handle_timeout(now);
            list.handle_data(now, bytes);
            list.handle_closed(now, "closed");
            let all = outputs(&mut list);
            assert_eq!(all[1..], failed(reason));
            wait
        };
        let first = answer(b"HTTP/1.1 503 No\r\n\r\n", "the server answers 503");
        let second = answer(b"HTTP/1.1 200 OK\r\n\r\n{}", "there is no TURN server in the answer");
        assert_eq!((first, second), (limits::BACKOFF_MIN, limits::BACKOFF_MIN * 2));
        now = list.poll_timeout();
        list.handle_timeout(now);
        list.handle_timeout(now + limits::FETCH_TIMEOUT);
        assert_eq!(outputs(&mut list)[1..], failed("no answer in time"));
    }
}
