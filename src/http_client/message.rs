//! One request and its response on a connection of their own (RFC 9112).

use std::fmt;
use std::time::Duration;

use super::limits;
use super::url::Url;

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// `Content-Type`.
    pub media_type: &'a str,
    /// The text.
    pub content: &'a str,
}

/// A request that asks for the connection to be closed behind its response.
#[must_use]
pub fn request(
    method: &str,
    url: &Url,
    headers: &[(&str, &str)],
    body: Option<Body<'_>>,
) -> Vec<u8> {
    let mut text = format!("{method} {} HTTP/1.1\r\nHost: {}\r\n", url.target(), url.authority());
    text.push_str("User-Agent: crosspoint\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(Body { media_type, content }) = body {
        text.push_str(&format!("Content-Type: {media_type}\r\n"));
        text.push_str(&format!("Content-Length: {}\r\n", content.len()));
    }
    text.push_str("\r\n");
    text.push_str(body.map_or("", |body| body.content));
    text.into_bytes()
}

/// What of a response matters to the clients here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `Location`.
    pub location: Option<String>,
    /// `Retry-After`, where it is in seconds.
    pub retry_after: Option<Duration>,
    /// `Date`.
    pub date: Option<String>,
    /// The values of `WWW-Authenticate`, in order.
    pub challenges: Vec<String>,
    /// The body; what is no UTF-8 in it is replaced.
    pub body: String,
}

/// Why bytes are no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseError {
    /// Not HTTP/1.1.
    Malformed,
    /// More bytes than any answer has.
    TooLarge,
    /// The connection ended in the middle.
    Cut,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the server's answer is no HTTP",
            Self::TooLarge => "the server's answer is too large",
            Self::Cut => "the server closed the connection without a whole answer",
        })
    }
}

impl std::error::Error for ResponseError {}

/// Reads a response out of all bytes that have come; `None` while some are missing. `ended`
/// says that no more will come.
///
/// # Errors
/// When these bytes will never be a response.
pub fn parse(mut bytes: &[u8], ended: bool) -> Result<Option<Response>, ResponseError> {
    if bytes.len() > limits::RESPONSE_MAX_BYTES {
        return Err(ResponseError::TooLarge);
    }
    let missing = if ended { Err(ResponseError::Cut) } else { Ok(None) };
    loop {
        let mut headers = [httparse::EMPTY_HEADER; limits::HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return missing,
            Err(_) => return Err(ResponseError::Malformed),
        };
        let rest = bytes.get(length..).unwrap_or_default();
        let status = head.code.unwrap_or_default();
        if (100..200).contains(&status) {
            bytes = rest; // interim: the response is still to come
            continue;
        }
        let Some(body) = body(status, head.headers, rest, ended)? else { return missing };
        let header = |name: &str| header(head.headers, name);
        let seconds = header("retry-after").and_then(|text| text.parse().ok());
        return Ok(Some(Response {
            status,
            location: header("location").map(str::to_owned),
            retry_after: seconds.map(Duration::from_secs),
            date: header("date").map(str::to_owned),
            challenges: all(head.headers, "www-authenticate").map(str::to_owned).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        }));
    }
}

pub(super) fn header<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(found.value).ok().map(str::trim)
}

fn all<'a>(headers: &[httparse::Header<'a>], name: &str) -> impl Iterator<Item = &'a str> {
    let found = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    found.filter_map(|header| std::str::from_utf8(header.value).ok().map(str::trim))
}

/// The body (RFC 9112 section 6.3), `None` while it is not whole.
fn body(
    status: u16,
    headers: &[httparse::Header<'_>],
    rest: &[u8],
    ended: bool,
) -> Result<Option<Vec<u8>>, ResponseError> {
    if matches!(status, 204 | 304) {
        return Ok(Some(Vec::new()));
    }
    if let Some(coding) = header(headers, "transfer-encoding") {
        return if coding.eq_ignore_ascii_case("chunked") {
            chunked(rest)
        } else {
            Err(ResponseError::Malformed)
        };
    }
    match header(headers, "content-length") {
        Some(length) => {
            let length: usize = length.parse().map_err(|_| ResponseError::Malformed)?;
            if length > limits::RESPONSE_MAX_BYTES {
                return Err(ResponseError::TooLarge);
            }
            Ok(rest.get(..length).map(<[u8]>::to_vec))
        }
        None => Ok(ended.then(|| rest.to_vec())),
    }
}

fn chunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, ResponseError> {
    let mut body = Vec::new();
    loop {
        let (start, length) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(ResponseError::Malformed),
        };
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= limits::RESPONSE_MAX_BYTES)
            .ok_or(ResponseError::TooLarge)?;
        if length == 0 {
            return Ok(Some(body)); // trailers say nothing that matters here
        }
        let end = start + length;
        let Some(chunk) = rest.get(start..end) else { return Ok(None) };
        body.extend_from_slice(chunk);
        let Some(behind) = rest.get(end..end + 2) else { return Ok(None) };
        if behind != b"\r\n" {
            return Err(ResponseError::Malformed);
        }
        rest = rest.get(end + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The response in these bytes, which is seen with the last of them and not before.
    fn read(text: &str) -> Response {
        for length in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..length], false), Ok(None), "{length}");
            assert_eq!(parse(&text.as_bytes()[..length], true), Err(ResponseError::Cut));
        }
        parse(text.as_bytes(), false).unwrap().unwrap()
    }

    #[test]
    fn a_request_carries_its_headers_and_its_body() {
        let url = Url::parse("http://h:8080/whip/a?b").unwrap();
        let body = Body { media_type: "application/sdp", content: "v=0\r\n" };
        let text =
            String::from_utf8(request("POST", &url, &[("Accept", "a/b")], Some(body))).unwrap();
        assert!(text.starts_with("POST /whip/a?b HTTP/1.1\r\nHost: h:8080\r\n"), "{text}");
        assert!(text.contains("\r\nAccept: a/b\r\n"));
        assert!(text.contains("\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n"));
        assert!(text.ends_with("\r\n\r\nv=0\r\n"));
        let text = String::from_utf8(request("DELETE", &url, &[], None)).unwrap();
        assert!(!text.contains("Accept") && !text.contains("Content"), "{text}");
    }

    #[test]
    fn a_body_of_known_length_is_read_behind_an_interim_response() {
        let response = read(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nlocation: /r/1\r\n\
             Content-Length: 4\r\n\r\nv=0\n",
        );
        assert_eq!((response.status, response.body.as_str()), (201, "v=0\n"));
        assert_eq!(response.location.as_deref(), Some("/r/1"));
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let text = "HTTP/1.1 201 Created\r\nTransfer-Encoding: Chunked\r\n\r\n\
                    2\r\nv=\r\n2;x=y\r\n0\n\r\n0\r\n";
        assert_eq!(read(text).body, "v=0\n");
        for bad in ["zz\r\n", "2\r\nv=xx", "fffffffffffffff\r\n"] {
            let text = format!("HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n{bad}");
            assert!(parse(text.as_bytes(), false).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_body_of_unknown_length_ends_with_the_connection() {
        let text = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\nfull";
        assert_eq!(parse(text, false), Ok(None));
        let response = parse(text, true).unwrap().unwrap();
        assert_eq!((response.status, response.body.as_str()), (503, "full"));
        assert_eq!(response.retry_after, Some(Duration::from_secs(7)));
        let text =
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Digest x\r\n\r\n";
        let response = parse(text.as_bytes(), true).unwrap().unwrap();
        assert_eq!(response.challenges, ["Basic", "Digest x"]);
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n").body, "");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_the_end_decides(
            status in 100_u16..600,
            head in "(|Content-Length: [0-9]{1,20}\r\n|Transfer-Encoding: chunked\r\n)",
            body in "[0-9a-f;x\r\n ]{0,40}",
        ) {
            let text = format!("HTTP/1.1 {status} X\r\n{head}\r\n{body}");
            let whole = parse(text.as_bytes(), true);
            proptest::prop_assert!(whole != Ok(None));
            for length in 0..text.len() {
                let _ = parse(&text.as_bytes()[..length], false);
            }
        }
    }

    #[test]
    fn what_is_too_large_or_no_http_is_refused() {
        let large = vec![b'a'; limits::RESPONSE_MAX_BYTES + 1];
        assert_eq!(parse(&large, false), Err(ResponseError::TooLarge));
        let text = b"HTTP/1.1 201 C\r\nContent-Length: 99999999\r\n\r\n";
        assert_eq!(parse(text, false), Err(ResponseError::TooLarge));
        assert_eq!(parse(b"SSH-2.0-x\r\n", false), Err(ResponseError::Malformed));
        let text = b"HTTP/1.1 201 C\r\nContent-Length: -1\r\n\r\n";
        assert_eq!(parse(text, false), Err(ResponseError::Malformed));
    }
}
