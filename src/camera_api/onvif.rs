//! What ONVIF's media service is told (ONVIF Media, `SetSynchronizationPoint` and `GetProfiles`)
//! and what it says, as far as it matters. It is SOAP, with the password hashed in its head (OASIS
//! UsernameToken Profile 1.0).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtsp::url::Credentials;
use sha1::{Digest as _, Sha1};

/// Bytes of a profile's token (ONVIF Core, `ReferenceToken`).
const TOKEN_MAX_BYTES: usize = 64;
const OASIS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";
/// The media type of requests.
pub(super) const MEDIA_TYPE: &str = "application/soap+xml; charset=utf-8";

/// The message that asks for the profiles, or for a keyframe of one of them.
pub(super) fn message(profile: Option<&str>, security: Option<&str>) -> String {
    let namespace = "xmlns=\"http://www.onvif.org/ver10/media/wsdl\"";
    let body = match profile {
        None => format!("<GetProfiles {namespace}/>"),
        Some(token) => format!(
            "<SetSynchronizationPoint {namespace}><ProfileToken>{}</ProfileToken>\
             </SetSynchronizationPoint>",
            escape(token)
        ),
    };
    let head = security.map(|text| format!("<s:Header>{text}</s:Header>")).unwrap_or_default();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\">{head}\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// The head that says who asks. `created` is the camera's time: it takes no message of another.
pub(super) fn security(credentials: &Credentials, nonce: [u8; 16], created: &str) -> String {
    let digest = password_digest(&nonce, created, &credentials.password);
    format!(
        "<Security s:mustUnderstand=\"1\" xmlns=\"{OASIS}-wssecurity-secext-1.0.xsd\">\
         <UsernameToken><Username>{}</Username>\
         <Password Type=\"{OASIS}-username-token-profile-1.0#PasswordDigest\">{digest}</Password>\
         <Nonce EncodingType=\"{OASIS}-soap-message-security-1.0#Base64Binary\">{}</Nonce>\
         <Created xmlns=\"{OASIS}-wssecurity-utility-1.0.xsd\">{created}</Created>\
         </UsernameToken></Security>",
        escape(&credentials.username),
        STANDARD.encode(nonce),
    )
}

fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let hash = Sha1::new().chain_update(nonce).chain_update(created).chain_update(password);
    STANDARD.encode(hash.finalize())
}

/// The token of the first profile, which is that of the main stream.
pub(super) fn first_profile(answer: &str) -> Option<String> {
    let mut tags = answer.split('<').filter_map(|piece| piece.split('>').next());
    let tag = tags.find(|tag| {
        let name = tag.split_whitespace().next().unwrap_or_default();
        name.rsplit(':').next() == Some("Profiles")
    })?;
    let (_, value) = tag.split_once("token=")?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let token = value.split(quote).nth(1)?;
    let is_sound = !token.is_empty() && token.len() <= TOKEN_MAX_BYTES;
    is_sound.then(|| unescape(token))
}

/// What a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The message's head was not believed: its password, or its time.
    NotAuthorized,
    /// The camera does not know what it is asked for.
    NotSupported,
    Other,
}

/// Whether an answer is a fault, and which.
pub(super) fn fault(answer: &str) -> Option<Fault> {
    let has = |word| answer.contains(word);
    if has("NotAuthorized") || has("FailedAuthentication") || has("FailedCheck") {
        Some(Fault::NotAuthorized)
    } else if has("ActionNotSupported") || has("OptionalActionNotImplemented") {
        Some(Fault::NotSupported)
    } else {
        (has(":Fault>") || has("<Fault>")).then_some(Fault::Other)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_onvifs_own_example() {
        let nonce = STANDARD.decode("LKqI6G/AikKCQrN0zqZFlg==").unwrap();
        let digest = password_digest(&nonce, "2010-09-16T07:50:45Z", "userpassword");
        assert_eq!(digest, "tuOSpGlFlIXsozq4HFNeeGeFLEI=");
    }

    #[test]
    fn the_first_profile_is_found_however_it_is_written() {
        for answer in [
            "<x:Response><x:Profiles fixed=\"true\" token=\"a&amp;b\"><x token=\"c\"/>",
            "<Profiles token='a&amp;b' fixed='true'>",
            "<a:Profiles\n token=\"a&amp;b\">",
        ] {
            assert_eq!(first_profile(answer).as_deref(), Some("a&b"), "{answer}");
        }
        for answer in ["", "<trt:Profiles>", "<Profiles token=a>", "<Profiles token=\"\">"] {
            assert_eq!(first_profile(answer), None, "{answer}");
        }
    }

    #[test]
    fn what_stands_in_a_message_can_not_end_its_element() {
        let text = message(Some("a</ProfileToken>&"), None);
        assert!(
            text.contains("<ProfileToken>a&lt;/ProfileToken&gt;&amp;</ProfileToken>"),
            "{text}"
        );
    }
}
