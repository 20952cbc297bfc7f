use super::*;
use proptest::prelude::*;

fn headers(values: &[&str]) -> Headers {
    let mut headers = Headers::new();
    for value in values {
        headers.push("WWW-Authenticate", *value);
    }
    headers
}

fn digests(values: &[&str]) -> Vec<DigestChallenge> {
    let digest = |challenge| match challenge {
        Challenge::Digest(digest) => Some(digest),
        Challenge::Basic => None,
    };
    Challenge::parse_all(&headers(values)).into_iter().filter_map(digest).collect()
}

fn authenticator() -> Authenticator {
    let (username, password) = ("user".to_owned(), "pass".to_owned());
    Authenticator::new(Some(Credentials { username, password }), 1)
}

/// Value of a parameter of an `Authorization` header.
fn param(authorization: &str, name: &str) -> Option<String> {
    let (_, params) = split_challenges(authorization).into_iter().next()?;
    params.into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

const MD5: &str = r#"Digest realm="r", nonce="n1""#;

#[test]
fn challenges_joined_by_commas_are_told_apart_from_their_parameters() {
    let joined = r#"Basic realm="a, b", Digest realm="x\", y", nonce="n", qop="auth,auth-int""#;
    let found = Challenge::parse_all(&headers(&[joined]));
    assert_eq!(found[0], Challenge::Basic);
    let Challenge::Digest(digest) = &found[1] else { panic!("{found:?}") };
    assert_eq!((digest.realm.as_str(), digest.nonce.as_str()), (r#"x\", y"#, "n"));
    assert!(digest.qop_auth);
    assert_eq!(found.len(), 2);
}

#[test]
fn sloppy_parameters_are_read() {
    let hikvision = r#"Digest realm="IP Camera", random="x", nonce = abc ,opaque="",stale="FALSE""#;
    let [digest] = &digests(&[hikvision])[..] else { panic!() };
    assert_eq!(digest.nonce, "abc");
    assert_eq!(digest.opaque.as_deref(), Some(""));
    assert!(!digest.stale && !digest.qop_auth);
    let [digest] = &digests(&[r#"digest nonce=a,nonce=b,STALE=true,algorithm="MD5",realm="#])[..]
    else {
        panic!()
    };
    assert!(digest.stale);
    assert_eq!(digest.nonce, "a");
}

#[test]
fn an_unterminated_quote_ends_with_the_value() {
    let [digest] = &digests(&[r#"Digest realm="r", nonce="abc"#])[..] else { panic!() };
    assert_eq!(digest.nonce, "abc");
}

#[test]
fn challenges_that_can_not_be_answered_are_left_out() {
    for bad in [
        "Digest",
        "Digest realm=\"r\"",
        "Digest nonce=\"n\", qop=\"auth-int\"",
        "Digest nonce=\"n\", algorithm=SHA-512-256",
        "Digest nonce=\"n\", algorithm=token",
        "Bearer x",
        "",
        ",,,=,",
    ] {
        assert_eq!(Challenge::parse_all(&headers(&[bad])), [], "{bad}");
    }
    let long = format!("Digest nonce=\"{}\"", "n".repeat(1 << 20));
    assert_eq!(digests(&[&long]), []);
    assert_eq!(digests(&[r#"Digest nonce="n", stale=maybe"#]).len(), 1);
}

#[test]
fn the_strongest_offer_is_answered() {
    let mut auth = authenticator();
    assert_eq!(auth.authorization("DESCRIBE", "rtsp://h/"), None);
    let sha = r#"Digest realm="r", nonce="n2", algorithm=SHA-256"#;
    auth.handle_unauthorized(&headers(&["Basic realm=\"r\"", MD5, sha]), false).unwrap();
    let value = auth.authorization("DESCRIBE", "rtsp://h/").unwrap();
    assert_eq!(param(&value, "algorithm").as_deref(), Some("SHA-256"));
    assert_eq!(param(&value, "nonce").as_deref(), Some("n2"));
    assert_eq!(param(&value, "uri").as_deref(), Some("rtsp://h/"));
}

#[test]
fn after_a_refusal_the_next_offer_is_tried_and_then_no_more() {
    let mut auth = authenticator();
    let offer = headers(&[MD5, "Basic realm=\"r\""]);
    auth.handle_unauthorized(&offer, false).unwrap();
    auth.handle_unauthorized(&offer, true).unwrap();
    assert_eq!(auth.authorization("OPTIONS", "*").unwrap(), "Basic dXNlcjpwYXNz");
    assert_eq!(auth.handle_unauthorized(&offer, true), Err(AuthError::Refused));
}

#[test]
fn a_refusal_with_the_same_nonce_and_nothing_else_is_final() {
    let mut auth = authenticator();
    auth.handle_unauthorized(&headers(&[MD5]), false).unwrap();
    assert_eq!(auth.handle_unauthorized(&headers(&[MD5]), true), Err(AuthError::Refused));
}

#[test]
fn a_changed_nonce_is_tried_once() {
    let mut auth = authenticator();
    let nonce = |n: u32| headers(&[&format!("Digest realm=\"r\", nonce=\"{n}\"")]);
    assert_eq!(auth.handle_unauthorized(&nonce(1), false), Ok(false));
    assert_eq!(auth.handle_unauthorized(&nonce(2), true), Ok(true));
    assert_eq!(auth.handle_unauthorized(&nonce(3), true), Err(AuthError::Refused));
}

#[test]
fn a_good_nonce_that_is_replaced_later_is_no_refusal() {
    let mut auth = authenticator();
    let both = |n: u32| {
        headers(&[&format!("Digest realm=\"r\", nonce=\"{n}\", qop=\"auth\""), "Basic realm=\"r\""])
    };
    auth.handle_unauthorized(&both(1), false).unwrap();
    for n in 2..20 {
        auth.handle_accepted(&Headers::new());
        assert_eq!(auth.handle_unauthorized(&both(n), true), Ok(true));
        // The password does not go out in the clear only because a nonce is too old.
        let value = auth.authorization("OPTIONS", "*").unwrap();
        assert!(value.starts_with("Digest"), "{value}");
        // Each nonce has its own count.
        assert_eq!(param(&value, "nc").as_deref(), Some("00000001"));
    }
}

#[test]
fn a_stale_nonce_is_no_refusal_but_not_for_ever() {
    let mut auth = authenticator();
    let stale = |n: u32| headers(&[&format!("Digest realm=\"r\", nonce=\"{n}\", stale=true")]);
    auth.handle_unauthorized(&stale(0), false).unwrap();
    assert_eq!(auth.handle_unauthorized(&stale(1), true), Ok(true));
    assert_eq!(auth.handle_unauthorized(&stale(2), true), Ok(true));
    assert_eq!(auth.handle_unauthorized(&stale(3), true), Err(AuthError::Refused));
}

#[test]
fn the_count_runs_per_nonce_and_nextnonce_is_taken_up() {
    let mut auth = authenticator();
    let offer = headers(&[r#"Digest realm="r", nonce="n1", qop="auth", opaque="o""#]);
    auth.handle_unauthorized(&offer, false).unwrap();
    let count = |auth: &mut Authenticator| {
        param(&auth.authorization("OPTIONS", "*").unwrap(), "nc").unwrap()
    };
    assert_eq!(count(&mut auth), "00000001");
    assert_eq!(count(&mut auth), "00000002");
    let mut next = Headers::new();
    next.push("Authentication-Info", r#"qop=auth, nextnonce="n2""#);
    auth.handle_accepted(&next);
    let value = auth.authorization("OPTIONS", "*").unwrap();
    assert_eq!(param(&value, "nonce").as_deref(), Some("n2"));
    assert_eq!(param(&value, "nc").as_deref(), Some("00000001"));
    assert_eq!(param(&value, "opaque").as_deref(), Some("o"));
}

#[test]
fn the_response_is_the_one_of_the_password() {
    let mut auth = authenticator();
    auth.handle_unauthorized(&headers(&[MD5]), false).unwrap();
    let value = auth.authorization("DESCRIBE", "rtsp://h/a b").unwrap();
    // md5(md5("user:r:pass"):n1:md5("DESCRIBE:rtsp://h/a b"))
    assert_eq!(param(&value, "response").as_deref(), Some("3cd96d58ebb6d728152ced36dc54771f"));
    assert_eq!(param(&value, "qop"), None);
    assert_eq!(param(&value, "cnonce"), None);
}

#[test]
fn without_credentials_or_a_known_challenge_there_is_no_answer() {
    let mut none = Authenticator::new(None, 1);
    assert_eq!(none.handle_unauthorized(&headers(&[MD5]), false), Err(AuthError::NoCredentials));
    let unknown = headers(&["Bearer x"]);
    let answer = authenticator().handle_unauthorized(&unknown, false);
    assert_eq!(answer, Err(AuthError::Unsupported));
}

#[test]
fn the_password_is_not_printed() {
    let auth = authenticator();
    assert!(!format!("{auth:?} {:?}", auth.credentials).contains("pass"));
}

proptest! {
    #[test]
    fn no_header_value_panics(value in ".{0,300}", prefix in "(Digest |Basic |)") {
        let offer = headers(&[&format!("{prefix}{value}")]);
        let mut auth = authenticator();
        if auth.handle_unauthorized(&offer, false).is_ok() {
            prop_assert!(auth.authorization("OPTIONS", "*").is_some());
        }
    }
}
