//! How a camera asks for a password and checks the answer (RFC 2617, RFC 7616), by hand.

use base64::Engine as _;
use md5::{Digest, Md5};
use sha2::Sha256;

use super::message::Request;

/// Which answer opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Basic,
    Md5,
    Sha256,
}

/// A user, a password, and what is asked.
#[derive(Clone, Debug)]
pub struct Lock {
    pub username: String,
    pub password: String,
    pub accepts: Scheme,
    pub nonce: String,
    /// Values of the `WWW-Authenticate` headers; `{nonce}` stands for the present nonce.
    pub challenges: Vec<String>,
    /// Answers that were right.
    pub opened: usize,
    /// Answers that were wrong.
    pub refused: usize,
}

impl Lock {
    /// Asks for a digest, in the form most cameras use.
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
            accepts: Scheme::Md5,
            nonce: "6e1a4c".to_owned(),
            challenges: vec!["Digest realm=\"IP Camera\", nonce=\"{nonce}\"".to_owned()],
            opened: 0,
            refused: 0,
        }
    }

    pub fn challenges(&self) -> Vec<String> {
        self.challenges.iter().map(|value| value.replace("{nonce}", &self.nonce)).collect()
    }

    /// Whether the request has the right answer.
    pub fn opens(&mut self, request: &Request) -> bool {
        let Some(answer) = request.header("Authorization") else { return false };
        let right = match answer.split_once(' ') {
            Some(("Basic", text)) => self.accepts == Scheme::Basic && self.is_basic(text),
            Some(("Digest", text)) => {
                self.accepts != Scheme::Basic && self.is_digest(request, text)
            }
            _ => false,
        };
        *(if right { &mut self.opened } else { &mut self.refused }) += 1;
        right
    }

    fn is_basic(&self, text: &str) -> bool {
        let both = format!("{}:{}", self.username, self.password);
        base64::engine::general_purpose::STANDARD.encode(both) == text
    }

    fn is_digest(&self, request: &Request, text: &str) -> bool {
        let part = |name: &str| {
            let found = text.split(", ").find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
            found.map(|value| value.trim_matches('"')).unwrap_or_default()
        };
        let hash = |text: String| hex(self.accepts, &text);
        let secret = hash(format!("{}:{}:{}", self.username, part("realm"), self.password));
        let what = hash(format!("{}:{}", request.method, request.url));
        let middle = match part("qop") {
            "" => self.nonce.clone(),
            qop => [&self.nonce, part("nc"), part("cnonce"), qop].join(":"),
        };
        // The URL byte for byte, and the nonce that was given last.
        part("uri") == request.url
            && part("nonce") == self.nonce
            && part("username") == self.username
            && part("response") == hash(format!("{secret}:{middle}:{what}"))
    }
}

fn hex(scheme: Scheme, text: &str) -> String {
    let bytes = match scheme {
        Scheme::Sha256 => Sha256::digest(text).to_vec(),
        _ => Md5::digest(text).to_vec(),
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lock of RFC 2617 3.5 and its answer.
#[test]
fn the_cameras_lock_is_that_of_the_standard() {
    let mut lock = Lock::new("Mufasa", "Circle Of Life");
    lock.nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093".to_owned();
    let answer = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, \
        nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\"";
    let headers = vec![("Authorization".to_owned(), answer.to_owned())];
    let (method, url) = ("GET".to_owned(), "/dir/index.html".to_owned());
    let mut request = Request { method, url, headers };
    assert!(lock.opens(&request));
    request.method = "PUT".to_owned();
    assert!(!lock.opens(&request));
}
