//! Which pages of other hosts may use the API, and under which names this host is known.
//!
//! A browser sends the page's `Origin` with every WebSocket and every request of a script. The
//! page of another host is refused, or any site could watch the cameras of whoever visits it.
//! That alone does not hold against a name that its owner points at 127.0.0.1 (DNS
//! rebinding): there `Origin` and `Host` agree. So a server on a loopback address also refuses
//! host names that are not loopback's.

use std::net::IpAddr;

use super::request::Request;

/// Whether the request's `Origin` may use the API: absent, of the same host whatever the port,
/// or configured.
#[must_use]
pub fn is_allowed(request: &Request, origins: &[String]) -> bool {
    let Some(origin) = request.header("origin") else { return true };
    let configured = |allowed: &String| allowed == "*" || allowed.eq_ignore_ascii_case(origin);
    if origins.iter().any(configured) {
        return true;
    }
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let host = request.header("host").map(host_of).filter(|host| !host.is_empty());
    host.is_some_and(|host| host.eq_ignore_ascii_case(host_of(authority)))
}

/// Whether the request's `Host` is a name of a server that listens on loopback only. Requests
/// without one come from no browser.
#[must_use]
pub fn is_loopback_name(request: &Request, origins: &[String]) -> bool {
    let Some(host) = request.header("host").map(host_of) else { return true };
    let configured = |allowed: &String| {
        let authority = allowed.split_once("://").map(|(_, authority)| authority);
        allowed == "*" || authority.is_some_and(|name| host_of(name).eq_ignore_ascii_case(host))
    };
    let lower = host.to_ascii_lowercase();
    let name = lower.trim_end_matches('.');
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || name == "localhost"
        || name.ends_with(".localhost")
        || origins.iter().any(configured)
}

/// The host of `host:port`.
fn host_of(authority: &str) -> &str {
    let end = match authority.find(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority.get(..end).unwrap_or(authority)
}
