//! What a reader sees of a session.

use std::time::Duration;

use rtsp::audio::Codec;
use rtsp::server::limits::{DESCRIBE_TIMEOUT, SESSION_TIMEOUT, SETUP_TIMEOUT};
use rtsp::server::{AudioPacket, Output, Refusal, describe_h264};
use rtsp::{rtcp, rtp};

use crate::bench::*;
use crate::support::h264::*;

#[test]
fn a_whole_session_in_its_order() {
    let mut reader = Peer::new();
    let (reply, _) = reader.ask("OPTIONS", "*", &[]);
    assert!(reply.contains("Public: OPTIONS, DESCRIBE, SETUP, PLAY"), "{reply}");
    let reply = reader.describe(&["Accept: application/sdp"]);
    assert!(reply.starts_with("RTSP/1.0 200 OK\r\n"), "{reply}");
    assert!(reply.contains(&format!("Content-Base: {URL}/\r\n")), "{reply}");
    assert!(reply.ends_with(&describe_h264("Yard", Some(&sets_360())).sdp));
    let session = reader.setup(TCP);
    assert_eq!(reader.status("PLAY", URL, &[&session]), "200");
    assert_eq!(reader.status("GET_PARAMETER", URL, &[&session]), "200");
    let (reply, outputs) = reader.ask("TEARDOWN", URL, &[&session]);
    assert!(reply.starts_with("RTSP/1.0 200 OK\r\n"), "{reply}");
    assert_eq!(outputs, [Output::Close]);
    assert_eq!(reader.ask("OPTIONS", "*", &[]), (String::new(), vec![]));
    assert_eq!(reader.session.poll_timeout(), None);
}

#[test]
fn the_description_names_profile_and_parameter_sets_and_nothing_else() {
    let sdp = describe_h264("a\r\nb=injected", Some(&sets_360())).sdp;
    assert!(sdp.contains("s=ab=injected\r\n"));
    assert!(sdp.contains(";profile-level-id=42C01E;sprop-parameter-sets=Z0LAHt"), "{sdp}");
    let bare = describe_h264("", None).sdp;
    assert!(bare.contains("s=-\r\n") && bare.contains("a=fmtp:96 packetization-mode=1\r\n"));
}

#[test]
fn an_unknown_stream_is_404_and_the_connection_goes_on() {
    let mut reader = Peer::new();
    reader.ask("DESCRIBE", URL, &[]);
    reader.session.describe_result(reader.now, Err(Refusal::NotFound));
    let outputs = reader.outputs();
    let [Output::Send(reply)] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(reply.starts_with(b"RTSP/1.0 404 Not Found\r\n"));
    assert_eq!(reader.status("OPTIONS", "*", &[]), "200");
}

#[test]
fn requests_behind_a_describe_are_answered_after_it() {
    let mut reader = Peer::new();
    reader.ask("DESCRIBE", URL, &[]);
    assert_eq!(reader.ask("OPTIONS", "*", &[]), (String::new(), vec![]));
    reader.session.describe_result(reader.now, Err(Refusal::NotFound));
    let replies: Vec<u16> = reader
        .outputs()
        .into_iter()
        .map(|output| match output {
            Output::Send(bytes) => std::str::from_utf8(&bytes[9..12]).unwrap().parse().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(replies, [404, 200]);
}

#[test]
fn every_error_has_its_status() {
    let mut reader = Peer::new();
    let tcp = "Transport: RTP/AVP/TCP;unicast;interleaved=2-3";
    assert_eq!(reader.status("PLAY", URL, &[]), "454");
    assert_eq!(reader.status("PLAY", URL, &["Session: 1234"]), "454");
    assert_eq!(reader.status("DESCRIBE", URL, &["Accept: text/html"]), "406");
    assert_eq!(reader.status("DESCRIBE", "yard", &[]), "400");
    assert_eq!(reader.status("DESCRIBE", &format!("{URL}{}", "x".repeat(5000)), &[]), "414");
    reader.describe(&[]);
    assert_eq!(reader.status("SETUP", URL, &[]), "461");
    assert_eq!(reader.status("SETUP", URL, &["Transport: RTP/AVP;client_port=5000-5001"]), "461");
    assert_eq!(reader.status("SETUP", URL, &["Transport: RTP/AVP;multicast"]), "461");
    assert_eq!(reader.status("OPTIONS", "*", &["Require: implicit-play"]), "551");
    assert_eq!(reader.status("PAUSE", URL, &[]), "405");
    assert_eq!(reader.status("FROBNICATE", URL, &[]), "501");
    let session = reader.setup(TCP);
    assert_eq!(reader.status("SETUP", URL, &[tcp]), "455");
    assert_eq!(reader.status("SETUP", URL, &[&session, tcp]), "200");
    assert_eq!(reader.status("PLAY", URL, &["Session: 1234"]), "454");
    assert_eq!(reader.status("PLAY", URL, &[&session]), "200");
    assert_eq!(reader.status("SETUP", URL, &[&session, tcp]), "455");
    assert_eq!(reader.status("GET_PARAMETER", URL, &["Session: 1234"]), "454");
}

#[test]
fn the_audio_track_is_set_up_beside_the_video_or_not() {
    let audio = format!("{URL}/trackID=1");
    let mut reader = Peer::new();
    reader.describe(&[]);
    assert_eq!(reader.status("SETUP", &audio, &[TCP]), "404", "it was not described");
    let mut reader = Peer::new();
    reader.ask("DESCRIBE", URL, &[]);
    let description = describe_h264("Yard", Some(&sets_360())).with_audio(Codec::Pcma);
    reader.session.describe_result(reader.now, Ok(&description));
    let described = reader.take_reply().0;
    let track = "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:trackID=1\r\n";
    assert!(described.ends_with(track), "{described}");
    let (reply, _) = reader.ask("SETUP", &format!("{URL}/trackID=0"), &[TCP]);
    let session = session_header(&reply);
    assert_eq!(reader.session.audio(), None);
    let free = "Transport: RTP/AVP/TCP;unicast";
    let (reply, _) = reader.ask("SETUP", &audio, &[&session, free]);
    assert!(reply.contains("interleaved=2-3;"), "{reply}");
    assert_eq!(reader.session.audio(), Some(Codec::Pcma));
    let (reply, _) = reader.ask("PLAY", URL, &[&session]);
    let info = reply.lines().find(|line| line.starts_with("RTP-Info: ")).unwrap();
    assert!(info.contains("/trackID=0;seq=") && info.contains(",url="), "{info}");
    let (presented_at, payload) = (reader.now, &[0xd5; 160]);
    let packet = AudioPacket { timestamp: 7, presented_at, is_start: true, payload };
    assert!(reader.session.write_audio(reader.now, &packet));
    let frames = reader.frames();
    assert_eq!((frames[0].0, frames[1].0, &frames[1].1[..2]), (3, 2, &[0x80, 0x88][..]));
    assert!(reader.write(true, 0, &[&[0x65, 0x88]]));
    assert_eq!(reader.frames()[1].0, 0);
}

#[test]
fn udp_and_tcp_offered_together_gives_tcp_with_the_channels_asked_for() {
    let mut reader = Peer::new();
    reader.describe(&[]);
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=6-7";
    let (reply, _) = reader.ask("SETUP", URL, &[offer]);
    assert!(reply.contains("Transport: RTP/AVP/TCP;unicast;interleaved=6-7;ssrc="), "{reply}");
}

#[test]
fn a_request_without_sequence_number_is_400_and_garbage_ends_the_connection() {
    let mut reader = Peer::new();
    reader.session.handle_data(reader.now, b"OPTIONS * RTSP/1.0\r\n\r\n");
    let outputs = reader.outputs();
    assert!(matches!(&outputs[..], [Output::Send(r)] if r.starts_with(b"RTSP/1.0 400")));
    for garbage in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 300_000]] {
        let mut reader = Peer::new();
        reader.session.handle_data(reader.now, garbage);
        assert_eq!(reader.outputs().last(), Some(&Output::Close));
    }
}

#[test]
fn a_track_is_set_up_without_a_description_if_the_stream_exists() {
    let description = describe_h264("", None);
    for (answer, status) in [(Ok(&description), "200"), (Err(Refusal::NotFound), "404")] {
        let mut reader = Peer::new();
        let (_, outputs) = reader.ask("SETUP", &format!("{URL}/trackID=0"), &[TCP]);
        assert_eq!(outputs, [Output::Describe { name: "yard".to_owned() }]);
        reader.session.describe_result(reader.now, answer);
        assert_eq!(&reader.take_reply().0[9..12], status);
    }
}

#[test]
fn names_are_decoded_and_queries_left_out() {
    for (uri, name) in [
        ("rtsp://h/yard", "yard"),
        ("rtsp://h/yard/", "yard"),
        ("rtsp://h:8554/my%20yard?video&audio=aac", "my yard"),
        ("rtsp://h/?video", ""),
        ("rtsp://h", ""),
        ("/yard", "yard"),
        ("rtsp://h/a/b", "a/b"),
        ("rtsp://h/yard/trackID=0?video", "yard"),
        ("rtsp://h/%00%zz", "\0%zz"),
    ] {
        let (_, outputs) = Peer::new().ask("DESCRIBE", uri, &[]);
        assert_eq!(outputs, [Output::Describe { name: name.to_owned() }], "{uri}");
    }
}

#[test]
fn a_description_that_nobody_finds_is_503_in_time_and_the_connection_goes_on() {
    let mut reader = Peer::new();
    reader.ask("DESCRIBE", URL, &[]);
    let due = reader.session.poll_timeout().unwrap();
    assert_eq!(due - reader.now, DESCRIBE_TIMEOUT);
    reader.session.handle_timeout(due - Duration::from_millis(1));
    assert_eq!(reader.outputs(), []);
    reader.session.handle_timeout(due);
    assert!(reader.take_reply().0.starts_with("RTSP/1.0 503 "));
    reader.session.describe_result(due, Ok(&describe_h264("too late", None)));
    assert_eq!(reader.outputs(), []);
    assert_eq!(reader.status("OPTIONS", "*", &[]), "200");
}

#[test]
fn nothing_can_be_pushed_to_a_camera() {
    let mut reader = Peer::new();
    let (reply, _) = reader.ask_with("ANNOUNCE", URL, &[], "v=0\r\n");
    assert!(reply.starts_with("RTSP/1.0 405 ") && !reply.contains("RECORD"), "{reply}");
    assert_eq!(reader.status("RECORD", URL, &[]), "405");
}

#[test]
fn media_is_taken_only_while_playing() {
    let mut reader = Peer::new();
    let idr: &[&[u8]] = &[&[0x65, 0x88]];
    assert!(!reader.write(true, 0, idr));
    let session = reader.setup(TCP);
    assert!(!reader.write(true, 0, idr));
    reader.ask("PLAY", URL, &[&session]);
    assert!(reader.write(true, 0, idr));
    assert!(!reader.write(true, 0, &[&[0; 65_524]]));
    assert!(reader.write(true, 0, &[&[0; 65_523]]));
    reader.outputs();
    reader.ask("TEARDOWN", URL, &[&session]);
    assert!(!reader.write(true, 0, idr));
}

#[test]
fn packets_are_numbered_and_reports_tell_the_time() {
    let mut reader = Peer::play();
    assert!(reader.write(true, 0, &[&[0x65, 0], &[0x65, 1]]));
    reader.now += Duration::from_millis(40);
    assert!(reader.write(false, FRAME, &[&[0x41, 2]]));
    let frames = reader.frames();
    assert_eq!(frames.iter().map(|(channel, _)| *channel).collect::<Vec<_>>(), [1, 0, 0, 0]);
    let [first, second, third] =
        [1, 2, 3].map(|at: usize| rtp::Packet::parse(&frames[at].1).unwrap());
    assert_eq!(third.sequence, first.sequence.wrapping_add(2));
    assert_eq!((third.timestamp, third.marker, third.payload), (FRAME, true, &[0x41, 2][..]));
    assert_eq!((first.payload_type, first.marker, second.marker), (96, false, true));

    let due = reader.session.poll_timeout().unwrap();
    assert_eq!(due - reader.now, Duration::from_millis(4960));
    reader.session.handle_timeout(due);
    let frames = reader.frames();
    let [(1, data)] = &frames[..] else { panic!("{frames:?}") };
    let packets = rtcp::parse(data);
    let rtcp::Packet::SenderReport(report) = &packets[0] else { panic!("{packets:?}") };
    assert_eq!((report.ssrc, report.packets, report.bytes), (first.ssrc, 3, 6));
    assert_eq!(report.ntp, NTP + (5 << 32));
    assert_eq!(report.rtp_timestamp, 5 * 90_000);
}

#[test]
fn requests_that_nobody_takes_the_replies_of_end_the_session() {
    let mut reader = Peer::new();
    let request = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(1000);
    for _ in 0..60 {
        reader.session.handle_data(reader.now, &request);
    }
    assert_eq!(reader.outputs().last(), Some(&Output::Close));
    let mut reader = Peer::new();
    reader.ask("DESCRIBE", URL, &[]);
    for _ in 0..3 {
        reader.session.handle_data(reader.now, &request);
    }
    assert_eq!(reader.outputs(), [Output::Close]);
}

#[test]
fn a_silent_reader_is_given_up_and_receiver_reports_are_no_silence() {
    let mut reader = Peer::new();
    assert_eq!(reader.session.poll_timeout(), Some(reader.now + SETUP_TIMEOUT));
    reader.session.handle_timeout(reader.now + SETUP_TIMEOUT);
    assert_eq!(reader.outputs(), [Output::Close]);

    let mut reader = Peer::play();
    let start = reader.now;
    let report = interleaved(1, &[0x80, 201, 0, 1, 0, 0, 0, 9]);
    let later = start + SESSION_TIMEOUT / 2;
    reader.session.handle_data(later, &report);
    reader.session.handle_timeout(start + SESSION_TIMEOUT);
    assert_eq!(reader.outputs(), []);
    assert_eq!(reader.session.poll_timeout(), Some(later + SESSION_TIMEOUT));
    reader.session.handle_timeout(later + SESSION_TIMEOUT);
    assert_eq!(reader.outputs(), [Output::Close]);
}

#[test]
fn picture_loss_of_this_stream_asks_for_a_keyframe_once() {
    let mut reader = Peer::play();
    reader.write(true, 0, &[&[0x65, 1]]);
    let ssrc = rtp::Packet::parse(&reader.frames()[1].1).unwrap().ssrc;
    for (media_ssrc, asked) in [(ssrc, 1), (ssrc ^ 1, 0)] {
        let mut data = Vec::new();
        rtcp::push_receiver_report(&mut data, 1, &[]);
        rtcp::push_picture_loss(&mut data, 1, media_ssrc);
        rtcp::push_full_intra_request(&mut data, 1, media_ssrc, 1);
        let frame = interleaved(1, &data);
        reader.session.handle_data(reader.now, &frame.repeat(3));
        assert_eq!(reader.outputs(), vec![Output::KeyframeRequest; asked]);
    }
}
