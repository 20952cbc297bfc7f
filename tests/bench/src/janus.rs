//! Janus, one of the cheapest of what browsers watch cameras by today: the same cameras and
//! viewers, in the same run.
//!
//! It runs as Debian packages it, but for what would only cost it: of its plugins and transports
//! there are the two that it needs, and it logs errors alone. Cameras are mountpoints of its
//! streaming plugin, which asks for RTSP over UDP, and each slot is a connection of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::folder::Folder;
use crate::process::Process;
use crate::{Failure, cameras};

/// Where Debian keeps what it loads.
const LIBRARIES: &str = "/usr/lib";
/// For connecting to all cameras: it does that before it opens its port.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Starts it with this many of the cameras at `at`; and where its WebSocket is.
pub fn start(cameras: usize, at: SocketAddr) -> Result<(Process, SocketAddr), Failure> {
    let folder = Folder::new("janus")?;
    // A port that nobody has at this moment.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text);
    write("janus.jcfg", general(folder.path()))?;
    write(
        "janus.transport.websockets.jcfg",
        format!(
            "general: {{ json = \"compact\"\n ws = true\n ws_ip = \"{}\"\n ws_port = {} }}\n",
            address.ip(),
            address.port()
        ),
    )?;
    let mountpoints = (0..cameras).map(|index| {
        let (id, name) = (stream(index), cameras::name(index));
        format!(
            "{name}: {{ type = \"rtsp\"\n id = {id}\n audio = false\n video = true\n \
             url = \"rtsp://{at}/{name}\"\n rtspiface = \"127.0.0.1\" }}\n"
        )
    });
    write("janus.plugin.streaming.jcfg", mountpoints.collect())?;
    link(folder.path(), "plugins", "libjanus_streaming.so")?;
    link(folder.path(), "transports", "libjanus_websockets.so")?;
    std::fs::create_dir_all(folder.path().join("none"))?;

    let path = folder.path().to_str().ok_or("the temporary folder is no text")?;
    let process = Process::start(Path::new("janus"), &["-F", path, "--disable-stdout"])
        .map_err(|error| format!("{error}; Debian has it in its package janus"))?;
    let give_up_at = Instant::now() + START_TIMEOUT;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > give_up_at {
            return Err("Janus does not open its port".into());
        }
        sleep(Duration::from_millis(20));
    }
    Ok((process, address)) // it has read its files by now
}

/// Where viewers have to be: it leaves loopback out.
pub fn own_address() -> Result<Ipv4Addr, Failure> {
    let mut others = getifaddrs()?.filter(|interface| {
        interface.flags.contains(InterfaceFlags::IFF_UP)
            && !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK)
    });
    let address = others.find_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()));
    Ok(address.ok_or("Janus needs a network interface besides loopback")?)
}

/// The number of a camera's mountpoint.
pub fn stream(camera: usize) -> usize {
    camera + 1
}

fn general(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "general: {{ configs_folder = \"{folder}\"\n plugins_folder = \"{folder}/plugins\"\n \
         transports_folder = \"{folder}/transports\"\n events_folder = \"{folder}/none\"\n \
         loggers_folder = \"{folder}/none\"\n debug_level = 2\n session_timeout = 0 }}\n\
         nat: {{ nice_debug = false }}\n"
    )
}

/// Lets it find only this one of the libraries that it would load from a folder of this name.
fn link(folder: &Path, kind: &str, library: &str) -> Result<(), Failure> {
    let place = folder.join(kind);
    std::fs::create_dir_all(&place)?;
    for architecture in std::fs::read_dir(LIBRARIES)? {
        let file = architecture?.path().join("janus").join(kind).join(library);
        if file.exists() {
            return Ok(symlink(file, place.join(library))?);
        }
    }
    Err(format!("{LIBRARIES}/*/janus/{kind}/{library} is missing: Debian's package janus").into())
}
