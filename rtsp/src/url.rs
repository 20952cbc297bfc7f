//! RTSP URLs (RFC 2326 3.2) as users and cameras write them.
//!
//! Paths are kept byte for byte: cameras compare them, and digest authentication hashes them.
//! Credentials are taken out on parsing and never printed.

use std::fmt;

use crate::limits::MAX_URL_BYTES;

/// How a server is reached, by the scheme of its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `rtsp`: TCP.
    Rtsp,
    /// `rtsps`: TLS.
    Rtsps,
    /// `rtsp+http`: a [tunnel](crate::tunnel) through HTTP.
    RtspHttp,
    /// `rtsps+http`: a tunnel through HTTP over TLS.
    RtspsHttp,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Rtsp, Self::Rtsps, Self::RtspHttp, Self::RtspsHttp];

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Rtsps => "rtsps",
            Self::RtspHttp => "rtsp+http",
            Self::RtspsHttp => "rtsps+http",
        }
    }

    /// Port of URLs that name none.
    fn default_port(self) -> u16 {
        match self {
            Self::Rtsp => 554,
            Self::Rtsps => 322,
            Self::RtspHttp => 80,
            Self::RtspsHttp => 443,
        }
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Rtsps | Self::RtspsHttp)
    }

    /// Whether the connection is a tunnel through HTTP.
    #[must_use]
    pub fn is_tunnel(self) -> bool {
        matches!(self, Self::RtspHttp | Self::RtspsHttp)
    }
}

/// User name and password of a URL, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name; may be empty.
    pub username: String,
    /// Password; may be empty.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// The URL of a stream. `Display` and `Debug` leave the credentials out.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    credentials: Option<Credentials>,
    /// Without the brackets of an IPv6 literal.
    host: String,
    port: u16,
    /// Whether the port was written: cameras compare URLs as text.
    port_written: bool,
    /// Path and query, empty or from its `/` or `?` on.
    path: String,
}

/// Why a URL can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Longer than [`MAX_URL_BYTES`].
    TooLong,
    /// Contains a control character.
    Control,
    /// Does not begin with `rtsp://` or another of [`Scheme`].
    Scheme,
    /// Leads from an encrypted connection to one that is not.
    Downgrade,
    /// No host, or one with characters no host has.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "URL too long",
            Self::Control => "URL contains a control character",
            Self::Scheme => "URL does not begin with rtsp://",
            Self::Downgrade => "URL leads away from TLS",
            Self::Host => "URL has no valid host",
            Self::Port => "URL has no valid port",
        })
    }
}

impl std::error::Error for UrlError {}

impl Url {
    /// Reads an absolute URL. Passwords may contain `@`, `:`, `#`, `%` and, if the port does not
    /// read as a number otherwise, `/` and `?` as they are.
    ///
    /// # Errors
    /// If it is no usable URL of one of [`Scheme`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(UrlError::Control);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        Self::parse_authority(Scheme::from_name(scheme).ok_or(UrlError::Scheme)?, rest)
    }

    fn parse_authority(scheme: Scheme, rest: &str) -> Result<Self, UrlError> {
        let (userinfo, rest) = split_userinfo(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = split_host(authority)?;
        Ok(Self {
            scheme,
            credentials: userinfo.map(decode_userinfo),
            host: host.to_owned(),
            port: port.unwrap_or(scheme.default_port()),
            port_written: port.is_some(),
            path: path.replace(' ', "%20"),
        })
    }

    /// How the server is reached.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host name or address, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// User name and password, if the URL has any.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The same URL with other credentials.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The same URL without the query parameter of this name, with or without a value. None if
    /// there is none.
    #[must_use]
    pub fn without_parameter(&self, name: &str) -> Option<Self> {
        let (path, query) = self.path.split_once('?')?;
        let is_other = |parameter: &&str| {
            !parameter.split('=').next().unwrap_or_default().eq_ignore_ascii_case(name)
        };
        let kept: Vec<&str> = query.split('&').filter(is_other).collect();
        let kept = kept.join("&");
        let mark = if kept.is_empty() { "" } else { "?" };
        (kept != query).then(|| self.with_path(&format!("{path}{mark}{kept}")))
    }

    /// The URL as it goes into a request: without credentials. A tunnel is not seen from inside.
    #[must_use]
    pub fn request_uri(&self) -> String {
        let inside = if self.scheme == Scheme::Rtsps { Scheme::Rtsps } else { Scheme::Rtsp };
        format!("{}://{}{}", inside.name(), self.authority(), self.path)
    }

    /// Host and port as they were written: `host:port`.
    pub(crate) fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let port = if self.port_written { format!(":{}", self.port) } else { String::new() };
        format!("{open}{}{close}{port}", self.host)
    }

    /// Whether both name the same host: credentials may follow a redirect only then.
    #[must_use]
    pub fn same_host(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
    }

    /// The URL a redirect's `Location` leads to. Credentials go along only to the same host. Who
    /// came by a tunnel stays in it.
    ///
    /// # Errors
    /// If the location is no usable URL, or leads away from TLS.
    pub fn redirected(&self, location: &str) -> Result<Self, UrlError> {
        let location = location.trim();
        if location.contains("://") {
            let mut target = Self::parse(location)?;
            let same_host = self.same_host(&target);
            if self.scheme.is_tunnel() {
                // The location names the port of RTSP, which a tunnel does not use.
                target.scheme = self.scheme;
                (target.port, target.port_written) = match same_host {
                    true => (self.port, self.port_written),
                    false => (self.scheme.default_port(), false),
                };
            } else if self.scheme.is_tls() && !target.scheme.is_tls() {
                return Err(UrlError::Downgrade);
            }
            let credentials = self.credentials.clone().filter(|_| same_host);
            return Ok(target.with_credentials(credentials));
        }
        let target = self.with_path(&resolve(&self.path, location));
        check(&target.request_uri()).map(|()| target)
    }

    /// The base of all controls (RFC 2326 C.1.1) from what the server calls it: `Content-Base`,
    /// `Content-Location` or an absolute session control. Cameras write it without scheme, with
    /// two schemes, with an unbracketed IPv6 address, as a path, with the address of an inner
    /// network or of loopback. So only its path is taken; the host stays the one we dialled.
    #[must_use]
    pub fn base_from(&self, text: &str) -> Option<Self> {
        let mut text = text.trim();
        check(text).ok()?;
        let mut absolute = false;
        while let Some(rest) = strip_scheme(text) {
            (text, absolute) = (rest, true);
        }
        let path = match text.find('/') {
            Some(0) if !absolute => text,
            Some(at) if absolute || looks_like_host(text.get(..at)?) => text.get(at..)?,
            None if absolute || looks_like_host(text) => "",
            _ => return (!text.is_empty()).then(|| self.with_path(&resolve(&self.path, text))),
        };
        Some(self.with_path(path))
    }

    /// URL of a track by plain append: what most cameras expect, even behind a query.
    #[must_use]
    pub fn append_control(&self, control: &str) -> Option<String> {
        self.join_control(control, |base| {
            let slash = base.path.ends_with('/') || control.starts_with('/');
            let base_uri = base.request_uri();
            if slash { format!("{base_uri}{control}") } else { format!("{base_uri}/{control}") }
        })
    }

    /// URL of a track by RFC 3986 resolution: what the standard says, and a few servers want.
    #[must_use]
    pub fn resolve_control(&self, control: &str) -> Option<String> {
        self.join_control(control, |base| {
            base.with_path(&resolve(&base.path, control)).request_uri()
        })
    }

    fn join_control(&self, control: &str, join: impl Fn(&Self) -> String) -> Option<String> {
        if control.is_empty() || control == "*" {
            return Some(self.request_uri());
        }
        if strip_scheme(control).is_some() {
            return self.base_from(control).map(|url| url.request_uri());
        }
        let joined = join(self).replace(' ', "%20");
        check(&joined).ok().map(|()| joined)
    }

    fn with_path(&self, path: &str) -> Self {
        Self { path: path.replace(' ', "%20"), ..self.clone() }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.authority(), self.path)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

fn check(text: &str) -> Result<(), UrlError> {
    if text.len() > MAX_URL_BYTES {
        return Err(UrlError::TooLong);
    }
    if text.chars().any(char::is_control) { Err(UrlError::Control) } else { Ok(()) }
}

fn strip_scheme(text: &str) -> Option<&str> {
    ["rtsp://", "rtsps://"].iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| text.get(scheme.len()..))?
    })
}

/// `host:port` or an IPv4 address: the start of a URL that lacks its scheme.
fn looks_like_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    let port_only = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    port_only || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Credentials end at the last `@` of the authority. If the authority has none, but can not be
/// `host:port` either, a password with a slash in it hides the `@` behind the first slash.
fn split_userinfo(rest: &str) -> (Option<&str>, &str) {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or(rest);
    let within = match authority.contains('@') || split_host(authority).is_ok() {
        true => authority,
        false => rest,
    };
    match within.rfind('@') {
        Some(at) => (rest.get(..at), rest.get(at + 1..).unwrap_or_default()),
        None => (None, rest),
    }
}

fn split_host(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(UrlError::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| UrlError::Host)?;
            (host, rest.strip_prefix(':'))
        }
        None if authority.matches(':').count() > 1 => {
            authority.parse::<std::net::Ipv6Addr>().map_err(|_| UrlError::Port)?;
            (authority, None)
        }
        None => authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p))),
    };
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(allowed) {
        return Err(UrlError::Host);
    }
    match port {
        None | Some("") => Ok((host, None)),
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => Err(UrlError::Port),
            Ok(number) => Ok((host, Some(number))),
        },
    }
}

fn decode_userinfo(userinfo: &str) -> Credentials {
    let (username, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Credentials { username: percent_decode(username), password: percent_decode(password) }
}

/// A `%` that begins no escape stands for itself.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&first, rest)) = bytes.split_first() {
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.extend(u8::try_from(high * 16 + low));
                bytes = rest.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(first);
                bytes = rest;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Path and query of a relative reference (RFC 3986 5.2), for references without authority.
fn resolve(base: &str, reference: &str) -> String {
    let path = base.split('?').next().unwrap_or(base);
    if reference.is_empty() {
        return base.to_owned();
    }
    if reference.starts_with('?') {
        return format!("{path}{reference}");
    }
    if reference.starts_with('/') {
        return reference.to_owned();
    }
    let directory = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/");
    remove_dots(&format!("{directory}{reference}"))
}

/// RFC 3986 5.2.4, on the path only.
fn remove_dots(text: &str) -> String {
    let (path, query) = text.split_at(text.find('?').unwrap_or(text.len()));
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." if !last => {}
            "." => segments.push(""),
            ".." => {
                segments.pop();
                if last {
                    segments.push("");
                }
            }
            _ => segments.push(part),
        }
    }
    format!("/{}{query}", segments.join("/"))
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
