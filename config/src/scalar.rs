//! Durations, sizes and addresses out of text. An error says what is expected.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::model::Candidate;

/// `20s`, `500ms`, `5m`, `1h` or a bare `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as 500ms, 20s or 5m".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (number, unit) = split_unit(text);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(expected)
}

/// `8MiB`, `500KB`, `1GiB` or bare bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let expected = || "expected a size such as 8MiB or 500KB".to_owned();
    let (number, unit) = split_unit(text);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let unit_bytes: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(expected()),
    };
    number.checked_mul(unit_bytes).ok_or_else(expected)
}

fn split_unit(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or(("", text));
    (number, unit.trim_start())
}

/// Reads an address to listen on: `127.0.0.1:1984`, `[::1]:1984`, or `:1984` for every IPv4
/// interface. Port 0 is any free one.
///
/// # Errors
/// What is expected.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    let expected =
        || "expected an address and port such as 127.0.0.1:1984, [::1]:1984 or :1984".to_owned();
    match text.strip_prefix(':') {
        // Digits alone: `parse` would take `+5` for a number.
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
            let port = port.parse().map_err(|_| expected())?;
            Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))
        }
        Some(_) => Err(expected()),
        None => text.parse().map_err(|_| expected()),
    }
}

/// `webrtc.listen`: as [`listen`], for UDP and TCP, or with go2rtc's `/udp` behind it without TCP.
pub(crate) fn media_listen(text: &str) -> Result<(SocketAddr, bool), String> {
    if text.ends_with("/tcp") {
        return Err("media over TCP alone is not supported; leave /tcp away for both".to_owned());
    }
    match text.strip_suffix("/udp") {
        Some(udp) => Ok((listen(udp)?, false)),
        None => Ok((listen(text)?, true)),
    }
}

/// `192.0.2.1`, `192.0.2.1:8555`, `2001:db8::1` or `[2001:db8::1]:8555`.
pub(crate) fn candidate(text: &str) -> Result<Candidate, String> {
    if text.starts_with("stun:") {
        return Err("asking a STUN server is not supported yet; give the address".to_owned());
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse() {
        return Ok(Candidate { ip, port: None });
    }
    match text.parse::<SocketAddr>() {
        Ok(at) if at.port() > 0 => Ok(Candidate { ip: at.ip(), port: Some(at.port()) }),
        _ => {
            Err("expected an IP address with or without a port, such as 192.0.2.1:8555".to_owned())
        }
    }
}

/// `https://example.org`, `http://localhost:8123` or `*`.
pub(crate) fn origin(text: &str) -> Result<String, String> {
    let expected = || "expected an origin such as https://example.org, or \"*\"".to_owned();
    if text == "*" {
        return Ok(text.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let host = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    let host = host.ok_or_else(expected)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Err(expected());
    }
    Ok(lower)
}

/// The scheme of a STUN or TURN address (RFC 7064, RFC 7065).
pub(crate) fn ice_url(text: &str) -> Result<String, String> {
    let known = ["stun:", "stuns:", "turn:", "turns:"];
    let rest = known.iter().find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(['@', ' ', '/']) => Ok(text.to_owned()),
        _ => Err("expected stun:host:port, turn:host:port or turns:host:port; \
                  credentials go into username and credential"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for bad in ["20", "", "s", "-5s", "1.5s", "5 parsecs", "99999999999999999999s", "+5s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_know_both_kinds_of_kilo() {
        assert_eq!(size("8MiB"), Ok(8 << 20));
        assert_eq!(size("500KB"), Ok(500_000));
        assert_eq!(size("500 kb"), Ok(500_000));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("4096"), Ok(4096));
        for bad in ["", "MiB", "-1", "8 Mi", "8Mib/s", "99999999999999GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bare_port_listens_everywhere() {
        assert_eq!(listen(":1984"), Ok("0.0.0.0:1984".parse().unwrap()));
        assert_eq!(listen("[::]:1984"), Ok("[::]:1984".parse().unwrap()));
        for bad in ["", ":", "1984", "localhost:1984", ":+5", ":65536", "10.0.0.1", "::1:80"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn go2rtcs_udp_suffix_is_taken_and_tcp_alone_refused() {
        assert_eq!(media_listen(":8555/udp"), Ok(("0.0.0.0:8555".parse().unwrap(), false)));
        assert_eq!(media_listen(":8555"), Ok(("0.0.0.0:8555".parse().unwrap(), true)));
        assert!(media_listen(":8555/tcp").unwrap_err().contains("not supported"));
    }

    #[test]
    fn candidates_are_addresses_with_or_without_port() {
        let with = |text: &str| candidate(text).map(|c| (c.ip.to_string(), c.port));
        assert_eq!(with("192.0.2.1"), Ok(("192.0.2.1".to_owned(), None)));
        assert_eq!(with("192.0.2.1:8555"), Ok(("192.0.2.1".to_owned(), Some(8555))));
        assert_eq!(with("2001:db8::1"), Ok(("2001:db8::1".to_owned(), None)));
        assert_eq!(with("[2001:db8::1]"), Ok(("2001:db8::1".to_owned(), None)));
        assert_eq!(with("[2001:db8::1]:8555"), Ok(("2001:db8::1".to_owned(), Some(8555))));
        assert!(with("stun:8555").unwrap_err().contains("STUN"));
        assert!(with("example.org:8555").is_err());
        assert!(with("192.0.2.1:0").is_err());
    }

    #[test]
    fn origins_have_a_scheme_and_no_path() {
        assert_eq!(origin("https://Example.org"), Ok("https://example.org".to_owned()));
        assert_eq!(origin("*"), Ok("*".to_owned()));
        for bad in ["example.org", "https://example.org/", "ftp://a", "https://", "https://u@h"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ice_addresses_carry_no_credentials() {
        assert!(ice_url("stun:stun.l.google.com:19302").is_ok());
        assert!(ice_url("turn:turn.example.org:3478?transport=udp").is_ok());
        assert!(ice_url("turn:user:pw@turn.example.org").is_err());
        assert!(ice_url("https://example.org").is_err());
    }
}
