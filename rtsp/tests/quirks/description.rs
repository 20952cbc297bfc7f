//! Session descriptions.

use rtsp::client::{Choice, Event};

use crate::camera::h264::{PPS, SPS_360};
use crate::camera::{Camera, rtp, sprop};
use crate::scene::*;

/// Plays a camera with this description, whose H.264 has that payload type and control.
fn plays(payload_type: u8, control: &str, sdp: &str) -> Scene {
    let mut camera = Camera::described(sdp);
    camera.payload_type = payload_type;
    camera.track_url = match control {
        "" => camera.url.clone(),
        _ => format!("{}/{control}", camera.url),
    };
    shows_pictures(camera)
}

/// A video section with the parameter sets that the pictures have.
fn video() -> String {
    let parameters = sprop(&[SPS_360, PPS]);
    format!(
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 {parameters}\r\n\
         a=control:trackID=0\r\n"
    )
}

/// What the track is said to be.
fn chosen(scene: &Scene) -> (String, u32) {
    let described = scene.events.iter().find_map(|event| match event {
        Event::Described { tracks } => tracks.iter().find(|t| t.choice == Choice::Chosen),
        _ => None,
    });
    described.map(|track| (track.codec.clone(), track.clock_rate_hz)).unwrap()
}

pub fn heads_of_descriptions_as_cameras_write_them() {
    let recorders = "o=RTSP 16381778200090761968 16381778200090839277 IN IP4 \r\ns=RTSP Server";
    for (camera, head) in [
        ("macrovideo", "v=0\r\ns=streamed by the macro-video rtsp server\r\nt=0 0\r\na=control:*"),
        (
            "Hik Media Server",
            "v=0\r\no=- 1109162014219182 0 IN IP4 0.0.0.0\r\nc=IN c=IN IP4 0.0.0.0",
        ),
        ("Amcrest", "v=0\r\no=RTSP Session 1 2 IN IP4 0.0.0.0\r\ns=Media Server"),
        ("Sony SNC-WR630", "v=0\r\no=- 1 1 IN IP4 10.21.61.139\r\nt=0 0\r\na=range:npt=now-"),
        ("IOI trk-101", "v=0\r\no=- 1 1 IN IP4 127.0.0.1 \r\ns=RTP session\r\nt=0 0"),
        ("Vurix NVR", "v=0\r\no=- 1 1 IN IPV4 10.10.10.10\r\nc=IN IPV4 0.0.0.0"),
        ("UDP Technology", "m=metadata 0 RTP/AVP 98\r\nc=IN IP4 0.0.0.0\r\na=control:track2"),
        ("Altasec NVR", "v=0\r\no=Channel1 3910280086 3910366486 IN IP4\r\ns=Channel1"),
        ("Avigilon", "v=0\r\nm=audio 0 RTP/AVP 0 97\r\nc=IN IP4 10.0.0.7\r\nc=SM SM spk0_trackID2"),
        ("Y-CAM", "v=0\r\no=- -1962418793961427 -1962418793961418 IN IP4 192.168.221.104"),
        ("Wisenet NVR", "v=0\r\ns=DWC-MV94WiAT\r\nc=IN IP4 10.1.10.178"),
        ("AJA", "v=0\r\no=AJA 1 1 IN IP4 10.0.0.7\r\ns=\r\ni=\r\nt=0"),
        ("Uniview IPC2122LB", "v=0\r\no=- 1001 1 IN\r\ns=VCP IPC Realtime stream\r\nc=IN"),
        ("Verint", "v=0\r\no=- 1 1 IP IP4 10.0.0.7\r\nc=IP IP4 0.0.0.0"),
        ("BZBGEAR", "v=0\r\no=- 0xAC4EC96E 103bdb6f IN IP4 10.0.0.7\r\nt=0x0 -1"),
        (
            "Fritzbox",
            "v=0\no=- 224 1 IN IP4 192.168.178.1\ns=SatIPServer:1 0,0,4\nc=In IP4 0.0.0.0",
        ),
        ("LiveReporter", "v=0\r\no=-0 0 IN IP4 127.0.0.1\r\ns=No Name\r\na=control:*"),
        ("a recorder", recorders),
        ("no v= at the start", "a=control:*"),
        ("decimal origin", "v=0\r\no=- 1698210484.879535 1698210484.879535 IN IP4 46.242.10.231:1"),
        ("Inno Fuzhou", "v=0\no=JefferyZhang Inno Fuzhou 0 0 IN IP4 127.0.0.1\ns=RbsLive"),
        ("H3C", "v=0\r\no=- 1001 1 IN IP4 192.168.1.1\r\ns=VCP IPC\u{4eba}\r\nc=IN\r\nb=RR:\r\nb"),
        ("FLIR", "v=0\r\no=- 0 0 IN IP4 172.16.2.20\r\ns=IR stream\r\nt=now-\r\na=control:*"),
        ("empty lines", "v=0\r\n\r\n\r\no=\r\n=\r\n:\r\ns"),
    ] {
        println!("{camera}");
        plays(96, "trackID=0", &format!("{head}\r\n{}", video()));
    }
}

pub fn descriptions_that_end_anyhow() {
    for end in ["", "\n", "\0", "\r\n\0\0\0", "\r\na=", "\r\nm"] {
        plays(96, "trackID=0", &format!("v=0\r\n{}{end}", video().trim_end()));
    }
}

pub fn geovision_describes_metadata_with_parameters() {
    let sdp = "v=0\r\no=- 1001 1 IN IP4 192.168.5.237\r\ns=VCP IPC Realtime stream\r\n\
        m=video 0 RTP/AVP 105\r\nc=IN IP4 192.168.5.237\r\n\
        a=control:rtsp://192.168.5.237/live/video\r\na=rtpmap:105 H264/90000\r\n\
        a=fmtp:105 profile-level-id=4d4032; packetization-mode=1\r\na=recvonly\r\n\
        m=application 0 RTP/AVP 107\r\na=control:rtsp://192.168.5.237/live/metadata\r\n\
        a=rtpmap:107 vnd.onvif.metadata/90000\r\na=fmtp:107 DecoderTag=h3c-v3 RTCP=0\r\n";
    plays(105, "video", sdp);
}

pub fn anpviz_has_more_in_its_parameters_than_belongs_there() {
    let sdp = "v=0\r\no=- 1109162014219182 1109162014219192 IN IP4 x.y.z.w\r\ne=NONE\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n\
        a=fmtp:96 profile-level-id=4D401F;packetization-mode=0;\
        sprop-parameter-sets=Z01AH5WgLASabAQ=,aO48gA==;config=00000001674d401f95a02c049a6c04\r\n\
        a=x-dimensions: 704, 576\r\na=x-framerate: 12\r\n\
        m=audio 0 RTP/AVP 0\r\na=rtpmap:0 MPEG4-GENERIC/16000/2\r\na=fmtp:0 config=1408\r\n\
        a=control:trackID=2\r\na=Media_header:MEDIAINFO=494D4B48010100000400010010710110401F\r\n";
    plays(96, "trackID=1", sdp);
}

pub fn ipcam_has_spaces_behind_its_codec() {
    let spaced = video().replace("H264/90000", "H264/90000 ");
    plays(96, "trackID=0", &format!("v=0\r\n{spaced}"));
    let spaced = video().replace("H264/90000", " h264 / 90000\t");
    plays(96, "trackID=0", &format!("v=0\r\n{spaced}"));
}

pub fn ubiquiti_has_parameters_without_any() {
    let audio = "m=audio 0 RTP/AVP 98\r\na=rtpmap:98 opus/48000/2\r\na=fmtp:98\r\na=control:a\r\n";
    plays(96, "trackID=0", &format!("v=0\r\na=recvonly\r\n{audio}{}", video()));
    let bare = video().replace(&sprop(&[SPS_360, PPS]), "");
    assert!(bare.contains("a=fmtp:96 \r\n"));
    plays(96, "trackID=0", &format!("v=0\r\n{bare}"));
}

pub fn tp_link_and_mercury_have_formats_that_are_no_numbers() {
    for (kind, codec) in [("application/TP-LINK", "TP-LINK"), ("application/MERCURY", "MERCURY")] {
        let smart = format!(
            "m={kind} 0 RTP/AVP smart/1/90000\r\na=rtpmap:95 {codec}/90000\r\na=control:track3\r\n"
        );
        plays(96, "trackID=0", &format!("v=0\r\n{}{smart}", video()));
        plays(96, "trackID=0", &format!("v=0\r\n{smart}{}", video()));
    }
    let words = video().replace("RTP/AVP 96", "RTP/AVP smart/1/90000 96");
    plays(96, "trackID=0", &format!("v=0\r\n{words}"));
}

pub fn rtsp_server_for_android_repeats_lines_of_the_session_in_the_track() {
    let repeated = "s=Unnamed\r\ni=N/A\r\na=control:trackID=9\r\n";
    let sdp = format!("v=0\r\ns=Unnamed\r\ni=N/A\r\n{}{repeated}", video());
    plays(96, "trackID=0", &sdp);
}

pub fn a_camera_that_puts_its_parameters_under_the_other_track() {
    let parameters = sprop(&[SPS_360, PPS]);
    let sdp = format!(
        "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n\
         m=audio 0 RTP/AVP 8\r\na=rtpmap:0 pcma/8000/1\r\na=fmtp:96 {parameters}\r\n\
         a=control:trackID=1\r\n"
    );
    // They are found: the first IDR comes without sets of its own.
    let mut scene = Scene::open(Camera::described(&sdp));
    let idr = crate::camera::h264::slice(crate::camera::h264::IDR, 0, 50, 1);
    scene.last(0, &idr);
    scene.expect(&[&idr]);
    scene.assert_shown();
}

pub fn d_link_and_others_mark_what_they_send_as_theirs_to_receive() {
    for direction in ["sendonly", "sendrecv", "recvonly"] {
        plays(96, "trackID=0", &format!("v=0\r\n{}a={direction}\r\n", video()));
    }
    // A back channel that is none, before the video.
    let fake = "m=audio 0 RTP/AVP 8\r\na=sendonly\r\na=control:trackID=2\r\n";
    plays(96, "trackID=0", &format!("v=0\r\n{fake}{}a=sendonly\r\n", video()));
}

pub fn h3c_describes_one_payload_type_twice() {
    let twice = video().replace(
        "a=rtpmap:96 H264/90000\r\n",
        "a=rtpmap:96 H264/90000\r\na=rtpmap:96 H265/90000\r\n",
    );
    plays(96, "trackID=0", &format!("v=0\r\no=- 1001 1 IN\r\nc=IN\r\n{twice}"));
}

pub fn bosch_and_others_have_tracks_of_their_own_kinds() {
    let vana = "m=vana 0 RTP/AVP 106\r\na=rtpmap:106 video.analysis/90000/500\r\na=control:v\r\n\
        m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n";
    plays(96, "trackID=0", &format!("v=0\r\n{vana}{}", video()));
    plays(96, "trackID=0", &format!("v=0\r\n{}{vana}", video()));
}

pub fn bosch_has_h264_on_a_static_payload_type() {
    let sdp = video().replace("96", "35");
    plays(35, "trackID=0", &format!("v=0\r\n{sdp}"));
}

pub fn flir_offers_several_formats_in_one_track() {
    let sdp = "v=0\r\no=- 0 0 IN IP4 172.16.2.20\r\nt=now-\r\n\
        m=video 0 RTP/AVP 96 97 111 112 99\r\n\
        a=control:rtsp://172.16.2.20/live/sid=96&overlay=on\r\n\
        a=rtpmap:96 MP4V-ES/90000\r\na=rtpmap:97 MP4V-ES/90000\r\na=rtpmap:111 H264/90000\r\n\
        a=rtpmap:112 H264/90000\r\na=rtpmap:99 FCAM/90000\r\na=fmtp:99 sampling=mono\r\n";
    plays(111, "sid=96&overlay=on", sdp);
    plays(112, "sid=96&overlay=on", sdp);
}

pub fn parameter_sets_that_are_empty_or_broken() {
    for parameters in [
        // Hikvision
        "packetization-mode=1;sprop-parameter-sets=",
        "sprop-parameter-sets=,;;=;packetization-mode",
        "sprop-parameter-sets=%%%,!!!",
        "sprop-parameter-sets=Z0LAHg==",
        "",
    ] {
        plays(96, "trackID=0", &crate::camera::sdp(parameters));
    }
}

/// Shows an IDR without parameter sets of its own: they have to be those of the description.
fn sets_of(parameters: &str) -> Vec<Vec<u8>> {
    let mut scene = Scene::open(Camera::described(&crate::camera::sdp(parameters)));
    let idr = crate::camera::h264::slice(crate::camera::h264::IDR, 0, 50, 1);
    scene.last(0, &idr);
    scene.expect(&[&idr]);
    scene.assert_shown();
    let sets = scene.shown[0].parameter_sets.clone().unwrap();
    sets.sps.iter().chain(&sets.pps).cloned().collect()
}

pub fn revotech_has_start_codes_in_its_sets() {
    let prefixed = [[&[0, 0, 0, 1], SPS_360].concat(), [&[0, 0, 0, 1], PPS].concat()];
    assert_eq!(sets_of(&sprop(&[&prefixed[0], &prefixed[1]])), [SPS_360, PPS]);
    let together = [SPS_360, &[0, 0, 0, 1], PPS].concat();
    assert_eq!(sets_of(&sprop(&[&together])), [SPS_360, PPS]);
}

pub fn reolink_has_bytes_behind_its_sps() {
    let long = [SPS_360, &[0x8a, 0x01, 0x77]].concat();
    assert_eq!(sets_of(&sprop(&[&long, PPS])), [SPS_360, PPS]);
}

pub fn hikvision_names_a_profile_that_it_does_not_send() {
    use crate::camera::h264::{IDR, SPS_1080, slice, stap_a};
    let parameters = format!("profile-level-id=420029;{}", sprop(&[SPS_360, PPS]));
    let mut scene = Scene::open(Camera::described(&crate::camera::sdp(&parameters)));
    let idr = slice(IDR, 0, 50, 1);
    scene.part(0, &stap_a(&[SPS_1080, PPS]));
    scene.last(0, &idr);
    scene.expect(&[&idr]);
    scene.assert_shown();
    let info = scene.shown[0].parameter_sets.as_ref().unwrap().info;
    assert_eq!((info.profile_level_id(), info.width, info.height), ([0x64, 0, 0x28], 1920, 1080));
}

pub fn clocks_of_zero_and_others_that_can_not_be() {
    for rate in ["0", "", "-1", "1000", "99999999999"] {
        let sdp = video().replace("H264/90000", &format!("H264/{rate}"));
        let audio = format!("m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/{rate}\r\n");
        let scene = plays(96, "trackID=0", &format!("v=0\r\n{audio}{sdp}"));
        assert_eq!(chosen(&scene), ("H264".to_owned(), 90_000));
    }
}

pub fn gst_rtsp_server_describes_each_track_once_a_profile() {
    let again = video().replace("RTP/AVP", "RTP/AVPF");
    let scene = plays(96, "trackID=0", &format!("v=0\r\n{}{again}", video()));
    assert_eq!(scene.camera.methods(), ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]);
}

pub fn static_payload_types_have_the_clock_of_rfc_3551() {
    let audio = "m=audio 0 RTP/AVP 10\r\nm=audio 0 RTP/AVP 11\r\n";
    let scene = plays(96, "trackID=0", &format!("v=0\r\n{}{audio}", video()));
    let Some(Event::Described { tracks }) = scene.events.first() else { panic!() };
    let clocks: Vec<u32> = tracks.iter().map(|track| track.clock_rate_hz).collect();
    assert_eq!(clocks, [90_000, 44_100, 44_100]);
}

pub fn cameras_whose_aac_has_adts_inside_or_wrong_headers() {
    let audio = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/16000/1\r\n\
        a=fmtp:97 mode=AAC-hbr;config=1408\r\na=control:trackID=1\r\n";
    let mut camera = Camera::described(&format!("v=0\r\n{}{audio}", video()));
    camera.on("SETUP", |request, reply| {
        if request.url.ends_with("trackID=1") {
            "200 OK".clone_into(&mut reply.status);
            reply.set("Transport", "RTP/AVP/TCP;unicast;interleaved=2-3");
        }
    });
    let mut scene = shows_pictures(camera);
    let unit = [0x21, 0x10, 0x05, 0x20, 0xa4];
    let adts = [&[0xff, 0xf1, 0x60, 0x40, 0x01, 0x9f, 0xfc], &unit[..]].concat();
    let payloads = [
        ("as it should be", [&[0, 16, 0, 5 << 3], &unit[..]].concat()),
        ("ADTS in front", [&[0, 16, 0, 12 << 3], &adts[..]].concat()),
        ("ADTS instead of headers", adts),
        ("a size in bytes", [&[0, 16, 0x7f, 0xf8], &unit[..]].concat()),
    ];
    for (sequence, (what, payload)) in (0u16..).zip(payloads) {
        let before = scene.events.len();
        let timestamp = u32::from(sequence) * 1024;
        scene.say(&rtp::frame(2, &rtp::packet(97, true, sequence, timestamp, 9, &payload)));
        let [Event::Audio(sound)] = &scene.events[before..] else { panic!("{what}") };
        assert_eq!(sound.packets.len(), 1, "{what}");
        assert_eq!(sound.packets[0].payload[..], unit, "{what}");
        scene.picture();
    }
    scene.assert_shown();
}

pub fn opus_is_opus_whatever_is_said_of_its_channels() {
    for channels in ["", "/1", "/2"] {
        let audio = format!("m=audio 0 RTP/AVP 97\r\na=rtpmap:97 OPUS/48000{channels}\r\n");
        let scene = plays(96, "trackID=0", &format!("v=0\r\n{}{audio}", video()));
        let Some(Event::Described { tracks }) = scene.events.first() else { panic!() };
        assert_eq!(tracks[1].choice, Choice::ChosenAudio);
    }
}
