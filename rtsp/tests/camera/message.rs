//! What a camera reads and writes on its connection, spelled out by hand.

/// A request as it came: names and values exactly as written.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// Takes one request off the front of `bytes`, if it is all there.
    pub fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        let mut lines = head.lines();
        let mut first = lines.next().unwrap().split(' ');
        let (method, url) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
        assert_eq!(first.next(), Some("RTSP/1.0"), "{head}");
        let pairs = lines.filter_map(|line| line.split_once(": "));
        let headers = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { method, url, headers })
    }

    /// A header in exactly this spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// `a-b` behind `name=` in the `Transport` header.
    pub fn transport_pair(&self, name: &str) -> Option<(u16, u16)> {
        let pair = self
            .header("Transport")?
            .split(';')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
        let (first, second) = pair.split_once('-')?;
        Some((first.parse().ok()?, second.parse().ok()?))
    }
}

/// A reply that is still being thought about.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Bytes that go out before and behind it.
    pub before: Vec<u8>,
    pub behind: Vec<u8>,
    /// Written instead of everything above.
    pub verbatim: Option<Vec<u8>>,
    /// Not written at all.
    pub silent: bool,
    /// The connection is closed behind it.
    pub close: bool,
}

impl Reply {
    pub fn new(status: &str) -> Self {
        Self { status: status.to_owned(), ..Self::default() }
    }

    pub fn refuse(&mut self, status: &str) {
        *self = Self { headers: std::mem::take(&mut self.headers), ..Self::new(status) };
        self.headers.retain(|(name, _)| name == "CSeq");
    }

    /// Sets a header, in the place of one with the same name.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.headers.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
    }

    pub fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(n, _)| n != name);
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn bytes(&self) -> Vec<u8> {
        if self.silent {
            return Vec::new();
        }
        let mut text = format!("RTSP/1.0 {}\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        let reply = [text.as_bytes(), b"\r\n", &self.body].concat();
        [&self.before, self.verbatim.as_ref().unwrap_or(&reply), &self.behind[..]].concat()
    }
}
