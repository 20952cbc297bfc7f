//! Cameras' web servers, played by hand.

use std::time::Duration;

use super::*;

const DIGEST: &str = "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", \
                      qop=\"auth\"\r\nContent-Length: 0\r\n\r\n";

/// 1994-11-06T08:49:37Z.
const UNIX_S: u64 = 784_111_777;

struct World {
    caller: Caller,
    now: Instant,
    connects: usize,
    sent: Vec<String>,
    outcomes: Vec<Outcome>,
}

/// A caller that knows a password.
fn asking(api: Api, url: &str) -> World {
    let credentials = Credentials { username: "admin".to_owned(), password: "hunter2".to_owned() };
    asking_as(api, url, Some(credentials))
}

fn asking_as(api: Api, url: &str, credentials: Option<Credentials>) -> World {
    let caller = Caller::new(api, Url::parse(url).unwrap(), credentials, 1);
    let (sent, outcomes) = (Vec::new(), Vec::new());
    let mut world = World { caller, now: Instant::now(), connects: 0, sent, outcomes };
    world.caller.ask(world.now, UNIX_S);
    world.pump();
    world
}

impl World {
    fn pump(&mut self) {
        while let Some(output) = self.caller.poll_output() {
            match output {
                Output::Connect { .. } => {
                    self.connects += 1;
                    self.caller.handle_connected();
                }
                Output::Send(bytes) => self.sent.push(String::from_utf8(bytes).unwrap()),
                Output::Disconnect => {}
                Output::Done(outcome) => self.outcomes.push(outcome),
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.caller.handle_data(text.as_bytes());
        self.pump();
    }

    fn reply(&mut self, status: u16, body: &str) {
        self.say(&format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    }
}

#[test]
fn hikvision_is_asked_by_an_empty_put() {
    let mut world = asking(Api::Isapi, "http://192.0.2.1:81");
    let request = &world.sent[0];
    let line = "PUT /ISAPI/Streaming/channels/101/requestKeyFrame HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    assert!(request.contains("\r\nHost: 192.0.2.1:81\r\n"), "{request}");
    assert!(request.contains("\r\nContent-Length: 0\r\n"), "{request}");
    world.reply(200, "<ResponseStatus/>");
    assert_eq!(world.outcomes, [Outcome::Taken]);
}

#[test]
fn an_address_with_a_path_is_taken_as_it_is() {
    let world = asking(Api::Isapi, "http://h/Streaming/channels/2/requestKeyFrame");
    assert!(world.sent[0].starts_with("PUT /Streaming/channels/2/requestKeyFrame HTTP/1.1\r\n"));
    let world = asking(Api::Sunapi, "http://h/x?Channel=3&Profile=2");
    assert!(world.sent[0].starts_with("GET /x?Channel=3&Profile=2 HTTP/1.1\r\n"));
}

#[test]
fn hanwha_says_no_with_a_200() {
    for (body, outcome) in [("OK", Outcome::Taken), ("NG\r\nError Code: 600", Outcome::Unsupported)]
    {
        let mut world = asking(Api::Sunapi, "http://h");
        assert!(world.sent[0].starts_with("GET /stw-cgi/media.cgi?msubmenu=setsynchronization"));
        world.reply(200, body);
        assert_eq!(world.outcomes, [outcome]);
    }
}

#[test]
fn a_challenge_is_answered_on_a_new_connection() {
    let mut world = asking(Api::Isapi, "http://h");
    assert!(!world.sent[0].contains("Authorization"));
    world.say(DIGEST);
    assert_eq!(world.connects, 2);
    let uri = "uri=\"/ISAPI/Streaming/channels/101/requestKeyFrame\"";
    assert!(world.sent[1].contains("\r\nAuthorization: Digest username=\"admin\""));
    assert!(world.sent[1].contains(uri) && !world.sent[1].contains("hunter2"));
    world.reply(200, "");
    assert_eq!(world.outcomes, [Outcome::Taken]);
    // The next call goes through at once.
    world.caller.ask(world.now, UNIX_S);
    world.pump();
    assert!(world.sent[2].contains("nc=00000002"), "{}", world.sent[2]);
}

#[test]
fn a_wrong_password_is_said_once_or_twice_and_no_more() {
    let mut world = asking(Api::Isapi, "http://h");
    for _ in 0..10 {
        world.say(DIGEST);
    }
    assert_eq!(world.outcomes, [Outcome::Unauthorized]);
    let said = world.sent.iter().filter(|request| request.contains("Authorization")).count();
    assert!((1..=2).contains(&said), "{said}");
    let mut world = asking_as(Api::Isapi, "http://h", None);
    world.say(DIGEST);
    assert_eq!((world.connects, world.outcomes), (1, vec![Outcome::Unauthorized]));
}

#[test]
fn what_a_camera_does_not_know_is_told_apart_from_what_fails() {
    for status in [403, 404, 405, 501] {
        let mut world = asking(Api::Isapi, "http://h");
        world.reply(status, "");
        assert_eq!(world.outcomes, [Outcome::Unsupported]);
    }
    for status in [302, 400, 500, 503] {
        let mut world = asking(Api::Isapi, "http://h");
        world.reply(status, "");
        assert_eq!(world.outcomes, [Outcome::Failed(format!("HTTP {status}"))]);
    }
}

#[test]
fn a_camera_that_says_nothing_is_given_two_seconds() {
    let mut world = asking(Api::Isapi, "http://h");
    world.caller.handle_timeout(world.now + Duration::from_millis(1999));
    world.pump();
    assert_eq!(world.outcomes, []);
    // A challenge in between is within the same two seconds.
    world.say(DIGEST);
    assert_eq!(world.caller.poll_timeout(), Some(world.now + Duration::from_secs(2)));
    world.caller.handle_timeout(world.now + Duration::from_secs(2));
    world.pump();
    assert_eq!(world.outcomes, [Outcome::Failed("no answer in time".to_owned())]);
    assert_eq!(world.caller.poll_timeout(), None);
}

#[test]
fn a_connection_that_ends_ends_the_call() {
    let mut world = asking(Api::Isapi, "http://h");
    world.caller.handle_closed("refused");
    world.pump();
    assert_eq!(world.outcomes, [Outcome::Failed("refused".to_owned())]);
    let mut world = asking(Api::Isapi, "http://h");
    world.say("HTTP/1.0 200 OK\r\n\r\nbody without a length");
    assert_eq!(world.outcomes, []);
    world.caller.handle_closed("closed");
    world.pump();
    assert_eq!(world.outcomes, [Outcome::Taken]);
}

#[test]
fn one_call_at_a_time_and_a_cancelled_one_tells_nothing() {
    let mut world = asking(Api::Isapi, "http://h");
    world.caller.ask(world.now, UNIX_S);
    world.pump();
    assert_eq!(world.connects, 1);
    world.caller.cancel();
    world.pump();
    world.reply(200, "");
    assert_eq!((world.outcomes, world.caller.poll_timeout()), (vec![], None));
}

const PROFILES: &str = "<trt:Profiles token=\"main\"/><trt:Profiles token=\"sub\"/>";
const NOT_AUTHORIZED: &str = "<s:Fault><s:Subcode>ter:NotAuthorized</s:Subcode></s:Fault>";

fn created(request: &str) -> &str {
    let (_, behind) = request.split_once("utility-1.0.xsd\">").unwrap();
    behind.split('<').next().unwrap()
}

#[test]
fn onvif_is_asked_for_its_profiles_once_and_then_for_a_keyframe_of_the_first() {
    let mut world = asking(Api::Onvif, "http://h");
    let request = &world.sent[0];
    assert!(request.starts_with("POST /onvif/media_service HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nContent-Type: application/soap+xml"), "{request}");
    assert!(request.contains("<GetProfiles ") && request.contains("<Username>admin</Username>"));
    assert_eq!(created(request), "1994-11-06T08:49:37Z");
    assert!(!request.contains("hunter2"));
    world.reply(200, PROFILES);
    assert!(world.sent[1].contains("<ProfileToken>main</ProfileToken>"), "{}", world.sent[1]);
    world.reply(200, "<trt:SetSynchronizationPointResponse/>");
    assert_eq!(world.outcomes, [Outcome::Taken]);
    world.caller.ask(world.now, UNIX_S);
    world.pump();
    assert!(world.sent[2].contains("<ProfileToken>main</ProfileToken>"), "it is known now");
}

#[test]
fn the_profile_of_the_address_is_taken_unasked() {
    let world = asking(Api::Onvif, "http://h/onvif/Media?profile=Profile_2");
    assert!(world.sent[0].contains("<ProfileToken>Profile_2</ProfileToken>"));
    assert!(world.sent[0].starts_with("POST /onvif/Media HTTP/1.1\r\n"));
    let world = asking(Api::Onvif, "http://h?profile=Profile_2");
    assert!(world.sent[0].contains("<ProfileToken>Profile_2</ProfileToken>"));
    assert!(world.sent[0].starts_with("POST /onvif/media_service HTTP/1.1\r\n"));
}

#[test]
fn onvif_is_told_the_cameras_own_time_once_it_refused_ours() {
    for status in [400, 401, 500] {
        let mut world = asking(Api::Onvif, "http://h/m?profile=a");
        let length = NOT_AUTHORIZED.len();
        let refusal = format!(
            "HTTP/1.1 {status} No\r\nDate: Sun, 06 Nov 1994 09:00:00 GMT\r\n\
             Content-Length: {length}\r\n\r\n{NOT_AUTHORIZED}"
        );
        world.say(&refusal);
        assert_eq!(created(&world.sent[1]), "1994-11-06T09:00:00Z");
        world.say(&refusal);
        assert_eq!((world.sent.len(), &world.outcomes[..]), (2, &[Outcome::Unauthorized][..]));
    }
}

#[test]
fn onvif_is_answered_where_http_asks_for_a_digest_as_well() {
    let mut world = asking(Api::Onvif, "http://h/m?profile=a");
    world.say(DIGEST);
    assert!(world.sent[1].contains("\r\nAuthorization: Digest username=\"admin\""));
    world.reply(200, "");
    assert_eq!(world.outcomes, [Outcome::Taken]);
}

#[test]
fn what_onvif_does_not_know_is_told_apart_from_what_fails() {
    let unknown = "<s:Fault>ter:ActionNotSupported</s:Fault>";
    for (status, body, outcome) in [
        (400, unknown, Outcome::Unsupported),
        (404, "", Outcome::Unsupported),
        (500, "<s:Fault></s:Fault>", Outcome::Failed("HTTP 500".to_owned())),
        (200, "<s:Fault></s:Fault>", Outcome::Failed("HTTP 200".to_owned())),
    ] {
        let mut world = asking(Api::Onvif, "http://h/m?profile=a");
        world.reply(status, body);
        assert_eq!(world.outcomes, [outcome]);
    }
    let mut world = asking(Api::Onvif, "http://h");
    world.reply(200, "<trt:GetProfilesResponse/>");
    assert_eq!(world.outcomes, [Outcome::Failed("it tells no profile".to_owned())]);
}

proptest::proptest! {
    #[test]
    fn whatever_a_camera_says_the_call_ends_once(
        api in proptest::sample::select(vec![Api::Isapi, Api::Sunapi, Api::Onvif]),
        pieces in proptest::collection::vec(
            "(HTTP/1.1 [1-5][0-9]{2} X\r\n|\r\n|.{0,20}\
              |WWW-Authenticate: (Basic|Digest nonce=\"[a-z]\")\r\n)",
            0..30,
        ),
    ) {
        let mut world = asking(api, "http://h");
        for piece in pieces {
            world.say(&piece);
        }
        world.caller.handle_timeout(world.now + Duration::from_secs(2));
        world.pump();
        proptest::prop_assert_eq!(world.outcomes.len(), 1);
        proptest::prop_assert!(world.connects <= 5);
    }
}
