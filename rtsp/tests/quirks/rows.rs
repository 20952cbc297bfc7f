//! What is known of cameras and servers, and what the client does about it.

/// One thing that a camera or server does.
pub struct Row {
    pub number: usize,
    pub camera: &'static str,
    pub does: &'static str,
    /// Numbers of [`RULES`].
    pub rules: &'static [u8],
}

macro_rules! rows {
    ($($number:literal $camera:literal $does:literal [$($rule:literal),*];)*) => {
        &[$(Row { number: $number, camera: $camera, does: $does, rules: &[$($rule),*] }),*]
    };
}

pub const ROWS: &[Row] = rows! {
    1 "Anjvision" "`Content-Base: 192.168.1.10:554/stream0/`, without a scheme" [8];
    2 "unnamed" "`Content-Base: 192.168.253.220:1935/`, likewise" [8];
    3 "unnamed" "`rtsp://rtsp://…` as `Content-Base` or control" [8];
    4 "unnamed, ONVIF" "`rtsp://::ffff:192.168.1.123/…`, IPv6 without brackets" [8];
    5 "various" "a path as `Content-Base`, relative or absolute" [8];
    6 "Dahua, Amcrest" "the control belongs behind the query" [9];
    7 "unnamed" "an extra slash before the control breaks SETUP" [9];
    8 "various" "404 or 503 to a control resolved by the standard, or to an appended one" [9];
    9 "various" "the base URL inside the control attribute" [8];
    10 "unnamed" "401 on DESCRIBE without `User-Agent`" [2];
    11 "unnamed" "knows `CSeq` in this spelling alone" [2];
    12 "Longse" "a space behind `CSeq` and other values" [3];
    13 "various" "no `Content-Type` on DESCRIBE" [7];
    14 "clones of live555" "no `CSeq` in replies" [4];
    15 "C520WS" "announces parameters, refuses them under the `CSeq` before; 15 s timeout" [4, 24];
    16 "rtsp-simple-server up to 0.19" "closes on SET_PARAMETER" [24];
    17 "GW Security GW4089IP" "no GET_PARAMETER; wrong RTP-Info; start codes in the sets" [24, 49];
    18 "unnamed" "crashes on GET_PARAMETER, which it announces" [24];
    19 "HIPCAM" "answers OPTIONS alone" [24];
    20 "thingino (MJSXJ03HL)" "454 to GET_PARAMETER every 10 s" [24];
    21 "unnamed" "never answers keep-alives" [25];
    22 "unnamed" "takes keep-alives on the base URL alone" [25];
    23 "unnamed" "wants a receiver report every 5 s" [26];
    24 "unnamed" "counts only RTCP, or only RTSP, as sign of life" [26];
    25 "Axis M5525" "401 with a new nonce to a keep-alive after 150 s" [18];
    26 "Hikvision DS-7608NXI" "stops if keep-alives lack `Authorization`" [19];
    27 "Hikvision" "a parameter `random` in its challenge" [16];
    28 "TP-Link" "offers Digest and Basic, takes the first alone" [16];
    29 "Hikvision, newer" "Digest with SHA-256 by default" [16];
    30 "Hikvision" "compares the `uri` of the digest with the request as text" [17];
    31 "RtspServer for Android" "wants the absolute URL in the digest" [17];
    32 "TP-Link Tapo" "realm `TP-LINK Streaming Media`; the host 127.0.0.1 needs no password" [20];
    33 "Hikvision DS-2CD2732F-IS" "551 to methods that it announces" [6];
    34 "Hikvision" "wants DESCRIBE before each round of SETUP" [38];
    35 "Dahua, Amcrest" "SETUP fails while another connection has the back channel" [46];
    36 "Parrot" "PLAY fails without `Range`" [11];
    37 "unnamed" "refuses `mode=play` in `Transport`" [11];
    38 "unnamed" "names another session later" [22];
    39 "Chinese cameras" "odd forms of `Session`" [22];
    40 "Windows Media Services" "all tracks on one pair of ports, retransmissions first" [];
    41 "Reolink" "reports before PLAY is answered; `ssrc` and foreign tracks in RTP-Info" [12, 53];
    42 "Reolink RLC-410" "packets of an old session inside the new one" [14, 52];
    43 "v4l2rtspserver" "packets before it answers PLAY" [12];
    44 "live555 before 2017.06.04" "an old session goes on for 65 s on the new connection" [14, 52];
    45 "unnamed" "data on channels that were never set up" [30];
    46 "unnamed" "CR LF before `$`" [27];
    47 "unnamed" "RTCP on the RTP channel, or both channels confused" [30];
    48 "Hikvision" "oversize RTCP, dozens a second" [61];
    49 "Escam Q6" "`RTP/AVP;…;interleaved=0-1`, without `/TCP`" [29];
    50 "unnamed" "`interleaved=0`, one channel" [29];
    51 "various" "other channels than asked for, odd ones too" [29];
    52 "Luckfox rkipc" "`ssrc` first in `Transport`; the control before other attributes" [29, 44];
    53 "Hikvision iDS-2CD9396, DS-2CD3641" "`ssrc= d6d6627`: a space, and no leading zero" [34];
    54 "Dahua" "spaces inside `ssrc`" [34];
    55 "various" "`ssrc` that is no number" [34];
    56 "OpenIPC" "no `server_port`" [34];
    57 "unnamed" "`server_port=0`" [34];
    58 "unnamed" "`source=`, empty" [34];
    59 "various" "know who reports by the port it comes from" [35];
    60 "SAT>IP" "refuses `RTP/AVP/UDP`" [34];
    61 "Laureii" "`;` behind RTP-Info" [53];
    62 "OMNY M5S2A 2812" "`rtptime=-1`" [53];
    63 "Hikvision DS-2CD2032-I" "`seq=0` for its metadata" [53];
    64 "Tapo C320WS" "`seq=1` always; reports of another source" [53, 52];
    65 "Geovision" "packets of type 50 with the numbers of the video; odd description" [51, 44];
    66 "Anpviz" "more in `a=fmtp` than belongs there" [44];
    67 "macrovideo" "no `o=`" [44];
    68 "IPCAM C9F0SeZ3N0PbL0" "a space behind `a=rtpmap`" [48];
    69 "Ubiquiti" "`a=fmtp:96` and nothing behind it" [49];
    70 "TP-Link TL-IPC44AW" "`RTP/AVP smart/1/90000`" [45];
    71 "TP-Link TL-IPC44GW, Mercury" "`m=application/TP-LINK`, `m=application/MERCURY`" [45];
    72 "RtspServer for Android" "`s=`, `i=` and control again inside a track" [44];
    73 "unnamed" "`a=fmtp` of the video under the audio; `RTP/AVP 8` with `rtpmap:0`" [49];
    74 "D-Link" "video marked `sendonly`" [46];
    75 "H3C, VCP" "`o=- 1001 1 IN`, `c=IN`, two codecs for one payload type" [44, 48];
    76 "Bosch" "`m=vana`, `video.analysis/90000/500`" [45];
    77 "Hikvision" "payload type 11 is PCM of 48 kHz" [];
    78 "Bosch" "H.264 as payload type 35" [48];
    79 "FLIR" "`t=now-`; five formats in one track" [44, 45];
    80 "FLIR M400" "no markers at all" [56];
    81 "Sony, Avigilon, AJA, Verint, Wisenet and 20 others" "odd heads of descriptions" [44];
    82 "Uniview IPC2122LB" "truncated `o=` and `c=`" [44];
    83 "unnamed" "a back channel that is none" [46];
    84 "unnamed" "H.265 with some of its parameter sets in the description" [49, 63];
    85 "Hikvision and others" "`sprop-parameter-sets=`, empty" [49];
    86 "Revotech" "start codes in `sprop-parameter-sets`" [49];
    87 "Reolink" "bytes behind the SPS" [49];
    88 "Hikvision" "`profile-level-id=420029`, and High in the SPS" [49];
    89 "TP-Link Tapo TC70" "markers on SPS and PPS" [56];
    90 "Reolink Duo 2" "a marker on the SPS" [56];
    91 "RtspServer" "markers on SPS, PPS, SEI and IDR" [56];
    92 "Ivel LV-IP22IR40DVBL" "a marker on the SEI" [56];
    93 "Amcrest IP4M-1051" "delimiters and SEI in every picture" [57];
    94 "no name" "SPS, PPS and IDR in one packet, start codes between" [57];
    95 "V380" "start codes at the beginning of payloads" [57];
    96 "Amatek AR-N3222F" "several units in one fragmented one" [57];
    97 "CostarHD" "fragments that are start and end" [57];
    98 "OpenIPC" "the same with H.265" [57];
    99 "Tiandy" "the type changes inside a fragmented unit" [57];
    100 "unnamed" "empty fragments" [57];
    101 "unnamed" "the reserved bit of fragments" [57];
    102 "unnamed" "fragments and aggregates with `packetization-mode=0`" [49];
    103 "unnamed" "another timestamp behind the parameter sets" [56];
    104 "Tapo" "datagrams of 10 000 bytes" [59];
    105 "Eufy T8400, EZVIZ C6N, CS-CV210, Annke CZ400" "an SPS of no profile" [49];
    106 "unnamed" "never ends a picture" [31];
    107 "unnamed" "AAC with ADTS inside, or wrong headers" [64];
    108 "unnamed" "`OPUS/48000/1`" [];
    109 "Hanwha" "source descriptions without end" [61];
    110 "unnamed" "RTCP that is none" [61];
    111 "various" "a clock of 0" [48];
    112 "UniFi" "RTSPS with a certificate of its own and old ciphers; `?enableSrtp`" [40];
    113 "Axis" "SRTP with keys by MIKEY" [];
    114 "Milestone" "a byte behind its MIKEY" [];
    115 "Apache, link-local addresses" "`x-server-ip-address: 127.0.0.1` in a tunnel" [41];
    116 "various tunnels" "never answer POST; close GET on 401" [41];
    117 "smart codecs (H.264+)" "an IDR once in minutes" [62];
    118 "Reolink" "break off again and again" [15];
    119 "gst-rtsp-server" "each track twice with one control: AVP and AVPF" [47];
    120 "static payload types" "10 and 11 are of 44 100 Hz, easily mistyped" [48];
};

/// What the client does.
pub const RULES: &[(u8, &str)] = &[
    (2, "`CSeq` in this spelling and a `User-Agent` go with every request."),
    (3, "Space around header values is nothing; nor are bare LF and missing reason phrases."),
    (
        4,
        "A reply without `CSeq` belongs to the oldest request; a refusal under a number that \
         nobody waits for to the keep-alive; others change nothing.",
    ),
    (6, "OPTIONS is asked for what it tells; its refusal is no failure."),
    (7, "Whatever DESCRIBE is answered with is read as a description."),
    (8, "Of what a camera calls its base only the path counts: the host is the one we dialled."),
    (
        9,
        "Controls are appended as they are, once more resolved by RFC 3986 after 404, 454, 455 \
         or 503; what works is remembered.",
    ),
    (11, "PLAY names a range from 0, and SETUP no mode."),
    (12, "Packets count from SETUP's reply on, whether PLAY was answered or not."),
    (14, "What comes before SETUP is answered is somebody else's."),
    (15, "A lost camera is dialled again after 1 s, and ever more seldom, down to once in 30 s."),
    (
        16,
        "All challenges are read; SHA-256 comes before MD5 before Basic, and after a refusal \
         the next. Parameters nobody knows do no harm.",
    ),
    (17, "The digest's URL is the request's, byte for byte and absolute."),
    (18, "A nonce that was good and is replaced is no refusal."),
    (19, "Every request after the first challenge carries its answer, keep-alives too."),
    (20, "Holes in cameras are not used; credentials go to the host they were given for alone."),
    (22, "The first session named counts; a timeout that can not be read is 60 s."),
    (
        24,
        "GET_PARAMETER where announced, until it fails once: then OPTIONS, at once. \
         `keep_alive: options` never asks.",
    ),
    (
        25,
        "Keep-alives name the base URL, and nobody waits for their replies: only missing media \
         ends a session.",
    ),
    (26, "Receiver reports go out every 5 s besides, on TCP as well."),
    (27, "Line ends between messages are passed over."),
    (29, "The channels of the reply count; without any, those that were asked for."),
    (30, "Unknown channels are ignored, and RTCP is told from RTP by its second byte."),
    (31, "Everything that grows has a limit; beyond it something is dropped and counted."),
    (
        34,
        "Ports that are not said are learned from the first packet; `ssrc` and `source` are \
         hints.",
    ),
    (35, "Reports are sent from the port that SETUP named."),
    (38, "Another transport begins with another connection, from OPTIONS and DESCRIBE on."),
    (
        40,
        "Certificates are verified, pinned or unchecked, a choice for each stream; SRTP inside of \
         TLS is not asked for.",
    ),
    (
        41,
        "Both connections of a tunnel go to one address; POST is not waited for, and a refused \
         GET is sent again on a new connection.",
    ),
    (44, "Lines that make no sense are left out; `v=`, `o=`, `s=`, `t=` and `c=` are not read."),
    (
        45,
        "The first video track with H.264 is played, or with H.265 where no track has H.264; what \
         else there is does no harm.",
    ),
    (46, "No back channel is asked for; video is played whatever its direction says."),
    (47, "One track is set up, once."),
    (
        48,
        "H.264 and H.265 have a clock of 90 kHz; of two codecs for one payload type the first counts.",
    ),
    (49, "`a=fmtp` is a hint: parameter sets are repaired or left out, and the SPS is believed."),
    (51, "Payload types of another codec are left out before their numbers count."),
    (
        52,
        "A new source replaces the old one at once; the old one comes back only where the new \
         one is silent.",
    ),
    (53, "RTP-Info is not read."),
    (
        56,
        "A picture ends with the marker or where another begins; markers on what is no slice \
         end nothing, and where none come a timer of 20 ms does.",
    ),
    (
        57,
        "Units are split at start codes, wherever these are; fragments count by their start and \
         end, delimiters and SEI are taken out.",
    ),
    (59, "Packets may have 64 KiB."),
    (61, "RTCP is read as far as it goes; the rest is dropped and counted."),
    (62, "An IDR is asked for by PLI and FIR at once, at most once a second."),
    (63, "In H.265 every random access point goes out behind VPS, SPS and PPS."),
    (
        64,
        "An access unit of AAC is what stands behind ADTS, if that is there; of a single one the \
         packet says how long it is, and what is not described is as the mode has it.",
    ),
];
