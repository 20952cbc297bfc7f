//! How a viewer comes to its media: offers and answers over a WebSocket.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind};
use str0m::{Candidate, Rtc};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::server::{Endpoint, Protocol};
use crate::{Failure, cameras, janus};

/// For one answer of the server.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A viewer's session with a server; it lives as long as this does.
pub type Control = WebSocket<TcpStream>;

/// Asks for these cameras, one a slot, to be sent to `local`.
pub fn open(
    server: Endpoint,
    cameras: &[usize],
    local: SocketAddr,
) -> Result<(Rtc, Control), Failure> {
    let stream = TcpStream::connect(server.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let mut rtc =
        Rtc::builder().set_rtp_mode(true).clear_codecs().enable_h264(true).build(Instant::now());
    rtc.add_local_candidate(Candidate::host(local, "udp")?);
    let control = match server.protocol {
        Protocol::Crosspoint => offer(&mut rtc, server.address, stream, cameras)?,
        Protocol::Janus => watch(&mut rtc, server.address, stream, cameras)?,
    };
    control.get_ref().set_nonblocking(true)?;
    Ok((rtc, control))
}

/// As this engine's page does.
fn offer(
    rtc: &mut Rtc,
    server: SocketAddr,
    stream: TcpStream,
    cameras: &[usize],
) -> Result<Control, Failure> {
    let (mut control, _) = tungstenite::client(format!("ws://{server}/api/ws"), stream)?;
    let mut ask = |request: &str, answer: &str, value: Value| -> Result<Value, Failure> {
        send(&mut control, &json!({ "type": request, "value": value }))?;
        let is_answer = |message: &Value| message["type"] == answer;
        Ok(receive(&mut control, is_answer, |message| message["type"] == "error")?["value"].take())
    };
    let slots = (0..).zip(cameras).map(
        |(slot, camera): (usize, _)| json!({ "slot": slot, "stream": cameras::name(*camera) }),
    );
    let slots: Vec<Value> = slots.collect();
    ask("multistream/init", "multistream/ready", json!({ "slots": slots }))?;
    let mut changes = rtc.sdp_api();
    for _ in cameras {
        changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    }
    let (offer, pending) = changes.apply().ok_or("nothing to offer")?;
    let offer = json!({ "sdp": offer.to_sdp_string() });
    let answer = ask("multistream/offer", "multistream/answer", offer)?;
    let answer = answer["sdp"].as_str().ok_or("an answer without SDP")?;
    rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(answer)?)?;
    Ok(control)
}

/// As Janus' own JavaScript library does with its streaming plugin: there the server offers.
fn watch(
    rtc: &mut Rtc,
    server: SocketAddr,
    stream: TcpStream,
    cameras: &[usize],
) -> Result<Control, Failure> {
    let [camera] = *cameras else { return Err("Janus has one camera a connection".into()) };
    let mut request = format!("ws://{server}/").into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", "janus-protocol".parse()?);
    let (mut control, _) = tungstenite::client(request, stream)?;
    let is_error = |message: &Value| {
        message["janus"] == "error" || message["plugindata"]["data"].get("error").is_some()
    };
    let mut ask = |mut message: Value, is_answer: fn(&Value) -> bool| -> Result<Value, Failure> {
        message["transaction"] = "viewer".into();
        send(&mut control, &message)?;
        receive(&mut control, is_answer, is_error)
    };
    let is_success = |message: &Value| message["janus"] == "success";
    let session = ask(json!({ "janus": "create" }), is_success)?["data"]["id"].take();
    let attach = json!({
        "janus": "attach", "session_id": session, "plugin": "janus.plugin.streaming",
    });
    let handle = ask(attach, is_success)?["data"]["id"].take();
    let message = |body: Value| {
        json!({
            "janus": "message", "session_id": session, "handle_id": handle, "body": body,
        })
    };
    let watch = message(json!({ "request": "watch", "id": janus::stream(camera) }));
    let offer = ask(watch, |message| message["jsep"]["type"] == "offer")?;
    let offer = offer["jsep"]["sdp"].as_str().ok_or("an offer without SDP")?;
    let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer)?)?;
    let mut start = message(json!({ "request": "start" }));
    start["jsep"] = json!({ "type": "answer", "sdp": answer.to_sdp_string() });
    ask(start, |message| message["janus"] == "ack")?;
    Ok(control)
}

fn send(control: &mut Control, message: &Value) -> Result<(), Failure> {
    Ok(control.send(Message::text(message.to_string()))?)
}

/// The answer, whatever else comes before it.
fn receive(
    control: &mut Control,
    is_answer: impl Fn(&Value) -> bool,
    is_error: impl Fn(&Value) -> bool,
) -> Result<Value, Failure> {
    loop {
        let message = control.read()?;
        let Ok(text) = message.to_text() else { continue };
        let Ok(message) = serde_json::from_str::<Value>(text) else { continue };
        if is_error(&message) {
            return Err(message.to_string().into());
        }
        if is_answer(&message) {
            return Ok(message);
        }
    }
}
