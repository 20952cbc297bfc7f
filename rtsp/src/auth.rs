//! Authentication of a client (RFC 2617, RFC 7616, RFC 2326 1.6): which challenge to answer, and
//! the `Authorization` header of every request after it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::{self, Algorithm, Hash};
use crate::limits::{MAX_AUTH_ROUNDS, MAX_AUTH_VALUE_BYTES, MAX_CHALLENGES};
use crate::message::Headers;
use crate::random::Random;
use crate::url::Credentials;

/// One way of authentication offered by a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Password in the clear.
    Basic,
    /// Digest access authentication.
    Digest(DigestChallenge),
}

/// Parameters of a digest challenge. Values are kept as sent, escapes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestChallenge {
    /// Realm.
    pub realm: String,
    /// Nonce.
    pub nonce: String,
    /// To be echoed, if present; may be empty.
    pub opaque: Option<String>,
    /// How to compute the response.
    pub algorithm: Algorithm,
    /// The algorithm as sent, to be echoed; none if the challenge has none.
    pub algorithm_name: Option<String>,
    /// `qop` contains `auth`; else the form of RFC 2069 is used.
    pub qop_auth: bool,
    /// The nonce was too old, the password is right.
    pub stale: bool,
}

impl Challenge {
    /// All challenges we can answer, from all `WWW-Authenticate` headers, in order.
    #[must_use]
    pub fn parse_all(headers: &Headers) -> Vec<Self> {
        let values = headers.get_all("WWW-Authenticate");
        let raw = values.flat_map(split_challenges).take(MAX_CHALLENGES);
        raw.filter_map(|(scheme, params)| Self::from_params(&scheme, &params)).collect()
    }

    fn from_params(scheme: &str, params: &[(String, String)]) -> Option<Self> {
        if scheme.eq_ignore_ascii_case("Basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        if params.iter().any(|(_, value)| value.len() > MAX_AUTH_VALUE_BYTES) {
            return None;
        }
        let find = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let algorithm_name = find("algorithm").filter(|name| !name.is_empty());
        let algorithm = algorithm_name.map_or(Some(Algorithm::MD5), Algorithm::from_name)?;
        let qop = find("qop").unwrap_or("");
        let mut qops = qop.split(',').map(str::trim).filter(|item| !item.is_empty()).peekable();
        let qop_sent = qops.peek().is_some();
        let qop_auth = qops.any(|item| item.eq_ignore_ascii_case("auth"));
        if qop_sent && !qop_auth {
            return None;
        }
        Some(Self::Digest(DigestChallenge {
            realm: find("realm").unwrap_or("").to_owned(),
            nonce: find("nonce").filter(|nonce| !nonce.is_empty())?.to_owned(),
            opaque: find("opaque").map(str::to_owned),
            algorithm,
            algorithm_name: algorithm_name.map(str::to_owned),
            qop_auth,
            stale: find("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        }))
    }

    /// Order of preference, the highest first to be tried.
    fn strength(&self) -> u8 {
        match self {
            Self::Basic => 0,
            Self::Digest(digest) if digest.algorithm.hash == Hash::Md5 => 1,
            Self::Digest(_) => 2,
        }
    }

    fn nonce(&self) -> Option<&str> {
        match self {
            Self::Basic => None,
            Self::Digest(digest) => Some(&digest.nonce),
        }
    }
}

pub(crate) type Params = Vec<(String, String)>;

/// Splits a header value into schemes and their parameters, names in lower case. One value may
/// hold several challenges, and commas separate those just as they separate parameters.
pub(crate) fn split_challenges(value: &str) -> Vec<(String, Params)> {
    let mut found: Vec<(String, Params)> = Vec::new();
    for element in split_unquoted(value) {
        let (name, rest) = split_word(element);
        if name.is_empty() {
            continue;
        }
        let param = if rest.starts_with('=') {
            element
        } else {
            if found.len() == MAX_CHALLENGES {
                break;
            }
            found.push((name.to_owned(), Vec::new()));
            rest
        };
        if let (Some((_, params)), Some((name, value))) = (found.last_mut(), param.split_once('='))
        {
            // Of parameters that appear twice, the first counts.
            params.push((name.trim().to_ascii_lowercase(), unquote(value).to_owned()));
        }
    }
    found
}

/// A leading token and what follows it, spaces removed between.
fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

fn split_unquoted(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(move |c: char| {
            let was_escaped = std::mem::take(&mut escaped);
            match c {
                '\\' if quoted && !was_escaped => escaped = true,
                '"' if !was_escaped => quoted = !quoted,
                ',' if !quoted => return true,
                _ => {}
            }
            false
        })
        .map(str::trim)
}

/// An unterminated quote ends where the value ends.
fn unquote(value: &str) -> &str {
    let value = value.trim();
    match value.strip_prefix('"') {
        Some(inner) => inner.strip_suffix('"').unwrap_or(inner),
        None => value,
    }
}

/// Why no further attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// The server wants credentials, there are none.
    NoCredentials,
    /// The server refused them.
    Refused,
    /// None of its challenges is one we know.
    Unsupported,
}

/// Answers challenges with one set of credentials for one server.
#[derive(Clone)]
pub struct Authenticator {
    credentials: Option<Credentials>,
    chosen: Option<Challenge>,
    /// Requests sent with the present nonce.
    count: u32,
    /// Refusals in a row that were not about a stale nonce.
    refusals: u32,
    /// Stale nonces in a row: a server that calls every nonce stale must not loop us.
    stale: u32,
    /// The present nonce was good at least once.
    accepted: bool,
    random: Random,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("refusals", &self.refusals).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// An authenticator that sends nothing until challenged. `seed` feeds the client nonces.
    #[must_use]
    pub fn new(credentials: Option<Credentials>, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { credentials, chosen: None, count: 0, refusals: 0, stale: 0, accepted: false, random }
    }

    /// A reply with status 401. `answered` says whether its request carried an `Authorization`.
    /// On success the request is to be sent again. Returns whether the nonce changed although
    /// there had been one before.
    ///
    /// # Errors
    /// When sending the request again can not help.
    pub fn handle_unauthorized(
        &mut self,
        headers: &Headers,
        answered: bool,
    ) -> Result<bool, AuthError> {
        if self.credentials.is_none() {
            return Err(AuthError::NoCredentials);
        }
        let mut offered = Challenge::parse_all(headers);
        // Stable: of equals, the one listed first.
        offered.sort_by_key(|challenge| std::cmp::Reverse(challenge.strength()));
        let refused = answered && !self.expired(&offered);
        if refused {
            self.refusals += 1;
        } else if answered {
            self.stale += 1;
        }
        if self.refusals >= MAX_AUTH_ROUNDS || self.stale > MAX_AUTH_ROUNDS {
            return Err(AuthError::Refused);
        }
        // Some cameras offer what they do not accept: after a refusal, the next way of the list.
        let skip = if refused { self.strength() } else { None };
        let next = offered.iter().find(|challenge| Some(challenge.strength()) != skip);
        let chosen = next.or(offered.first()).cloned().ok_or(AuthError::Unsupported)?;
        let before = self.chosen.as_ref().and_then(Challenge::nonce);
        let same = before == chosen.nonce();
        if refused && same && Some(chosen.strength()) == skip {
            return Err(AuthError::Refused);
        }
        let changed = before.is_some() && !same;
        if !same {
            self.count = 0;
        }
        self.chosen = Some(chosen);
        self.accepted = false;
        Ok(changed)
    }

    /// Whether the refusal is about the age of the nonce: the server says so, or a nonce that was
    /// good before has been replaced.
    fn expired(&self, offered: &[Challenge]) -> bool {
        let present = self.chosen.as_ref().and_then(Challenge::nonce);
        offered.iter().any(|challenge| match challenge {
            Challenge::Basic => false,
            Challenge::Digest(digest) => {
                let replaced = present.is_some_and(|nonce| nonce != digest.nonce);
                digest.stale || (self.accepted && replaced)
            }
        })
    }

    fn strength(&self) -> Option<u8> {
        self.chosen.as_ref().map(Challenge::strength)
    }

    /// A reply other than 401: the credentials are right. Takes up `nextnonce` (RFC 2617 3.2.3).
    pub fn handle_accepted(&mut self, headers: &Headers) {
        self.refusals = 0;
        self.stale = 0;
        self.accepted = self.chosen.is_some();
        let Some(Challenge::Digest(digest)) = &mut self.chosen else { return };
        let mut infos = headers.get_all("Authentication-Info").flat_map(split_unquoted);
        let nextnonce = infos.find_map(|element| {
            let (name, value) = element.split_once('=')?;
            name.trim().eq_ignore_ascii_case("nextnonce").then(|| unquote(value))
        });
        if let Some(nonce) = nextnonce.filter(|nonce| !nonce.is_empty())
            && nonce.len() <= MAX_AUTH_VALUE_BYTES
        {
            digest.nonce = nonce.to_owned();
            self.count = 0;
        }
    }

    /// Value of the `Authorization` header for a request; none before the first challenge. `uri`
    /// has to be what the request line says.
    pub fn authorization(&mut self, method: &str, uri: &str) -> Option<String> {
        let credentials = self.credentials.as_ref()?;
        let Credentials { username, password } = credentials;
        match self.chosen.as_ref()? {
            Challenge::Basic => {
                Some(format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
            }
            Challenge::Digest(challenge) => {
                self.count = self.count.wrapping_add(1);
                let cnonce = format!("{:016x}", self.random.next_u64());
                Some(authorize(challenge, credentials, method, uri, self.count, &cnonce))
            }
        }
    }
}

fn authorize(
    challenge: &DigestChallenge,
    credentials: &Credentials,
    method: &str,
    uri: &str,
    count: u32,
    cnonce: &str,
) -> String {
    let DigestChallenge { realm, nonce, algorithm, qop_auth, .. } = challenge;
    let response = digest::response(&digest::Input {
        algorithm: *algorithm,
        username: &credentials.username,
        realm,
        password: &credentials.password,
        nonce,
        method,
        uri,
        cnonce,
        count: qop_auth.then_some(count),
    });
    let username = credentials.username.replace('\\', "\\\\").replace('"', "\\\"");
    let mut value = format!(
        "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", \
         uri=\"{uri}\", response=\"{response}\""
    );
    if let Some(name) = &challenge.algorithm_name {
        value.push_str(&format!(", algorithm={name}"));
    }
    if *qop_auth {
        value.push_str(&format!(", qop=auth, nc={count:08x}"));
    }
    if *qop_auth || algorithm.session {
        value.push_str(&format!(", cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = &challenge.opaque {
        value.push_str(&format!(", opaque=\"{opaque}\""));
    }
    value
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
