//! A camera's address out of the file.

use crate::limits::URL_MAX_BYTES;
use crate::model::{CameraUrl, Config, KeepAlive, Keyframe, Source, Stream, Tls, Transport};
use crate::url::SecretUrl;

/// Schemes that go2rtc knows and this program may learn; naming them tells a user who brings
/// his file along that it is not a typing error.
const UNSUPPORTED: &[&str] = &[
    "bubble",
    "doorbird",
    "dvrip",
    "eseecloud",
    "expr",
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
    "rtsp+ws",
    "rtsps+ws",
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

/// Options behind a `#` that go2rtc has and that have no effect here: no media goes to the camera.
const WITHOUT_EFFECT: &[&str] = &["backchannel", "timeout"];

/// An address with what its scheme and its `#` options said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReadUrl {
    /// The connection is encrypted.
    is_tls: bool,
    /// The connection is tunnelled through HTTP.
    is_tunnel: bool,
    /// Everything behind `://`.
    rest: SecretUrl,
    pub transport: Option<Transport>,
    tls: Option<Tls>,
    audio: bool,
}

/// What `transport` said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Media(Transport),
    /// Everything through HTTP, as if the address had begun with `rtsp+http`.
    Tunnel,
}

/// What the keys beside an address said.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub way: Option<Way>,
    pub tls: Option<Tls>,
}

impl Wanted {
    /// Addresses and transport of a stream. The keys count for more than the options.
    pub fn apply(self, urls: Vec<ReadUrl>) -> Result<(Vec<CameraUrl>, Transport), String> {
        let of_urls = urls.iter().find_map(|url| url.transport);
        let (transport, is_tunnel) = match self.way {
            Some(Way::Tunnel) => (Transport::Auto, true),
            Some(Way::Media(transport)) => (transport, false),
            None => (of_urls.unwrap_or_default(), false),
        };
        if self.tls.is_some() && !urls.is_empty() && !urls.iter().any(|url| url.is_tls) {
            return Err(TLS_WITHOUT_EFFECT.to_owned());
        }
        let is_confined = |url: &ReadUrl| is_tunnel || url.is_tunnel || url.is_tls;
        if matches!(transport, Transport::Udp | Transport::Multicast)
            && urls.iter().any(is_confined)
        {
            return Err("expected transport auto or tcp: media of rtsps:// and of rtsp+http:// \
                        stays in the connection"
                .to_owned());
        }
        let finish = |url: ReadUrl| {
            let security = if url.is_tls { "s" } else { "" };
            let tunnel = if url.is_tunnel || is_tunnel { "+http" } else { "" };
            let text = format!("rtsp{security}{tunnel}://{}", url.rest.expose());
            let tls = self.tls.or(url.tls).unwrap_or_default();
            CameraUrl { url: SecretUrl::new(text), tls, audio: url.audio }
        };
        Ok((urls.into_iter().map(finish).collect(), transport))
    }
}

const TLS_WITHOUT_EFFECT: &str = "tls is for rtsps:// addresses";

/// Reads an address with its `#` options as it may stand in `streams`, and gives the stream that
/// it makes there, without a name and with the defaults for everything else.
///
/// # Errors
/// What is expected instead, without any of the text.
pub fn parse_stream(text: &str) -> Result<Stream, String> {
    let (urls, transport) = Wanted::default().apply(vec![camera_url(text)?])?;
    let Config { warm, linger, .. } = Config::default();
    let (name, keep_alive) = (String::new(), KeepAlive::default());
    let (source, keyframe) = (Source::Camera(urls), Keyframe::default());
    Ok(Stream { name, source, transport, keep_alive, keyframe, token: None, warm, linger })
}

/// Reads `rtsp://user:password@host:554/path#transport=tcp`. No error repeats any of it.
pub(crate) fn camera_url(text: &str) -> Result<ReadUrl, String> {
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
    let (is_tls, is_tunnel, tls) = match scheme.as_str() {
        "rtsp" => (false, false, None),
        "rtsps" => (true, false, None),
        // go2rtc's word for it.
        "rtspx" => (true, false, Some(Tls::Insecure)),
        "rtsp+http" => (false, true, None),
        "rtsps+http" => (true, true, None),
        _ => return Err(expected.to_owned()),
    };
    let rest = rest.strip_prefix("//").ok_or(expected)?;
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
    let user_info = user_info.map(|text| text.replace('@', "%40") + "@").unwrap_or_default();
    let rest = SecretUrl::new(format!("{user_info}{host_port}{path}"));
    let mut url = ReadUrl { is_tls, is_tunnel, rest, transport: None, tls, audio: true };
    url.read_options(options)?;
    Ok(url)
}

impl ReadUrl {
    fn read_options(&mut self, options: &str) -> Result<(), String> {
        for option in options.split('#').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "transport" => match way(value) {
                    Ok(Way::Media(transport)) => self.transport = Some(transport),
                    Ok(Way::Tunnel) => self.is_tunnel = true,
                    Err(message) => return Err(format!("#transport: {message}")),
                },
                "tls" if !self.is_tls => return Err(TLS_WITHOUT_EFFECT.to_owned()),
                "tls" => self.tls = Some(tls(value).map_err(|message| format!("#tls: {message}"))?),
                // go2rtc's word for a camera's audio that is not wanted.
                "media" => self.audio &= value != "video",
                name if WITHOUT_EFFECT.contains(&name) => {}
                _ => {
                    return Err("unknown option behind #; expected #transport=... or #tls=... \
                                (in a password # is written %23)"
                        .to_owned());
                }
            }
        }
        Ok(())
    }
}

/// A transport's name.
pub(crate) fn way(text: &str) -> Result<Way, String> {
    match text {
        "auto" => Ok(Way::Media(Transport::Auto)),
        "tcp" => Ok(Way::Media(Transport::Tcp)),
        "udp" => Ok(Way::Media(Transport::Udp)),
        "multicast" => Ok(Way::Media(Transport::Multicast)),
        "http" => Ok(Way::Tunnel),
        _ => Err("expected auto, tcp, udp, multicast or http".to_owned()),
    }
}

/// How a certificate is checked. Fingerprints are read with colons, as openssl writes them, and
/// without.
pub(crate) fn tls(text: &str) -> Result<Tls, String> {
    let pin = || {
        let hex = text.strip_prefix("pin:")?.replace(':', "");
        let digits: Option<Vec<u8>> =
            hex.chars().map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
        let bytes: Vec<u8> = digits?
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |sum, d| sum * 16 + d))
            .collect();
        bytes.try_into().ok().filter(|_| hex.len() == 64)
    };
    match text {
        "verify" => Ok(Tls::Verify),
        "insecure" => Ok(Tls::Insecure),
        _ => pin().map(Tls::Pin).ok_or_else(|| {
            "expected verify, insecure or pin: and the 64 hexadecimal digits of the \
             certificate's SHA-256"
                .to_owned()
        }),
    }
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

    fn stream(text: &str) -> (String, Tls, Transport) {
        let stream = parse_stream(text).unwrap();
        assert_eq!(stream.urls().len(), 1);
        let CameraUrl { url, tls, .. } = stream.urls()[0].clone();
        (url.expose().to_owned(), tls, stream.transport)
    }

    fn url(text: &str) -> String {
        stream(text).0
    }

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn pin() -> Tls {
        let half = 0..16;
        let bytes: Vec<u8> = half.clone().chain(half).map(|digit| digit * 0x11).collect();
        Tls::Pin(bytes.try_into().unwrap())
    }

    #[test]
    fn usual_addresses_pass_unchanged() {
        for text in [
            "rtsp://192.0.2.10",
            "rtsp://admin:p%40ss@192.0.2.10:554/Streaming/Channels/101?x=1&y=2",
            "rtsp://cam-1.lan:8554/cam/realmonitor?channel=1&subtype=0",
            "rtsp://[2001:db8::1]:554/a",
            "rtsp://my_cam/a@b",
            "rtsps://192.0.2.10:7441/token",
            "rtsp+http://u:p@h:8080/a?b=c",
            "rtsps+http://h/a",
        ] {
            assert_eq!(url(text), text);
        }
    }

    #[test]
    fn go2rtcs_options_are_read_and_taken_off() {
        let plain = |transport| ("rtsp://h/a".to_owned(), Tls::Verify, transport);
        assert_eq!(stream("rtsp://h/a#transport=udp#backchannel=0"), plain(Transport::Udp));
        assert_eq!(stream("rtsp://h/a#transport=multicast"), plain(Transport::Multicast));
        let audio = |text: &str| parse_stream(text).unwrap().urls()[0].audio;
        assert!(audio("rtsp://h/a") && audio("rtsp://h/a#media=audio"));
        assert!(!audio("rtsp://h/a#media=video#transport=tcp"));
        assert!(camera_url("rtsp://h/a#transport=ws://h/b").is_err());
        assert!(camera_url("rtsp://h/a#video=copy").is_err());
        let encrypted = |tls| ("rtsps://h/a".to_owned(), tls, Transport::Auto);
        assert_eq!(stream("rtspx://h/a"), encrypted(Tls::Insecure));
    }

    #[test]
    fn a_certificate_is_verified_unless_the_address_says_otherwise() {
        let encrypted = |tls| ("rtsps://h/a".to_owned(), tls, Transport::Auto);
        assert_eq!(stream("rtsps://h/a"), encrypted(Tls::Verify));
        assert_eq!(stream("rtsps://h/a#tls=insecure"), encrypted(Tls::Insecure));
        assert_eq!(stream(&format!("rtsps://h/a#tls=pin:{HEX}")), encrypted(pin()));
        assert_eq!(stream(&format!("rtspx://h/a#tls=pin:{HEX}")), encrypted(pin()));
        assert_eq!(stream("rtspx://h/a#tls=verify"), encrypted(Tls::Verify));
        assert_eq!(camera_url("rtsp://h/a#tls=verify"), Err(TLS_WITHOUT_EFFECT.to_owned()));
    }

    #[test]
    fn pins_are_read_as_openssl_writes_them() {
        let colons: Vec<String> =
            HEX.as_bytes().chunks(2).map(|b| String::from_utf8_lossy(b).to_uppercase()).collect();
        assert_eq!(tls(&format!("pin:{}", colons.join(":"))), Ok(pin()));
        let (short, long) = (&HEX[1..], format!("{HEX}0"));
        for odd in ["", "pin", "pin:", &format!("pin:{short}"), &format!("pin:{long}"), "none", HEX]
        {
            assert!(tls(odd).is_err(), "{odd}");
        }
        assert!(tls(&format!("pin:{}", HEX.replace('a', "g"))).is_err());
    }

    #[test]
    fn transport_http_is_another_way_to_write_the_scheme() {
        assert_eq!(url("rtsp://h/a#transport=http"), "rtsp+http://h/a");
        assert_eq!(url("rtspx://h/a#transport=http"), "rtsps+http://h/a");
    }

    #[test]
    fn media_can_not_leave_tls_or_a_tunnel() {
        for scheme in ["rtsps", "rtspx", "rtsp+http", "rtsps+http"] {
            for transport in ["udp", "multicast"] {
                let error = parse_stream(&format!("{scheme}://h/a#transport={transport}"));
                assert!(error.unwrap_err().contains("auto or tcp"), "{scheme} {transport}");
            }
            assert!(parse_stream(&format!("{scheme}://h/a#transport=tcp")).is_ok());
        }
        assert!(parse_stream("rtsp://h/a#transport=udp#transport=http").is_err());
    }

    #[test]
    fn an_at_sign_in_a_password_is_escaped() {
        assert_eq!(url("rtsp://u:p@ss@h/a"), "rtsp://u:p%40ss@h/a");
    }

    #[test]
    fn other_sources_are_named_as_not_supported_yet() {
        for text in ["onvif://h", "rtsp+ws://h/a", "http://h/a.flv"] {
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
            "rtsps://admin:hunter2@h/a#transport=udp",
            "rtsps://admin:hunter2@h/a#tls=hunter2",
            "admin:hunter2@192.0.2.10/a",
            "rtsp://admin:hunter2@h:0/a",
            "rtsp://admin:hunter2@h:65536/a",
            "rtsp://admin:hunter2@[::1/a",
            "hunter2",
            "",
        ] {
            let error = parse_stream(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn an_unescaped_slash_in_a_password_gets_the_hint() {
        let error = camera_url("rtsp://admin:a/b@192.0.2.10/c").unwrap_err();
        assert!(error.contains("%2F"), "{error}");
    }
}
