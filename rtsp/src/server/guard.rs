//! Who may come in: digest authentication, the server's side (RFC 2617 3.2.1, RFC 7616 3.3).
//!
//! One right answer lets a connection in, and it stays in: what it sets up lives and ends with it.
//! A nonce belongs to its connection, so an answer that was overheard opens no other.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use super::limits::{MAX_WRONG_ANSWERS, NONCE_LIFETIME};
use super::path_of;
use crate::auth::{Params, split_challenges};
use crate::digest::{self, Algorithm};
use crate::message::{Request, Response};
use crate::random::Random;
use crate::url::Credentials;

/// Realm of all streams.
const REALM: &str = "crosspoint";

/// What lets one connection in.
pub(super) struct Guard {
    /// None lets everybody in.
    credentials: Option<Credentials>,
    /// The challenge and until when it can be answered.
    nonce: Option<(String, Instant)>,
    is_in: bool,
    wrong_answers: u32,
}

/// What a request shows of the right to make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The connection was let in before.
    In,
    /// The right answer.
    Right,
    /// None, or none that can be understood.
    Unanswered,
    /// The right answer to a challenge that is too old.
    Stale,
    /// A wrong answer.
    Wrong,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("is_in", &self.is_in).finish_non_exhaustive()
    }
}

impl Guard {
    pub(super) fn new(credentials: Option<Credentials>) -> Self {
        let is_in = credentials.is_none();
        Self { credentials, nonce: None, is_in, wrong_answers: 0 }
    }

    pub(super) fn judge(&mut self, now: Instant, request: &Request) -> Verdict {
        if self.is_in {
            return Verdict::In;
        }
        let verdict = self.judge_answer(now, request);
        self.is_in = verdict == Verdict::Right;
        self.wrong_answers += u32::from(verdict == Verdict::Wrong);
        verdict
    }

    fn judge_answer(&self, now: Instant, request: &Request) -> Verdict {
        let Some(credentials) = &self.credentials else { return Verdict::Right };
        let header = request.headers.get("Authorization").unwrap_or_default();
        let answer = split_challenges(header)
            .into_iter()
            .find(|(scheme, _)| scheme.eq_ignore_ascii_case("Digest"));
        let Some(answer) = answer.and_then(|(_, params)| Answer::read(params)) else {
            return Verdict::Unanswered;
        };
        let expected = digest::response(&digest::Input {
            algorithm: answer.algorithm,
            username: &credentials.username,
            realm: REALM,
            password: &credentials.password,
            nonce: &answer.nonce,
            method: &request.method,
            uri: &answer.uri,
            cnonce: &answer.cnonce,
            count: answer.count,
        });
        let is_user = is_same(&answer.username, &credentials.username);
        let is_right = is_user & is_same(&answer.response.to_ascii_lowercase(), &expected);
        if !is_right || !is_about(&answer.uri, &request.uri) {
            return Verdict::Wrong;
        }
        match &self.nonce {
            Some((nonce, until)) if *nonce == answer.nonce && now < *until => Verdict::Right,
            _ => Verdict::Stale,
        }
    }

    /// The refusal that says how to answer. Of two challenges some clients take the last, which is
    /// the one that all know, and some the first, but answer it by MD5: both have one nonce.
    pub(super) fn challenge(
        &mut self,
        now: Instant,
        random: &mut Random,
        verdict: Verdict,
    ) -> Response {
        let present = self.nonce.take().filter(|(_, until)| {
            // A wrong answer gets another question.
            now < *until && verdict == Verdict::Unanswered
        });
        let (nonce, until) = present.unwrap_or_else(|| {
            let nonce = format!("{:016x}{:016x}", random.next_u64(), random.next_u64());
            (nonce, now + NONCE_LIFETIME)
        });
        let stale = if verdict == Verdict::Stale { ", stale=true" } else { "" };
        let mut response = Response::new(401);
        for algorithm in ["SHA-256", "MD5"] {
            let value = format!(
                "Digest realm=\"{REALM}\", nonce=\"{nonce}\"{stale}, algorithm={algorithm}"
            );
            response.headers.push("WWW-Authenticate", value);
        }
        self.nonce = Some((nonce, until));
        response
    }

    /// Whether this connection has guessed too often.
    pub(super) fn is_worn_out(&self) -> bool {
        self.wrong_answers >= MAX_WRONG_ANSWERS
    }
}

/// An `Authorization` header.
struct Answer {
    username: String,
    nonce: String,
    uri: String,
    response: String,
    cnonce: String,
    /// Of `qop=auth`, which is understood though it is not asked for.
    count: Option<u32>,
    algorithm: Algorithm,
}

impl Answer {
    fn read(params: Params) -> Option<Self> {
        let find = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        if find("realm")? != REALM {
            return None;
        }
        let algorithm = find("algorithm").map_or(Some(Algorithm::MD5), Algorithm::from_name)?;
        let count = match find("qop") {
            None | Some("") => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                Some(u32::from_str_radix(find("nc")?, 16).ok()?)
            }
            Some(_) => return None,
        };
        Some(Self {
            username: unescape(find("username")?),
            nonce: find("nonce")?.to_owned(),
            uri: find("uri")?.to_owned(),
            response: find("response")?.to_owned(),
            cnonce: find("cnonce").unwrap_or_default().to_owned(),
            count,
            algorithm,
        })
    }
}

/// Takes quoted pairs (RFC 2616 2.2) apart.
fn unescape(text: &str) -> String {
    let mut is_escaped = false;
    let kept = |c: &char| {
        is_escaped = *c == '\\' && !is_escaped;
        !is_escaped
    };
    text.chars().filter(kept).collect()
}

/// Whether the URI of an answer is that of the request. Some clients name the whole stream where
/// they ask for its track.
fn is_about(answered: &str, requested: &str) -> bool {
    let paths = path_of(answered).zip(path_of(requested));
    paths.is_some_and(|(answered, requested)| requested.starts_with(answered.trim_end_matches('/')))
}

/// Compares in a time that depends on nothing but the lengths.
fn is_same(a: &str, b: &str) -> bool {
    let pairs = a.bytes().zip(b.bytes());
    let difference = pairs.fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    (a.len() == b.len()) & (difference == 0)
}
