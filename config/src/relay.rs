//! TURN servers that the program itself relays its media by, out of the file.

use std::fmt;

use crate::camera::{self, is_host_port};
use crate::limits::{RELAYS_MAX, URL_MAX_BYTES};
use crate::model::Tls;
use crate::reader::Reader;
use crate::schema::read_login;
use crate::tree::{Node, Value};
use crate::url::SecretUrl;

const RELAY: &[&str] = &["urls", "username", "credential", "tls"];
/// Ports of `turn:` and `turns:` (RFC 7065 section 3.2).
const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;

/// One TURN server, reached in one way.
#[derive(Clone, PartialEq, Eq)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is reached.
    pub transport: RelayTransport,
    /// The user.
    pub username: String,
    /// The password.
    pub credential: String,
    /// How it proves who it is, where it is reached through TLS.
    pub tls: Tls,
}

/// How a TURN server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayTransport {
    /// UDP: `turn:`.
    Udp,
    /// TCP: `turn:` with `?transport=tcp`.
    Tcp,
    /// TLS over TCP: `turns:`.
    Tls,
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, transport) = match self.transport {
            RelayTransport::Udp => ("turn", "udp"),
            RelayTransport::Tcp => ("turn", "tcp"),
            RelayTransport::Tls => ("turns", "tcp"),
        };
        let host = &self.host;
        match host.contains(':') {
            true => write!(f, "{scheme}:[{host}]:{}?transport={transport}", self.port),
            false => write!(f, "{scheme}:{host}:{}?transport={transport}", self.port),
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({self})")
    }
}

/// Whether media may go from address to address, or by relays alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IceTransportPolicy {
    /// By whatever way there is.
    #[default]
    All,
    /// By relays alone: no peer learns an address of this machine.
    Relay,
}

/// Reads the list; one entry may have several addresses, each of which is a relay.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<Relay> {
    let mut relays = Vec::new();
    for (index, item) in reader.items(node, RELAYS_MAX) {
        if !cfg!(feature = "relay") {
            reader.problem(item, "this program was built without relays");
            break;
        }
        relays.extend(reader.at_index(&index, |reader| read_one(reader, item)));
    }
    if relays.len() > RELAYS_MAX {
        reader.problem(node, format!("expected at most {RELAYS_MAX} addresses"));
    }
    relays
}

fn read_one(reader: &mut Reader<'_>, node: &Node) -> Vec<Relay> {
    let (mut urls, mut username, mut credential, mut tls) = (Vec::new(), None, None, None);
    let before = reader.count();
    reader.section(node, RELAY, |reader, key, node| match key {
        "urls" => urls = reader.list(node, RELAYS_MAX, url),
        "username" => username = read_login(reader, node),
        "credential" => credential = read_login(reader, node),
        _ => tls = reader.parsed(node, camera::tls),
    });
    if let (Some(username), Some(credential), false) = (username, credential, urls.is_empty()) {
        let relay = |(host, port, transport)| Relay {
            host,
            port,
            transport,
            username: username.clone(),
            credential: credential.clone(),
            tls: tls.unwrap_or(Tls::Verify),
        };
        return urls.into_iter().map(relay).collect();
    }
    // A problem of the one is not one more of the other.
    if reader.count() == before && matches!(node.value, Value::Map(_)) {
        reader.problem(node, "expected urls: [\"turn:host:port\"], username and credential");
    }
    Vec::new()
}

/// A relay by its address, as somebody else's list has it.
///
/// # Errors
/// What is expected.
pub fn parse_relay(text: &str, username: &str, credential: &str) -> Result<Relay, String> {
    let (host, port, transport) = url(text)?;
    let (username, credential) = (username.to_owned(), credential.to_owned());
    Ok(Relay { host, port, transport, username, credential, tls: Tls::Verify })
}

/// Reads `https://example.org/turn`. No error repeats any of it: there may be a key in it.
pub(crate) fn list_url(text: &str) -> Result<SecretUrl, String> {
    let expected = || "expected an address such as https://example.org/turn".to_owned();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let is_valid = text.len() <= URL_MAX_BYTES
        && text.chars().all(|c| c.is_ascii_graphic())
        && authority.is_some_and(is_host_port);
    if is_valid { Ok(SecretUrl::new(text)) } else { Err(expected()) }
}

/// Reads `turn:turn.example.org:3478?transport=udp` (RFC 7065).
fn url(text: &str) -> Result<(String, u16, RelayTransport), String> {
    let expected = || {
        "expected turn:host:port, turn:host:port?transport=tcp or turns:host:port; \
         credentials go into username and credential"
            .to_owned()
    };
    let (scheme, rest) = text.split_once(':').ok_or_else(expected)?;
    let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
    let transport = match (scheme, query) {
        ("turn", "" | "transport=udp") => RelayTransport::Udp,
        ("turn", "transport=tcp") => RelayTransport::Tcp,
        ("turns", "" | "transport=tcp") => RelayTransport::Tls,
        ("turns", "transport=udp") => {
            return Err("TURN over DTLS is not supported; expected ?transport=tcp".to_owned());
        }
        _ => return Err(expected()),
    };
    if text.len() > URL_MAX_BYTES || !is_host_port(authority) {
        return Err(expected());
    }
    let default = if transport == RelayTransport::Tls { TLS_PORT } else { PORT };
    let (host, port) = match authority.rsplit_once(':').filter(|_| !authority.ends_with(']')) {
        Some((host, port)) => (host, port.parse().map_err(|_| expected())?),
        None => (authority, default),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), port, transport))
}

/// `all` or `relay`, as browsers spell it.
pub(crate) fn policy(text: &str) -> Result<IceTransportPolicy, String> {
    match text {
        "all" => Ok(IceTransportPolicy::All),
        "relay" => Ok(IceTransportPolicy::Relay),
        _ => Err("expected all or relay".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_how_the_server_is_reached() {
        let relay = |host: &str, port, transport| Ok((host.to_owned(), port, transport));
        use RelayTransport::{Tcp, Tls, Udp};
        assert_eq!(url("turn:h"), relay("h", 3478, Udp));
        assert_eq!(url("turn:h:1?transport=udp"), relay("h", 1, Udp));
        assert_eq!(url("turn:192.0.2.1:3478?transport=tcp"), relay("192.0.2.1", 3478, Tcp));
        assert_eq!(url("turns:h"), relay("h", 5349, Tls));
        assert_eq!(url("turns:h:443?transport=tcp"), relay("h", 443, Tls));
        assert_eq!(url("turn:[2001:db8::1]"), relay("2001:db8::1", 3478, Udp));
        assert_eq!(url("turn:[2001:db8::1]:9"), relay("2001:db8::1", 9, Udp));
        for bad in ["turn:", "stun:h", "turn:u:p@h", "turn:h:0", "turn:h?transport=sctp", "h:1"] {
            assert!(url(bad).unwrap_err().contains("turn:host:port"), "{bad}");
        }
        assert!(url("turns:h?transport=udp").unwrap_err().contains("DTLS"));
    }

    #[test]
    fn a_relay_is_shown_without_its_login() {
        let (username, credential) = ("hunter1".to_owned(), "hunter2".to_owned());
        let relay = Relay {
            host: "::1".to_owned(),
            port: 1,
            transport: RelayTransport::Tls,
            username,
            credential,
            tls: Tls::Verify,
        };
        assert_eq!(format!("{relay} {relay:?}").matches("hunter").count(), 0);
        assert_eq!(relay.to_string(), "turns:[::1]:1?transport=tcp");
    }
}
