//! Addresses with credentials in them, and how to show one without.

use std::fmt;

/// What stands where a credential was.
const MASK: &str = "***";

/// Query and path parameters whose value is a credential on cameras in the field.
const SECRET_PARAMETERS: &[&str] = &[
    "user",
    "usr",
    "username",
    "login",
    "password",
    "passwd",
    "passwort",
    "pass",
    "pwd",
    "psw",
    "token",
    "auth",
    "authbasic",
    "key",
    "apikey",
    "api_key",
    "secret",
    "session",
    "sig",
];

/// A camera's address. Only [`SecretUrl::expose`] gives it away; `Debug` and `Display` mask
/// its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Takes an address as it is; the configuration checks its own before this.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address with its credentials, for the connection only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The address as it may be shown.
    #[must_use]
    pub fn redacted(&self) -> String {
        redact_url(&self.0)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({})", self.redacted())
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

/// `url` with every credential masked: the user info, and parameters such as `password=`
/// wherever they stand. Rather masks too much: all up to the last `@` is taken for user info,
/// since passwords with an unescaped `/` or `@` are common in files.
#[must_use]
pub fn redact_url(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let (user_info, rest) = match rest.rfind('@') {
        Some(at) => (MASK, rest.get(at..).unwrap_or("")),
        None => ("", rest),
    };
    // A scheme behind user info (`ffmpeg:u:p@rtsp://…`) is no scheme: nothing before it is safe.
    let scheme = if scheme.contains('@') { "" } else { scheme };
    let mut shown = String::with_capacity(url.len());
    shown.push_str(scheme);
    shown.push_str(user_info);
    redact_parameters(rest, &mut shown);
    shown
}

fn redact_parameters(rest: &str, shown: &mut String) {
    for piece in rest.split_inclusive(['/', '?', '&', ';', '#', ',']) {
        let (text, delimiter) = match piece.char_indices().next_back() {
            Some((at, '/' | '?' | '&' | ';' | '#' | ',')) => piece.split_at(at),
            _ => (piece, ""),
        };
        shown.push_str(&redact_piece(text));
        shown.push_str(delimiter);
    }
}

fn redact_piece(text: &str) -> String {
    // `user=admin_password=x_channel=1` is one piece: everything behind the first secret goes.
    let lower = text.to_ascii_lowercase();
    let first = lower
        .match_indices('=')
        .map(|(at, _)| at)
        .find(|at| lower.get(..*at).is_some_and(ends_in_secret_name));
    match first.and_then(|at| text.get(..=at)) {
        Some(kept) => format!("{kept}{MASK}"),
        None => text.to_owned(),
    }
}

fn ends_in_secret_name(before: &str) -> bool {
    SECRET_PARAMETERS.iter().any(|name| before.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_is_masked() {
        assert_eq!(redact_url("rtsp://admin:pw@10.0.0.1:554/a"), "rtsp://***@10.0.0.1:554/a");
        assert_eq!(redact_url("rtsp://admin@10.0.0.1/"), "rtsp://***@10.0.0.1/");
    }

    #[test]
    fn an_address_without_credentials_is_shown_whole() {
        let plain = "rtsp://10.0.0.1:554/h264?channel=1&subtype=0#transport=udp";
        assert_eq!(redact_url(plain), plain);
    }

    #[test]
    fn an_unescaped_password_is_masked_whole() {
        for url in ["rtsp://u:p@ss/w@host/x", "rtsp://u:p/wss@host/x", "rtsp://u:p?ss#@host/x"] {
            assert_eq!(redact_url(url), "rtsp://***@host/x", "{url}");
        }
    }

    #[test]
    fn credentials_without_a_scheme_are_masked() {
        assert_eq!(redact_url("admin:secret@10.0.0.1/a"), "***@10.0.0.1/a");
        assert_eq!(redact_url("ffmpeg:rtsp://u:secret@h/a#video"), "ffmpeg:rtsp://***@h/a#video");
        assert!(!redact_url("u:secret@x://h/a").contains("secret"));
    }

    #[test]
    fn password_parameters_are_masked() {
        let url = "rtsp://10.0.0.1/user=admin&password=tlJw&channel=1&stream=0.sdp?";
        assert_eq!(
            redact_url(url),
            "rtsp://10.0.0.1/user=***&password=***&channel=1&stream=0.sdp?"
        );
        let url = "rtsp://10.0.0.1/user=admin_password=tlJw_channel=1.sdp";
        assert_eq!(redact_url(url), "rtsp://10.0.0.1/user=***");
        assert_eq!(redact_url("rtsp://h/a?Token=abc"), "rtsp://h/a?Token=***");
    }

    #[test]
    fn debug_and_display_of_a_secret_url_mask_it() {
        let url = SecretUrl::new("rtsp://admin:hunter2@h/a");
        assert!(!format!("{url:?} {url}").contains("hunter2"));
        assert_eq!(url.expose(), "rtsp://admin:hunter2@h/a");
    }
}
