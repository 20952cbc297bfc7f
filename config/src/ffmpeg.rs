//! `ffmpeg:INPUT#option=value...`: a program of the usual arguments, as go2rtc has it.

mod hardware;
mod made;

use hardware::Hardware;

use crate::model::{OUTPUT, Program};
use crate::program::words;

/// What may stand behind a `#`.
const EXPECTED: &str = "expected #video, #audio, #width, #height, #rotate, #drawtext, #bitrate, \
                         #hardware, #timeout, #input or #raw";
/// Options of go2rtc without effect here: a stream of ours is read without a query.
const WITHOUT_EFFECT: &[&str] = &["async", "query"];
/// How long the server of an RTSP input may be silent, in seconds.
const TIMEOUT_S: std::ops::RangeInclusive<u32> = 1..=3600;
const TIMEOUT_DEFAULT_S: u32 = 5;
/// What `#drawtext` writes unless it says so.
const NOW: &str = r":text='%{localtime\:%Y-%m-%d %X}'";
/// Where encoded pictures are taken from a network.
const LOW_DELAY: &[&str] = &["-fflags", "nobuffer", "-flags", "low_delay"];
/// No B pictures, an IDR every two seconds of 25 pictures, in what every browser decodes.
const H264: &[&str] = &[
    "-c:v",
    "libx264",
    "-g",
    "50",
    "-profile:v",
    "high",
    "-level:v",
    "4.1",
    "-preset:v",
    "superfast",
    "-tune:v",
    "zerolatency",
    "-pix_fmt:v",
    "yuv420p",
];
/// Audio that browsers take, and how it is made; whatever else `#audio` asks for is left out.
const AUDIO: [(&str, &[&str]); 4] = [
    ("copy", &["-c:a", "copy"]),
    ("opus", &["-c:a", "libopus", "-application:a", "lowdelay", "-ar:a", "48000", "-ac:a", "2"]),
    ("pcma", &["-c:a", "pcm_alaw", "-ar:a", "8000", "-ac:a", "1"]),
    ("pcmu", &["-c:a", "pcm_mulaw", "-ar:a", "8000", "-ac:a", "1"]),
];
/// Smallest and largest side of a picture in pixels.
const SIDE: std::ops::RangeInclusive<u32> = 16..=8192;

/// What the options say.
#[derive(Default)]
struct Options<'a> {
    encodes: bool,
    audio: Option<&'static [&'static str]>,
    /// The encoder and what it is told, in place of ours.
    encoder: Option<Vec<String>>,
    hardware: Option<&'static Hardware>,
    drawtext: Vec<&'a str>,
    timeout_s: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
    transpose: Option<&'static str>,
    bitrate: Option<&'a str>,
    input: Option<&'a str>,
    raw: Vec<String>,
}

/// Reads what stands behind `ffmpeg:`; `streams` are the names that an input may be. No error
/// repeats any of it.
pub(crate) fn expand(text: &str, streams: &[String]) -> Result<Program, String> {
    let (input, options) = text.split_once('#').unwrap_or((text, ""));
    let options = Options::read(options)?;
    let reads = streams.iter().find(|name| *name == input).cloned();
    let mut all: Vec<String> = owned(&["ffmpeg", "-nostdin", "-hide_banner", "-v", "error"]);
    all.extend(options.hardware.map(|hardware| owned(hardware.device)).unwrap_or_default());
    all.extend(options.input(input, reads.is_some())?);
    all.extend(options.output()?);
    all.extend(owned(options.audio.unwrap_or(&["-an"])));
    all.extend(owned(&["-rtsp_transport", "tcp", "-f", "rtsp", OUTPUT]));
    Ok(Program { words: all, reads, prints: false })
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl<'a> Options<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let mut options = Self::default();
        for option in text.split('#').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "video" => {
                    let own = value.starts_with('-').then(|| words(value)).transpose()?;
                    options.encodes = match value {
                        "h264" => true,
                        "copy" => false,
                        _ if own.is_some() => true,
                        _ => {
                            return Err(
                                "#video: expected h264, copy, or arguments that choose an \
                                        encoder"
                                    .to_owned(),
                            );
                        }
                    };
                    options.encoder = own;
                }
                "drawtext" => options.drawtext.push(value),
                "timeout" => {
                    let seconds = value.parse().ok().filter(|s| TIMEOUT_S.contains(s));
                    options.timeout_s =
                        Some(seconds.ok_or("#timeout: expected seconds, 1 to 3600")?);
                }
                "audio" => {
                    let known = AUDIO.iter().find(|(name, _)| *name == value);
                    options.audio = options.audio.or(known.map(|(_, arguments)| *arguments));
                }
                "width" => options.width = Some(side(value)?),
                "height" => options.height = Some(side(value)?),
                "rotate" => {
                    options.transpose = Some(match value {
                        "90" => "transpose=1",
                        "180" => "transpose=1,transpose=1",
                        "270" | "-90" => "transpose=2",
                        _ => return Err("#rotate: expected 90, 180, 270 or -90".to_owned()),
                    });
                }
                "bitrate" => {
                    let digits = value.strip_suffix(['k', 'K', 'M']).unwrap_or(value);
                    let is_number = digits.parse::<u32>().is_ok_and(|number| number > 0);
                    options.bitrate = Some(value).filter(|_| is_number);
                    if options.bitrate.is_none() {
                        return Err("#bitrate: expected bits per second, as 800k or 2M".to_owned());
                    }
                }
                "input" => options.input = Some(value),
                "raw" => options.raw.extend(words(value)?),
                "hardware" => options.hardware = Some(hardware::find(value)?),
                name if WITHOUT_EFFECT.contains(&name) => {}
                _ => return Err(format!("unknown option behind #; {EXPECTED}")),
            }
        }
        Ok(options)
    }

    /// From where to read, and how.
    fn input(&self, text: &str, is_stream: bool) -> Result<Vec<String>, String> {
        let expected = "expected the name of a stream, an address or a file behind ffmpeg:";
        if text.is_empty() || text.contains(|c: char| c.is_control()) {
            return Err(expected.to_owned());
        }
        if let Some(made) = made::arguments(text).filter(|_| !is_stream) {
            return made;
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        // Behind a misspelt name there is no file, which would show only once it is watched.
        if scheme.is_none() && !is_stream && !text.contains(['/', '.']) {
            return Err(expected.to_owned());
        }
        let preset = match scheme.as_deref() {
            _ if is_stream => "rtsp",
            Some("rtsp" | "rtsps") => "rtsp",
            Some("http" | "https" | "rtmp") => "http",
            Some(_) => "plain",
            None => "file",
        };
        let timeout = self.timeout_s.unwrap_or(TIMEOUT_DEFAULT_S).to_string() + "000000";
        let timeout = timeout.as_str();
        let mut all = Vec::new();
        if preset == "rtsp" {
            let types = if self.audio.is_some() { "video+audio" } else { "video" };
            all.extend(owned(&["-allowed_media_types", types]));
        }
        let template = match self.input.unwrap_or(preset) {
            "rtsp" => [LOW_DELAY, &["-timeout", timeout, "-rtsp_flags", "prefer_tcp"]].concat(),
            "rtsp/udp" => [LOW_DELAY, &["-timeout", timeout]].concat(),
            "http" => LOW_DELAY.to_vec(),
            "file" => vec!["-re"],
            "plain" => Vec::new(),
            template => {
                let words = words(template)?;
                if !words.iter().any(|word| word.contains("{input}")) {
                    return Err("#input: expected rtsp, rtsp/udp, http, file, or arguments of \
                                ffmpeg with {input}"
                        .to_owned());
                }
                let address = if is_stream { OUTPUT } else { text };
                all.extend(
                    words
                        .iter()
                        .map(|word| word.replace("{input}", address).replace("{timeout}", timeout)),
                );
                return Ok(all);
            }
        };
        all.extend(owned(&template));
        // A program reads a stream of ours under the address that it pushes to.
        all.extend(owned(&["-i", if is_stream { OUTPUT } else { text }]));
        Ok(all)
    }

    /// What is done to the pictures.
    fn output(&self) -> Result<Vec<String>, String> {
        let is_scaled = self.width.is_some() || self.height.is_some();
        let needs_encoder = is_scaled
            || self.transpose.is_some()
            || self.bitrate.is_some()
            || self.hardware.is_some()
            || !self.drawtext.is_empty();
        if !self.encodes && needs_encoder {
            return Err("expected #video=h264: what is copied stays as it is".to_owned());
        }
        if self.encoder.is_some() && self.hardware.is_some() {
            return Err("expected #video=h264 beside #hardware".to_owned());
        }
        let ours = self.hardware.map_or(H264, |hardware| hardware.encoder);
        let mut all = self.raw.clone();
        all.extend(match &self.encoder {
            Some(own) => own.clone(),
            None => owned(if self.encodes { ours } else { &["-c:v", "copy"] }),
        });
        if let Some(bitrate) = self.bitrate {
            all.extend(owned(&["-b:v", bitrate, "-maxrate", bitrate, "-bufsize", bitrate]));
        }
        let mut filters = Vec::new();
        if is_scaled {
            // -2 is what keeps the proportions, made even: the encoder takes no odd side.
            let side = |side: Option<u32>| side.map_or("-2".to_owned(), |side| side.to_string());
            filters.push(format!("scale={}:{}", side(self.width), side(self.height)));
        }
        filters.extend(self.transpose.map(str::to_owned));
        filters.extend(self.drawtext.iter().map(|text| {
            format!("drawtext={text}{}", if text.contains("text=") { "" } else { NOW })
        }));
        filters.extend(self.hardware.and_then(|hardware| hardware.upload).map(str::to_owned));
        if !filters.is_empty() {
            all.extend(["-vf".to_owned(), filters.join(",")]);
        }
        Ok(all)
    }
}

fn side(text: &str) -> Result<u32, String> {
    let side = text.parse().ok().filter(|side| SIDE.contains(side) && side % 2 == 0);
    let (least, most) = (SIDE.start(), SIDE.end());
    side.ok_or_else(|| format!("#width and #height: expected an even number, {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        expand(text, &["cam".to_owned()]).unwrap().words.join(" ")
    }

    fn error(text: &str) -> String {
        let error = expand(text, &["cam".to_owned()]).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        error
    }

    #[test]
    fn a_stream_is_read_from_us_and_made_smaller() {
        assert_eq!(
            line("cam#video=h264#height=360"),
            "ffmpeg -nostdin -hide_banner -v error -allowed_media_types video -fflags nobuffer \
             -flags low_delay -timeout 5000000 -rtsp_flags prefer_tcp -i {output} -c:v libx264 \
             -g 50 -profile:v high -level:v 4.1 -preset:v superfast -tune:v zerolatency \
             -pix_fmt:v yuv420p -vf scale=-2:360 -an -rtsp_transport tcp -f rtsp {output}"
        );
        assert_eq!(expand("cam", &["cam".to_owned()]).unwrap().reads.as_deref(), Some("cam"));
    }

    #[test]
    fn the_input_says_how_it_is_read() {
        assert!(
            line("rtsp://u:p@h/a").contains("-rtsp_flags prefer_tcp -i rtsp://u:p@h/a -c:v copy")
        );
        assert!(line("http://h/a.jpg").contains("-v error -fflags nobuffer -flags low_delay -i "));
        assert!(line("/srv/film.mp4").contains("-v error -re -i /srv/film.mp4 -c:v copy"));
        assert!(line("srt://h:1").contains("-v error -i srt://h:1 -c:v copy"));
        assert!(!line("rtsp://h/a#input=rtsp/udp").contains("prefer_tcp"));
        assert!(
            line("a.mp4#input=-stream_loop -1 -i {input}").contains(" -stream_loop -1 -i a.mp4 ")
        );
    }

    #[test]
    fn options_become_arguments() {
        let all = line("a.mp4#video=h264#width=640#height=360#rotate=90#bitrate=800k#audio=aac");
        assert!(
            all.contains("-b:v 800k -maxrate 800k -bufsize 800k -vf scale=640:360,transpose=1")
        );
        assert!(all.contains(" -an "));
        assert!(line("a.mp4#raw=-ss '00:00:20'").contains("-i a.mp4 -ss 00:00:20 -c:v copy"));
        let own = line("cam#video=-c:v libx264 -crf 20#timeout=7#rotate=90");
        assert!(own.contains("-timeout 7000000 ") && own.contains("-c:v libx264 -crf 20 -vf tr"));
        assert!(line("rtsp://h#input=-timeout {timeout} -i {input}").contains("-timeout 5000000 "));
        assert!(
            line("cam#video=h264#height=360#drawtext=x=2:y=2")
                .contains(r"-vf scale=-2:360,drawtext=x=2:y=2:text='%{localtime\:%Y-%m-%d %X}' ")
        );
    }

    #[test]
    fn an_encoder_in_hardware_takes_the_place_of_the_other() {
        let all = line("cam#video=h264#height=360#hardware=vaapi");
        assert!(all.contains(" -v error -vaapi_device /dev/dri/renderD128 -allowed_media_types "));
        assert!(all.contains(" -c:v h264_vaapi ") && !all.contains("libx264"));
        assert!(all.contains(" -vf scale=-2:360,format=nv12,hwupload -an "));
        assert!(line("cam#video=h264#hardware=v4l2m2m").contains("-c:v h264_v4l2m2m -g 50 -bf 0"));
    }

    #[test]
    fn devices_and_made_pictures_are_inputs() {
        let input = "device?video=0&input_format=h264&resolution=1280x720&audio=1";
        let expected = "-v error -f v4l2 -input_format h264 -video_size 1280x720 -i /dev/video0 -c";
        assert!(line(input).contains(expected), "{}", line(input));
        assert!(line("device?video=/dev/v4l/by-id/a").contains("-f v4l2 -i /dev/v4l/by-id/a -c"));
        let input = "virtual?video=testsrc2&size=720&rate=10#video=h264";
        assert!(
            line(input).contains("-re -f lavfi -i testsrc2=size=1280x720:rate=10 -c:v libx264")
        );
        assert!(line("virtual?video#video=h264").contains("-i testsrc=size=1920x1080 -c:v"));
    }

    #[test]
    fn audio_becomes_what_browsers_take() {
        let all = line("rtsp://h/a#audio=opus");
        assert!(all.contains("-allowed_media_types video+audio ") && !all.contains("-an"), "{all}");
        assert!(all.contains(" -c:v copy -c:a libopus -application:a lowdelay -ar:a 48000 "));
        assert!(line("a.mp4#audio=aac#audio=pcma").contains(" -c:a pcm_alaw -ar:a 8000 "));
        assert!(
            line("cam#audio=opus").contains("_types video+audio ") && line("cam").contains(" -an ")
        );
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        for (text, expected) in [
            ("cma#video=h264", "name of a stream"),
            ("", "name of a stream"),
            ("cam#vidoe=hunter2", EXPECTED),
            ("cam#video=hunter2", "expected h264, copy"),
            ("cam#video=h264#height=361", "even number"),
            ("cam#video=h264#width=0", "even number"),
            ("cam#height=360", "#video=h264"),
            ("cam#video=h264#rotate=hunter2", "90, 180"),
            ("cam#video=h264#bitrate=hunter2", "bits per second"),
            ("cam#hardware=hunter2", "expected which, vaapi,"),
            ("cam#hardware", "expected which, vaapi,"),
            ("cam#hardware=cuda", "#video=h264"),
            ("cam#video=-c:v x#hardware=cuda", "#video=h264 beside"),
            ("cam#drawtext=x=1", "#video=h264"),
            ("cam#timeout=hunter2", "expected seconds"),
            ("cam#input=hunter2", "#input: expected rtsp"),
            ("device?audio=default", "sound is not forwarded"),
            ("device?video=0&hunter2=1", "expected video="),
            ("device?video=%2Fhunter2", "without %"),
            ("virtual?video=movie=hunter2", "without , ; : ="),
            ("tts?text=hunter2", "not forwarded"),
            ("cam#raw='hunter2", "second quote"),
        ] {
            assert!(error(text).contains(expected), "{text}: {}", error(text));
        }
    }
}
