//! `http:` and `https:` URLs, as far as a client needs them (RFC 3986, RFC 9110
//! section 4.2). Paths are secrets with some services: nothing prints one.

use std::fmt;

use super::limits;

/// Where a request goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    tls: bool,
    /// In lower case, without the brackets of an IPv6 literal.
    host: String,
    port: u16,
    /// Path and query, from its `/` on.
    target: String,
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({})", self.origin())
    }
}

impl Url {
    /// Reads an absolute URL. None where it is none, or names a user.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > limits::URL_MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let rest = rest.split('#').next()?;
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => {
                let (host, port) = literal.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port)
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return None;
        }
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None if port.is_empty() => Self::default_port(tls),
            None => return None,
        };
        let root = if target.starts_with('/') { "" } else { "/" };
        Some(Self { tls, host: host.to_ascii_lowercase(), port, target: format!("{root}{target}") })
    }

    /// What a `Location` means here: an absolute or a relative reference (RFC 3986
    /// section 5.2).
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<Self> {
        let reference = reference.trim();
        if reference.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':')) {
            return Self::parse(reference);
        }
        let scheme = if self.tls { "https" } else { "http" };
        if reference.starts_with("//") {
            return Self::parse(&format!("{scheme}:{reference}"));
        }
        let reference = reference.split('#').next()?;
        let path = self.target.split('?').next()?;
        let (directory, _) = path.rsplit_once('/')?;
        let target = match reference.chars().next() {
            None => self.target.clone(),
            Some('/') => without_dots(reference),
            Some('?') => format!("{path}{reference}"),
            Some(_) => without_dots(&format!("{directory}/{reference}")),
        };
        Self::parse(&format!("{}{target}", self.origin()))
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Host name or address, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as they stand in a request.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The value of a request's `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let port = match self.port {
            port if port == Self::default_port(self.tls) => String::new(),
            port => format!(":{port}"),
        };
        format!("{open}{}{close}{port}", self.host)
    }

    /// Scheme, host and port: what may be shown of it.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }

    /// Whether what is secret here may be sent there: to the same host, and never from an
    /// encrypted connection to a plain one.
    #[must_use]
    pub fn trusts(&self, other: &Self) -> bool {
        self.host == other.host && (other.tls || !self.tls)
    }

    fn default_port(tls: bool) -> u16 {
        if tls { 443 } else { 80 }
    }
}

/// RFC 3986 section 5.2.4. The query is left alone.
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut kept: Vec<&str> = Vec::new();
    let last = path.rsplit('/').next().unwrap_or_default();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    if matches!(last, "." | "..") {
        kept.push("");
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &Url) -> String {
        format!("{}{}", url.origin(), url.target())
    }

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("https://SFU.example/whip/a?b=c#d").unwrap();
        assert_eq!((url.is_tls(), url.host(), url.port()), (true, "sfu.example", 443));
        assert_eq!((url.target(), url.authority().as_str()), ("/whip/a?b=c", "sfu.example"));
        let url = Url::parse("http://[::1]:8080?a").unwrap();
        assert_eq!((url.host(), url.port(), url.target()), ("::1", 8080, "/?a"));
        assert_eq!(url.authority(), "[::1]:8080");
        for text in ["", "h", "ftp://h/", "http://", "http://u:p@h/", "http://h:0/", "http://h:x/"]
        {
            assert_eq!(Url::parse(text), None, "{text}");
        }
        assert_eq!(Url::parse("http://h/a\r\nX: y"), None);
        assert_eq!(Url::parse("http://[::1/a"), None);
    }

    #[test]
    fn a_location_is_resolved_against_the_request() {
        let base = Url::parse("https://h:1/whip/room?x=1").unwrap();
        for (reference, expected) in [
            ("https://other/r/1", "https://other/r/1"),
            ("//other/r", "https://other/r"),
            ("/r/1?t=a:b", "https://h:1/r/1?t=a:b"),
            ("session/1", "https://h:1/whip/session/1"),
            ("../r/./1", "https://h:1/r/1"),
            ("../../../r", "https://h:1/r"),
            ("..", "https://h:1/"),
            ("?y=2", "https://h:1/whip/room?y=2"),
            ("", "https://h:1/whip/room?x=1"),
        ] {
            assert_eq!(shown(&base.resolve(reference).unwrap()), expected, "{reference}");
        }
        assert_eq!(base.resolve("ftp://h/a"), None);
        assert_eq!(base.resolve("/a b"), None);
    }

    #[test]
    fn a_secret_goes_to_the_same_host_and_never_into_the_open() {
        let trusts = |a: &str, b: &str| Url::parse(a).unwrap().trusts(&Url::parse(b).unwrap());
        assert!(trusts("http://h/a", "https://h:8443/b"));
        assert!(!trusts("https://h/a", "http://h/a"));
        assert!(!trusts("https://h/a", "https://h.evil/a"));
    }

    #[test]
    fn a_path_does_not_show() {
        assert_eq!(format!("{:?}", Url::parse("https://h/secret").unwrap()), "Url(https://h)");
    }
}
