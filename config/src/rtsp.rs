//! The RTSP server, out of the file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::model::{Login, RTSP_DEFAULT_PORT, Rtsp};
use crate::reader::Reader;
use crate::scalar;
use crate::schema::read_login;
use crate::tree::{Node, Value};

const RTSP: &[&str] = &["listen", "username", "password"];

/// Reads the section. That it is there is what starts the server.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Rtsp {
    let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut rtsp = Rtsp { listen: SocketAddr::new(host, RTSP_DEFAULT_PORT), login: None };
    let (mut username, mut password) = (None, None);
    let before = reader.count();
    reader.section(node, RTSP, |reader, key, node| match key {
        "listen" => {
            if let Some(listen) = reader.parsed(node, scalar::listen) {
                rtsp.listen = listen;
            }
        }
        "username" => username = read_login(reader, node),
        _ => password = read_login(reader, node),
    });
    rtsp.login = match (username, password) {
        (Some(username), Some(password)) => Some(Login { username, password }),
        (None, None) => None,
        _ => {
            // A problem of the one is not one more of the other.
            if reader.count() == before {
                reader.problem(node, "expected both username and password, or neither");
            }
            None
        }
    };
    rtsp
}

/// Whether the file has the section, wherever it stands.
pub(crate) fn is_there(root: &Node) -> bool {
    let is_it = |key: &Node| matches!(&key.value, Value::Text(text) if text == "rtsp");
    matches!(&root.value, Value::Map(entries) if entries.iter().any(|(key, _)| is_it(key)))
}
