//! How a camera is asked for a keyframe, out of the file.

use crate::camera::{is_host_port, tls};
use crate::limits::URL_MAX_BYTES;
use crate::model::{CameraUrl, Keyframe, Tls};
use crate::url::SecretUrl;

/// Reads `auto` or `isapi:http://user:password@192.0.2.10`. No error repeats any of it.
///
/// # Errors
/// What is expected instead, without any of the text.
pub fn keyframe(text: &str) -> Result<Keyframe, String> {
    let expected = "expected auto, off, rtcp, axis, session, isapi:, sunapi: or onvif: and an \
                    address such as http://192.0.2.10";
    match text {
        "auto" => Ok(Keyframe::Auto),
        "off" => Ok(Keyframe::Off),
        "rtcp" => Ok(Keyframe::Rtcp),
        "axis" => Ok(Keyframe::Axis),
        "session" => Ok(Keyframe::Session),
        _ => match text.split_once(':') {
            Some(("isapi", url)) => Ok(Keyframe::Isapi(address(url)?)),
            Some(("sunapi", url)) => Ok(Keyframe::Sunapi(address(url)?)),
            Some(("onvif", url)) => Ok(Keyframe::Onvif(address(url)?)),
            _ => Err(expected.to_owned()),
        },
    }
}

fn address(text: &str) -> Result<CameraUrl, String> {
    let expected = "expected an address such as http://192.0.2.10 behind isapi:, sunapi: or onvif:";
    if text.len() > URL_MAX_BYTES {
        return Err(format!("expected at most {URL_MAX_BYTES} bytes"));
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(format!("{expected}, without spaces (%20) and in ASCII"));
    }
    let (scheme, rest) = text.split_once("://").ok_or(expected)?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(expected.to_owned());
    }
    let (rest, option) = rest.split_once('#').unwrap_or((rest, ""));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let (user_info, host_port) = match authority.rsplit_once('@') {
        Some((user_info, host_port)) => (user_info.replace('@', "%40") + "@", host_port),
        None => (String::new(), authority),
    };
    if !is_host_port(host_port) {
        let hint = "the host or port is not valid (in a password / is %2F, ? is %3F, # is %23)";
        return Err(format!("{expected}; {hint}"));
    }
    let tls = match option.strip_prefix("tls=") {
        Some(value) if scheme == "https" => tls(value)?,
        None if option.is_empty() => Tls::Verify,
        _ => return Err(format!("{expected}; only https:// takes an option, #tls=...")),
    };
    let url = SecretUrl::new(format!("{scheme}://{user_info}{host_port}{path}"));
    Ok(CameraUrl { url, tls, audio: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_refused_without_repeating_anything() {
        for text in [
            "isapi:hunter2",
            "isapi:ftp://hunter2",
            "isapi:http://u:hunter2@",
            "isapi:http://u:hunter2/x@192.0.2.1",
            "isapi:http://u:hunter2@h:0",
            "isapi:http://u:hunter2@h#tls=insecure",
            "isapi:https://u:hunter2@h#tls=hunter2",
            "isapi:https://u:hunter2@h#hunter2",
            "isapi:http://u:hunter2@h/a b",
            "sunapi:http://u:hunter2@h/\u{fc}",
            "onvif:http://u:hunter2@h:x",
            "session:hunter2",
            "hunter2",
            "",
        ] {
            let error = keyframe(text).unwrap_err();
            assert!(error.contains("expected") && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn what_was_read_shows_no_password() {
        let shown = format!("{:?}", keyframe("isapi:http://u:hunter2@h").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
