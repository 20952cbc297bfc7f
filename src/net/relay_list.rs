//! The connections over which lists of TURN servers are fetched.

use std::time::Instant;

use super::link::{Context, Incoming, Link};
use super::relays::Scope;
use super::resolver::Resolved;
use super::server::Server;
use super::tls::{Authorities, Connector};
use super::{Endpoint, RelayKey, Timer};
use crate::http_client::Url;
use crate::limits;
use crate::relay_list::{Output, RelayList};

/// Where the system says which time zone it is in (RFC 9636).
const LOCAL_TIME: &str = "/etc/localtime";

/// A list, and the connection to it.
pub(super) struct Fetcher {
    list: RelayList,
    /// Whom its servers are for.
    scope: Scope,
    link: Link,
    connector: Connector,
}

impl Fetcher {
    /// Begins to fetch the list of this key. None if it is no HTTP address.
    pub fn new(
        now: Instant,
        (key, scope): (usize, Scope),
        url: &str,
        authorities: &Authorities,
    ) -> Option<Self> {
        let list = RelayList::new(now, Url::parse(url)?, minutes_behind_utc());
        let link = Link::new(Endpoint::Relay(RelayKey::List(key)), limits::CAMERA_UNSENT_MAX_BYTES);
        let connector = Connector::new(authorities, config::Tls::Verify);
        Some(Self { list, scope, link, connector })
    }

    fn handle_ready(&mut self, now: Instant, buffer: &mut [u8], context: &mut Context<'_>) -> bool {
        loop {
            match self.link.receive(buffer, context) {
                Ok(Incoming::Up) => self.list.handle_connected(),
                Ok(Incoming::Data { bytes, .. }) => self.list.handle_data(now, bytes),
                Ok(Incoming::Nothing) => return false,
                Ok(Incoming::Closed) => {
                    self.list.handle_closed(now, "closed by the server");
                    return false;
                }
                Err(reason) => {
                    self.list.handle_closed(now, &reason);
                    return false;
                }
            }
            // What the list wants may be another connection: its end is not this one's.
            if self.list.has_output() {
                return true;
            }
        }
    }

    fn do_output(&mut self, now: Instant, output: &Output, context: &mut Context<'_>) {
        let done = match output {
            Output::Connect { host, port, tls } => {
                let connector = tls.then_some(&self.connector);
                self.link.connect((host, *port), connector, context)
            }
            Output::Send(bytes) => self.link.send(bytes),
            Output::Disconnect => {
                self.link.close(context);
                Ok(())
            }
            Output::Relays(_) | Output::Failed(_) => Ok(()),
        };
        if let Err(reason) = done {
            self.list.handle_closed(now, &reason);
        }
    }
}

impl Server {
    fn with_fetcher<R>(
        &mut self,
        key: usize,
        act: impl FnOnce(&mut Fetcher, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let fetcher = self.relays.fetchers.get_mut(key)?;
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        Some(act(fetcher, &mut context))
    }

    /// The connection to a list is ready. True while there may be more to read.
    pub(super) fn handle_relay_list(&mut self, now: Instant, key: usize) -> bool {
        self.with_buffer(|server, buffer| {
            server.with_fetcher(key, |fetcher, context| fetcher.handle_ready(now, buffer, context))
        })
        .unwrap_or(false)
    }

    pub(super) fn handle_relay_list_resolved(
        &mut self,
        now: Instant,
        key: usize,
        resolved: Resolved,
    ) {
        self.with_fetcher(key, |fetcher, context| {
            if let Err(reason) = fetcher.link.handle_resolved(resolved, context) {
                fetcher.list.handle_closed(now, &reason);
            }
        });
    }

    pub(super) fn handle_relay_list_timeout(&mut self, now: Instant, key: usize) {
        self.with_fetcher(key, |fetcher, _| fetcher.list.handle_timeout(now));
    }

    /// A server of a list has failed.
    pub(super) fn hurry_relay_list(&mut self, now: Instant, key: usize) {
        self.with_fetcher(key, |fetcher, _| fetcher.list.hurry(now));
    }

    /// Does what a list wants done; false if that was nothing.
    pub(super) fn pump_relay_list(&mut self, now: Instant, key: usize) -> bool {
        let mut any = false;
        while let Some(output) = self.with_fetcher(key, |one, _| one.list.poll_output()).flatten() {
            any = true;
            self.with_fetcher(key, |fetcher, context| fetcher.do_output(now, &output, context));
            let Some(fetcher) = self.relays.fetchers.get(key) else { break };
            let (origin, scope) = (fetcher.list.origin(), fetcher.scope);
            match output {
                Output::Relays(servers) => {
                    log::debug!("{} relays from {origin}", servers.len());
                    self.use_relays(now, (key, scope), servers);
                }
                Output::Failed(reason) => log::warn!("relays from {origin}: {reason}"),
                _ => {}
            }
        }
        let timeout = self.relays.fetchers.get(key).map(|fetcher| fetcher.list.poll_timeout());
        self.timers.set(Timer::Relay(RelayKey::List(key)), timeout);
        any
    }
}

/// How far this machine's standard time is behind UTC, as the last line of its time zone says:
/// `CET-1CEST,M3.5.0,M10.5.0/3` is an hour before it.
fn minutes_behind_utc() -> Option<i32> {
    let file = std::fs::read(LOCAL_TIME).ok()?;
    let text = String::from_utf8_lossy(&file);
    standard_offset(text.trim_end().lines().next_back()?)
}

fn standard_offset(line: &str) -> Option<i32> {
    let name_end = match line.strip_prefix('<') {
        Some(_) => line.find('>')? + 1,
        None => line.find(|c: char| !c.is_ascii_alphabetic()).filter(|at| *at > 0)?,
    };
    let offset = line.get(name_end..)?;
    let end = offset.find(|c: char| !(c.is_ascii_digit() || "+-:".contains(c)));
    let offset = offset.get(..end.unwrap_or(offset.len()))?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let mut parts = offset.trim_start_matches(['+', '-']).split(':');
    let hours: i32 = parts.next()?.parse().ok().filter(|hours| *hours <= 24)?;
    let minutes: i32 = parts.next().map_or(Ok(0), str::parse).ok().filter(|m| *m < 60)?;
    Some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_time_zone_says_how_far_it_is_from_utc() {
        for (line, minutes) in [
            ("UTC0", Some(0)),
            ("CET-1CEST,M3.5.0,M10.5.0/3", Some(-60)),
            ("EST5EDT,M3.2.0,M11.1.0", Some(300)),
            ("IST-5:30", Some(-330)),
            ("<-03>3", Some(180)),
            ("<+0545>-5:45", Some(-345)),
            ("", None),
            ("5", None),
            ("<-03", None),
            ("ABC99", None),
        ] {
            assert_eq!(standard_offset(line), minutes, "{line}");
        }
    }
}
