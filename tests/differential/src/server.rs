//! The fake camera on a real socket, one connection at a time.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::camera::{Camera, Said};
use crate::scenarios::Scenario;

/// Between two pictures.
const PERIOD: Duration = Duration::from_millis(5);
/// A client that has not played by then never will.
const LONGEST: Duration = Duration::from_secs(10);
const FRAME_TICKS: u32 = 3600;

pub struct Served {
    pub url: String,
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Served {
    pub fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// Serves a scenario until told otherwise.
pub fn serve(scenario: &'static Scenario) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let mut camera = Camera::new();
    (scenario.change)(&mut camera);
    for url in [&mut camera.url, &mut camera.track_url, &mut camera.sdp] {
        *url = url.replace("//cam/", &format!("//{host}/"));
    }
    camera.base_url = camera.base_url.map(|url| url.replace("//cam/", &format!("//{host}/")));
    let login = camera.lock.as_ref().map(|lock| format!("{}:{}@", lock.username, lock.password));
    let url = camera.url.replace("rtsp://", &format!("rtsp://{}", login.unwrap_or_default()));
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    // Handlers are not `Send`: the camera is made again where it is used.
    let made = (camera.url, camera.track_url, camera.sdp, camera.base_url);
    let thread = std::thread::spawn(move || {
        let mut camera = Camera::new();
        (scenario.change)(&mut camera);
        (camera.url, camera.track_url, camera.sdp, camera.base_url) = made;
        while !flag.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((stream, _)) => play(&mut camera, &stream, scenario, &flag),
                Err(_) => std::thread::sleep(PERIOD),
            }
        }
    });
    Served { url, stopped, thread }
}

fn play(camera: &mut Camera, mut stream: &TcpStream, scenario: &Scenario, flag: &AtomicBool) {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_nodelay(true).unwrap();
    camera.connected();
    let since = Instant::now();
    let pictures = scenario.clip.pictures();
    let mut next = 0;
    let mut due = since;
    let mut buffer = [0; 4096];
    while since.elapsed() < LONGEST && !flag.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => camera.receive(Instant::now(), &buffer[..length]),
            Err(_) => {}
        }
        while let Some(said) = camera.poll() {
            match said {
                Said::Bytes(bytes) if stream.write_all(&bytes).is_ok() => {}
                _ => return,
            }
        }
        if camera.playing && due <= Instant::now() {
            let Some(picture) = pictures.get(next) else { return };
            let timestamp = FRAME_TICKS * next as u32;
            for packet in (scenario.cut)(picture) {
                let timestamp = timestamp + packet.later;
                camera.send(Instant::now(), timestamp, packet.marker, &packet.payload);
            }
            next += 1;
            due = Instant::now() + PERIOD;
        }
    }
}
