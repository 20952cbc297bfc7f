//! Cameras whose address a program prints (`echo:`). The program is run anew for each connection:
//! such an address often holds for a while only.

use std::time::Instant;

use super::Timer;
use super::camera::Camera;
use super::server::Server;
use crate::engine::source::{Health, SourceId};

impl Server {
    /// A source's program has printed where its camera is.
    pub(super) fn open_echoed(&mut self, now: Instant, id: SourceId, address: &str) {
        let name = self.hub.source(id).map(|source| source.name.clone()).unwrap_or_default();
        let opened = config::parse_stream(address).and_then(|stream| {
            Camera::new(id, &config::Stream { name, ..stream }, &self.authorities)
        });
        match opened {
            Ok(camera) => {
                self.cameras.insert(id, camera);
                self.with_camera(id, |camera, _| camera.start(now));
            }
            // The words of the error are about what is expected, and repeat no address.
            Err(why) => self.fail_echoed(now, id, &format!("what it printed: {why}")),
        }
    }

    /// The camera of a printed address has something to tell.
    pub(super) fn handle_echoed_health(&mut self, now: Instant, id: SourceId, health: &Health) {
        match health {
            // To be asked again would not help a camera that sends something else.
            Health::Live(_) | Health::Unsupported { .. } => self.programs.handle_pushing(now, id),
            Health::Offline { reason } => {
                self.close_echoed(now, id);
                self.fail_echoed(now, id, reason);
            }
            Health::Idle | Health::Connecting => {}
        }
    }

    /// The camera of a printed address is to be left, or sends no picture.
    pub(super) fn end_echoed(&mut self, now: Instant, id: SourceId) {
        self.close_echoed(now, id);
        self.fail_echoed(now, id, "no picture from the address that it printed");
    }

    fn close_echoed(&mut self, now: Instant, id: SourceId) {
        self.with_camera(id, |camera, context| {
            camera.stop(now);
            // It says goodbye, and does not wait for the answer.
            while camera.poll_event(now, context).is_some() {}
            camera.disconnect(context);
        });
        self.cameras.remove(&id);
        self.dirty.cameras.remove(&id);
        self.timers.set(Timer::Camera(id), None);
    }

    /// What a program has begun is over; that is told where it is a failure.
    fn fail_echoed(&mut self, now: Instant, id: SourceId, reason: &str) {
        let Some(program) = self.programs.all.get_mut(&id) else { return };
        let shown = program.words.shown();
        let failed = program.supervisor.handle_exit(now);
        self.tell_program_failure(now, id, failed, &format!("{shown}: {reason}"));
        self.pump_program(now, id);
    }
}
