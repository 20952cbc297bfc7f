//! A camera's address out of the file.

use crate::limits::URL_MAX_BYTES;
use crate::model::Transport;
use crate::url::SecretUrl;

/// Schemes that go2rtc knows and this program may learn; naming them tells a user who brings
/// his file along that it is not a typing error.
const UNSUPPORTED: &[&str] = &[
    "bubble",
    "doorbird",
    "dvrip",
    "echo",
    "eseecloud",
    "exec",
    "expr",
    "ffmpeg",
    "file",
    "flv",
    "gopro",
    "hass",
    "hls",
    "homekit",
    "http",
    "https",
    "httpx",
    "isapi",
    "ivideon",
    "kasa",
    "mpegts",
    "multitrans",
    "nest",
    "onvif",
    "ring",
    "roborock",
    "rtmp",
    "rtmps",
    "rtmpx",
    "rtsps",
    "rtspx",
    "srt",
    "tapo",
    "tcp",
    "tuya",
    "udp",
    "v4l2",
    "vigi",
    "webrtc",
    "webtorrent",
    "wyze",
    "xiaomi",
    "yandex",
];

/// Options behind a `#` that go2rtc has and that have no effect here: audio is not forwarded
/// and no media goes to the camera.
const WITHOUT_EFFECT: &[&str] = &["backchannel", "media", "timeout"];

/// An address with what its `#` options said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CameraUrl {
    pub url: SecretUrl,
    pub transport: Option<Transport>,
}

/// Reads `rtsp://user:password@host:554/path#transport=tcp`. No error repeats any of it.
pub(crate) fn camera_url(text: &str) -> Result<CameraUrl, String> {
    let expected = "expected an address such as rtsp://user:password@192.0.2.10:554/path";
    if text.len() > URL_MAX_BYTES {
        return Err(format!("expected at most {URL_MAX_BYTES} bytes"));
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(expected.to_owned());
    };
    let scheme = scheme.to_ascii_lowercase();
    if let Some(known) = UNSUPPORTED.iter().find(|known| **known == scheme) {
        return Err(format!("{known}: sources are not supported yet; {expected}"));
    }
    let rest = match rest.strip_prefix("//") {
        Some(rest) if scheme == "rtsp" => rest,
        _ => return Err(expected.to_owned()),
    };
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(format!("{expected}, without spaces (%20 in a password)"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let (user_info, host_port) = match authority.rsplit_once('@') {
        Some((user_info, host_port)) => (Some(user_info), host_port),
        None => (None, authority),
    };
    if !is_host_port(host_port) {
        // What looks like a bad port is most often a password with a `/` in it.
        let hint = if behind.contains('@') {
            "in a password / is written %2F, ? is %3F and # is %23"
        } else {
            "the host or port is not valid"
        };
        return Err(format!("{expected}; {hint}"));
    }
    let (path, options) = behind.split_once('#').unwrap_or((behind, ""));
    let transport = read_options(options)?;
    let user_info = user_info.map(|text| text.replace('@', "%40") + "@").unwrap_or_default();
    let url = SecretUrl::new(format!("rtsp://{user_info}{host_port}{path}"));
    Ok(CameraUrl { url, transport })
}

fn read_options(options: &str) -> Result<Option<Transport>, String> {
    let mut transport = None;
    for option in options.split('#').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match (name, value) {
            ("transport", "tcp") => transport = Some(Transport::Tcp),
            ("transport", "udp") => transport = Some(Transport::Udp),
            ("transport", _) => return Err("expected #transport=tcp or #transport=udp".to_owned()),
            _ if WITHOUT_EFFECT.contains(&name) => {}
            _ => {
                return Err("unknown option behind #; expected #transport=tcp or udp \
                            (in a password # is written %23)"
                    .to_owned());
            }
        }
    }
    Ok(transport)
}

/// Whether a text is a host, or a host and a port.
pub(crate) fn is_host_port(text: &str) -> bool {
    let (host_is_valid, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((ip, port)) => (ip.parse::<std::net::Ipv6Addr>().is_ok(), port),
        None => {
            let at = text.find(':').unwrap_or(text.len());
            let (host, port) = text.split_at_checked(at).unwrap_or((text, ""));
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            (!host.is_empty() && host.chars().all(plain), port)
        }
    };
    let port_is_valid = match port.strip_prefix(':') {
        Some(digits) => {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            plain && digits.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => port.is_empty(),
    };
    host_is_valid && port_is_valid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        camera_url(text).unwrap().url.expose().to_owned()
    }

    #[test]
    fn usual_addresses_pass_unchanged() {
        for text in [
            "rtsp://192.0.2.10",
            "rtsp://admin:p%40ss@192.0.2.10:554/Streaming/Channels/101?x=1&y=2",
            "rtsp://cam-1.lan:8554/cam/realmonitor?channel=1&subtype=0",
            "rtsp://[2001:db8::1]:554/a",
            "rtsp://my_cam/a@b",
        ] {
            assert_eq!(url(text), text);
        }
    }

    #[test]
    fn go2rtcs_options_are_read_and_taken_off() {
        let read = camera_url("rtsp://h/a#transport=udp#backchannel=0").unwrap();
        assert_eq!(read.url.expose(), "rtsp://h/a");
        assert_eq!(read.transport, Some(Transport::Udp));
        assert!(camera_url("rtsp://h/a#transport=ws").is_err());
        assert!(camera_url("rtsp://h/a#video=copy").is_err());
    }

    #[test]
    fn an_at_sign_in_a_password_is_escaped() {
        assert_eq!(url("rtsp://u:p@ss@h/a"), "rtsp://u:p%40ss@h/a");
    }

    #[test]
    fn other_sources_are_named_as_not_supported_yet() {
        for text in ["ffmpeg:cam#video=h264", "exec:date", "rtsps://h/a", "http://h/a.flv"] {
            let error = camera_url(text).unwrap_err();
            let scheme = text.split(':').next().unwrap();
            assert!(error.starts_with(&format!("{scheme}: sources are not supported yet")));
        }
    }

    #[test]
    fn mistakes_are_refused_without_repeating_the_password() {
        for text in [
            "rtsp://admin:hunter2/x@192.0.2.10/a",
            "rtsp://admin:1234#hunter2@192.0.2.10/a",
            "rtsp://admin:hunter2@192.0.2.10:port/a",
            "rtsp://admin:hunter2@/a",
            "rtsp://admin:hunter2 @h/a",
            "rtsp:/admin:hunter2@h/a",
            "admin:hunter2@192.0.2.10/a",
            "rtsp://admin:hunter2@h:0/a",
            "rtsp://admin:hunter2@h:65536/a",
            "rtsp://admin:hunter2@[::1/a",
            "hunter2",
            "",
        ] {
            let error = camera_url(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn an_unescaped_slash_in_a_password_gets_the_hint() {
        let error = camera_url("rtsp://admin:a/b@192.0.2.10/c").unwrap_err();
        assert!(error.contains("%2F"), "{error}");
    }
}
