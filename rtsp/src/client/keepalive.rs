//! Which request keeps a session alive, and how often (RFC 2326 10.8, 12.37).
//!
//! No method works with every camera: some refuse `GET_PARAMETER` although they announce it, or
//! close the connection on it; some answer nothing at all. So what failed once is not tried again
//! with that camera, and no reply is waited for. RTCP receiver reports go out besides.

use std::time::Duration;

use super::options::KeepAlive;

/// What was learned about a camera, kept across sessions.
#[derive(Debug)]
pub(super) struct Ladder {
    policy: KeepAlive,
    get_parameter: Trial,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    /// Not answered so far.
    Untried,
    Works,
    Failed,
}

impl Ladder {
    pub(super) fn new(policy: KeepAlive) -> Self {
        Self { policy, get_parameter: Trial::Untried }
    }

    /// The method to use. `public` is the header of the reply to OPTIONS.
    pub(super) fn method(&self, public: Option<&str>) -> &'static str {
        let announces = |list: &str| {
            list.split(',').any(|method| method.trim().eq_ignore_ascii_case("GET_PARAMETER"))
        };
        let get_parameter = match self.policy {
            KeepAlive::Auto => public.is_some_and(announces) && self.get_parameter != Trial::Failed,
            KeepAlive::GetParameter => true,
            KeepAlive::Options => false,
        };
        if get_parameter { "GET_PARAMETER" } else { "OPTIONS" }
    }

    /// Whether the next keep-alive has to come early, because this one may do nothing.
    pub(super) fn is_doubtful(&self, method: &str) -> bool {
        method == "GET_PARAMETER" && self.get_parameter == Trial::Untried
    }

    /// A keep-alive was answered as it should be.
    pub(super) fn worked(&mut self, method: &str) {
        if method == "GET_PARAMETER" && self.get_parameter == Trial::Untried {
            self.get_parameter = Trial::Works;
        }
    }

    /// A keep-alive was refused, not answered, or the connection ended on it. Returns whether
    /// another method is used from now on.
    pub(super) fn failed(&mut self, method: &str) -> bool {
        let fails = method == "GET_PARAMETER" && self.get_parameter != Trial::Failed;
        if fails {
            self.get_parameter = Trial::Failed;
        }
        fails && self.policy == KeepAlive::Auto
    }
}

/// Time between keep-alives for a session timeout: half of it, in time for a slow one, at least
/// 1 s, and at most 30 s because some cameras mean less than they say.
pub(super) fn interval(session_timeout: Duration) -> Duration {
    let half = session_timeout.min(Duration::from_secs(60)) / 2;
    let latest = session_timeout.saturating_sub(Duration::from_secs(5));
    half.min(latest).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alives_come_in_time_for_every_session_timeout() {
        let seconds = |timeout| interval(Duration::from_secs(timeout)).as_millis();
        assert_eq!(seconds(60), 30_000);
        assert_eq!(seconds(86_400), 30_000);
        assert_eq!(seconds(15), 7_500);
        assert_eq!(seconds(8), 3_000);
        assert_eq!(seconds(1), 1_000);
    }

    #[test]
    fn a_method_that_failed_once_is_not_used_again() {
        let mut ladder = Ladder::new(KeepAlive::Auto);
        let public = Some("OPTIONS, get_parameter,PLAY");
        assert_eq!(ladder.method(public), "GET_PARAMETER");
        assert!(ladder.failed("GET_PARAMETER"));
        assert_eq!(ladder.method(public), "OPTIONS");
        assert!(!ladder.failed("GET_PARAMETER"));
        assert!(!ladder.failed("OPTIONS"));
        assert_eq!(ladder.method(public), "OPTIONS");
    }

    #[test]
    fn get_parameter_is_used_only_if_announced() {
        let ladder = Ladder::new(KeepAlive::Auto);
        assert_eq!(ladder.method(None), "OPTIONS");
        assert_eq!(ladder.method(Some("PLAY, SET_PARAMETER")), "OPTIONS");
    }

    #[test]
    fn a_method_that_is_configured_is_used_whatever_happens() {
        for (policy, method) in
            [(KeepAlive::Options, "OPTIONS"), (KeepAlive::GetParameter, "GET_PARAMETER")]
        {
            let mut ladder = Ladder::new(policy);
            assert!(!ladder.failed("GET_PARAMETER"));
            assert_eq!(ladder.method(None), method);
            assert_eq!(ladder.method(Some("GET_PARAMETER")), method);
        }
    }
}
