//! Where a stream is handed on to, out of the file.

use crate::camera::is_host_port;
use crate::limits::{TOKEN_MAX_BYTES, URL_MAX_BYTES};
use crate::url::SecretUrl;

/// Schemes that go2rtc publishes to and this program does not.
const UNSUPPORTED: &[&str] = &["rtmp", "rtmps", "rtsp", "srt", "tcp", "webrtc"];

/// Reads `https://sfu.example/whip/room1`. No error repeats any of it: with some services the
/// path is the password.
pub(crate) fn whip_url(text: &str) -> Result<SecretUrl, String> {
    let expected = "expected a WHIP address such as https://sfu.example/whip/room1";
    if text.len() > URL_MAX_BYTES {
        return Err(format!("expected at most {URL_MAX_BYTES} bytes"));
    }
    let (scheme, rest) = text.split_once(':').ok_or(expected)?;
    let scheme = scheme.to_ascii_lowercase();
    if let Some(known) = UNSUPPORTED.iter().find(|known| **known == scheme) {
        return Err(format!("publishing to {known}: is not supported; {expected}"));
    }
    let rest = rest.strip_prefix("//").filter(|_| scheme == "http" || scheme == "https");
    let rest = rest.ok_or(expected)?;
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(format!("{expected}, without spaces (%20) and in ASCII"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(format!("{expected}; what WHIP is given to log in stands in token"));
    }
    if !is_host_port(authority) {
        return Err(format!("{expected}; the host or port is not valid"));
    }
    let path = path.split('#').next().unwrap_or_default();
    Ok(SecretUrl::new(format!("{scheme}://{authority}{path}")))
}

/// Checks a bearer token (RFC 6750 section 2.1); some servers take more than its `b64token`.
pub(crate) fn token(text: &str) -> Result<String, String> {
    let is_valid = !text.is_empty()
        && text.len() <= TOKEN_MAX_BYTES
        && text.chars().all(|c| c.is_ascii_graphic());
    if !is_valid {
        return Err(format!(
            "expected a token of 1 to {TOKEN_MAX_BYTES} ASCII characters without spaces"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_addresses_pass_unchanged_but_for_the_fragment() {
        for text in [
            "https://sfu.example/whip/room1",
            "http://127.0.0.1:8080/whip/x?app=live&stream=a",
            "http://[2001:db8::1]:8889/a/whip",
            "https://sfu.example",
        ] {
            assert_eq!(whip_url(text).unwrap().expose(), text);
        }
        assert_eq!(whip_url("HTTP://h/a#b").unwrap().expose(), "http://h/a");
    }

    #[test]
    fn mistakes_are_refused_without_repeating_anything() {
        for text in [
            "rtmp://h/hunter2",
            "https://u:hunter2@h/a",
            "https://h:0/hunter2",
            "https:///hunter2",
            "https://h/hunter2 b",
            "https://h/hunter2\u{fc}",
            "ftp://h/hunter2",
            "hunter2",
            "",
        ] {
            let error = whip_url(text).unwrap_err();
            assert!(error.contains("https://sfu.example") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_token_can_not_end_its_header() {
        assert_eq!(token("user:pass").unwrap(), "user:pass");
        let long = "x".repeat(TOKEN_MAX_BYTES + 1);
        for text in ["", "a b", "a\r\nHost: x", long.as_str()] {
            assert!(token(text).unwrap_err().contains("without spaces"));
        }
    }
}
