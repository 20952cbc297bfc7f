//! Axis' way to ask for an IDR: `SET_PARAMETER` with `Renew-Stream: yes` in its body (VAPIX,
//! Video Streaming API). It is for those cameras alone: others close the connection on a request
//! that they do not know.

use std::time::{Duration, Instant};

use super::output::Event;
use super::requests::Purpose;
use super::session::Step;
use super::{Client, Phase};
use crate::message::Response;
use crate::receive::Listener as _;
use crate::sdp::Sdp;

/// The body of the request.
pub(super) const BODY: &str = "Renew-Stream: yes\r\n";
/// A connection that ends so soon after an unanswered request ended because of it.
const BLAME: Duration = Duration::from_secs(5);

impl Client {
    /// Asks the camera for an IDR now, by `SET_PARAMETER`; whether it is playing, so that the
    /// request went out. [`Event::RenewalRefused`] tells if the camera does not take it.
    pub fn renew_stream(&mut self, now: Instant) -> bool {
        let Some(session) = self.session.as_ref().filter(|session| session.step == Step::Playing)
        else {
            return false;
        };
        if self.phase != Phase::Active {
            return false;
        }
        let uri = session.base.request_uri();
        let headers = vec![("Content-Type", "text/parameters".to_owned())];
        self.request(now, Purpose::Renewal, "SET_PARAMETER", &uri, headers);
        true
    }

    /// Whether the camera said that it is one of Axis', by `Server` or `a=tool`. Known once it
    /// has described its stream.
    #[must_use]
    pub fn is_axis(&self) -> bool {
        self.is_axis
    }

    pub(super) fn look_at_maker(&mut self, response: &Response, sdp: &Sdp) {
        let says_axis = |text: &str| {
            let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
            words.any(|word| word.eq_ignore_ascii_case("axis"))
        };
        let server = response.headers.get("Server");
        self.is_axis = [server, sdp.tool.as_deref()].into_iter().flatten().any(says_axis);
    }

    pub(super) fn renewal_refused(&mut self, harmful: bool) {
        self.told.event(Event::RenewalRefused { harmful });
    }

    /// The connection ended: perhaps because of what was just asked.
    pub(super) fn blame_renewal(&mut self, now: Instant) {
        let asked_at = self.session.as_ref().and_then(|s| s.requests.last_sent(Purpose::Renewal));
        if asked_at.is_some_and(|at| now.saturating_duration_since(at) < BLAME) {
            self.renewal_refused(true);
        }
    }
}
