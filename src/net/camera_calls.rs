//! Cameras that are asked for keyframes over HTTP: the connections of those calls. They are like
//! all others in the loop, so that a slow web server holds nothing up.

use std::time::Instant;

use super::link::{Context, Incoming, Link};
use super::random::random_u64;
use super::resolver::Resolved;
use super::server::Server;
use super::tls::{Authorities, Connector};
use super::{Endpoint, Timer};
use crate::camera_api::{Api, Caller, Outcome, Output};
use crate::engine::keyframe::{Method, Refusal};
use crate::engine::source::SourceId;
use crate::http_client::Url;
use crate::limits;

/// The web server of one camera.
pub(super) struct CameraCalls {
    method: Method,
    caller: Caller,
    link: Link,
    connector: Connector,
}

impl CameraCalls {
    /// The calls that a stream's configuration asks for, if it does. An error is what is wrong
    /// with the address.
    pub fn new(
        source: SourceId,
        stream: &config::Stream,
        authorities: &Authorities,
    ) -> Result<Option<Self>, String> {
        let (method, api, address) = match &stream.keyframe {
            config::Keyframe::Isapi(address) => (Method::Isapi, Api::Isapi, address),
            config::Keyframe::Sunapi(address) => (Method::Sunapi, Api::Sunapi, address),
            config::Keyframe::Onvif(address) => (Method::Onvif, Api::Onvif, address),
            _ => return Ok(None),
        };
        let text = address.url.expose();
        let (scheme, rest) = text.split_once("://").ok_or("keyframe: no address")?;
        // User and password are written as in an RTSP address, and read by the same rules.
        let own = rtsp::url::Url::parse(&format!("rtsp://{rest}"));
        let streams = stream.urls().first().map(|url| rtsp::url::Url::parse(url.url.expose()));
        let credentials = [Some(own), streams]
            .into_iter()
            .flatten()
            .find_map(|url| url.ok()?.credentials().cloned());
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let start =
            rest.get(..end).and_then(|authority| authority.rfind('@')).map_or(0, |at| at + 1);
        let open = format!("{scheme}://{}", rest.get(start..).unwrap_or_default());
        let url = Url::parse(&open).ok_or("keyframe: no HTTP address")?;
        Ok(Some(Self {
            method,
            caller: Caller::new(api, url, credentials, random_u64()),
            link: Link::new(Endpoint::CameraCalls(source), limits::CAMERA_UNSENT_MAX_BYTES),
            connector: Connector::new(authorities, address.tls),
        }))
    }

    /// The socket is ready. True while there may be more to read.
    pub fn handle_ready(&mut self, buffer: &mut [u8], context: &mut Context<'_>) -> bool {
        loop {
            match self.link.receive(buffer, context) {
                Ok(Incoming::Up) => self.caller.handle_connected(),
                Ok(Incoming::Data { bytes, .. }) => self.caller.handle_data(bytes),
                Ok(Incoming::Nothing) => return false,
                Ok(Incoming::Closed) => {
                    self.caller.handle_closed("closed by the camera");
                    return false;
                }
                Err(reason) => {
                    self.caller.handle_closed(&reason);
                    return false;
                }
            }
            // What the caller wants may be another connection: its end is not this one's.
            if self.caller.has_output() {
                return true;
            }
        }
    }

    /// Asks for a keyframe, unless a call is under way. `unix_s` is the time since 1970.
    pub fn ask(&mut self, now: Instant, unix_s: u64) {
        self.caller.ask(now, unix_s);
    }

    #[cfg(feature = "keyframe-ways")]
    pub fn method(&self) -> Method {
        self.method
    }

    pub fn handle_resolved(&mut self, resolved: Resolved, context: &mut Context<'_>) {
        if let Err(reason) = self.link.handle_resolved(resolved, context) {
            self.caller.handle_closed(&reason);
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.caller.handle_timeout(now);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.caller.poll_timeout()
    }

    /// Does what the caller wants done, up to the end of a call.
    pub fn pump(&mut self, context: &mut Context<'_>) -> Option<Outcome> {
        while let Some(output) = self.caller.poll_output() {
            match output {
                Output::Connect { host, port, tls } => {
                    let connector = tls.then_some(&self.connector);
                    if let Err(reason) = self.link.connect((&host, port), connector, context) {
                        self.caller.handle_closed(&reason);
                    }
                }
                Output::Send(bytes) => {
                    if let Err(reason) = self.link.send(&bytes) {
                        self.caller.handle_closed(&reason);
                    }
                }
                Output::Disconnect => self.link.close(context),
                Output::Done(outcome) => return Some(outcome),
            }
        }
        None
    }
}

/// What the end of a call says about the way to ask, if anything.
pub(super) fn refusal(outcome: &Outcome) -> Option<Refusal> {
    match outcome {
        Outcome::Taken | Outcome::Failed(_) => None,
        Outcome::Unsupported => Some(Refusal::Unsupported),
        Outcome::Unauthorized => Some(Refusal::Harmful),
    }
}

impl Server {
    fn with_camera_calls<R>(
        &mut self,
        id: SourceId,
        act: impl FnOnce(&mut CameraCalls, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let calls = self.camera_calls.get_mut(&id)?;
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        self.dirty.camera_calls.insert(id);
        Some(act(calls, &mut context))
    }

    /// Asks a camera's web server for a keyframe.
    pub(super) fn call_camera(&mut self, now: Instant, id: SourceId) {
        let unix_s = self.clock.unix(now).as_secs();
        self.with_camera_calls(id, |calls, _| calls.ask(now, unix_s));
    }

    /// The camera is not wanted any more.
    pub(super) fn cancel_camera_call(&mut self, id: SourceId) {
        self.with_camera_calls(id, |calls, _| calls.caller.cancel());
    }

    /// The connection to a camera's web server is ready. True while there may be more to read.
    pub(super) fn handle_camera_calls(&mut self, id: SourceId) -> bool {
        let mut buffer = [0; 4 * 1024];
        self.with_camera_calls(id, |calls, context| calls.handle_ready(&mut buffer, context))
            .unwrap_or(false)
    }

    pub(super) fn handle_camera_calls_resolved(&mut self, id: SourceId, resolved: Resolved) {
        self.with_camera_calls(id, |calls, context| calls.handle_resolved(resolved, context));
    }

    pub(super) fn handle_camera_calls_timeout(&mut self, now: Instant, id: SourceId) {
        self.with_camera_calls(id, |calls, _| calls.handle_timeout(now));
    }

    /// Does what the caller wants done.
    pub(super) fn pump_camera_calls(&mut self, now: Instant, id: SourceId) {
        let pump = |calls: &mut CameraCalls, context: &mut Context<'_>| calls.pump(context);
        while let Some(outcome) = self.with_camera_calls(id, pump).flatten() {
            self.end_camera_call(now, id, &outcome);
        }
        self.dirty.camera_calls.remove(&id);
        let timeout = self.camera_calls.get(&id).and_then(CameraCalls::poll_timeout);
        self.timers.set(Timer::CameraCalls(id), timeout);
    }

    fn end_camera_call(&mut self, now: Instant, id: SourceId, outcome: &Outcome) {
        let Some(calls) = self.camera_calls.get(&id) else { return };
        let name = self.hub.source(id).map_or("", |source| &source.name);
        let (origin, method) = (calls.caller.origin(), calls.method);
        match outcome {
            Outcome::Taken => log::debug!("source {name}: {origin} took the request"),
            Outcome::Failed(reason) => {
                log::info!("source {name}: no keyframe from {origin}: {reason}");
            }
            Outcome::Unsupported => {
                log::warn!("source {name}: {origin} knows no {}", method.as_str());
            }
            Outcome::Unauthorized => {
                log::warn!("source {name}: {origin} refuses user name or password");
            }
        }
        if let Some(refusal) = refusal(outcome) {
            self.hub.handle_keyframe_refusal(now, id, method, refusal);
        }
    }
}
