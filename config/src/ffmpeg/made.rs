//! Inputs that are neither a stream nor an address nor a file: a device of this machine, or a
//! picture that ffmpeg makes itself. As in go2rtc, what is wanted stands in a query.

/// What may be said of a camera at this machine, as v4l2 calls it.
const OF_DEVICE: &[&str] =
    &["video_size", "pixel_format", "input_format", "framerate", "use_libv4l2"];
/// What may be said of a picture that is made, as the sources of libavfilter call it.
const OF_SOURCE: &[&str] = &["color", "rate", "duration", "sar", "decimals", "size"];
/// Sizes that have a name.
const SIZES: &[(&str, &str)] =
    &[("720", "1280x720"), ("1080", "1920x1080"), ("2K", "2560x1440"), ("4K", "3840x2160")];

/// The arguments of such an input; `None` where a text is none.
pub(super) fn arguments(text: &str) -> Option<Result<Vec<String>, String>> {
    let (kind, query) = text.split_once('?')?;
    match kind {
        "device" => Some(device(query)),
        "virtual" => Some(source(query)),
        "tts" => Some(Err("ffmpeg:tts? is sound, which is not forwarded".to_owned())),
        _ => None,
    }
}

/// `video=/dev/video0&video_size=1280x720`; a number is that of the device.
fn device(query: &str) -> Result<Vec<String>, String> {
    let mut all = vec!["-f".to_owned(), "v4l2".to_owned()];
    let mut path = None;
    for (name, value) in pairs(query)? {
        match name {
            "video" if value.parse::<u32>().is_ok() => path = Some(format!("/dev/video{value}")),
            "video" => path = Some(value.to_owned()),
            "audio" | "channels" | "sample_rate" => {}
            "resolution" => all.extend(["-video_size".to_owned(), value.to_owned()]),
            name if OF_DEVICE.contains(&name) => {
                all.extend([format!("-{name}"), value.to_owned()]);
            }
            _ => {
                return Err(format!("ffmpeg:device?: expected video=, {}=", OF_DEVICE.join("=, ")));
            }
        }
    }
    let path = path.ok_or("ffmpeg:device?: expected video=/dev/video0; sound is not forwarded")?;
    all.extend(["-i".to_owned(), path]);
    Ok(all)
}

/// `video=testsrc2&size=720&rate=25`, a source of libavfilter with its options.
fn source(query: &str) -> Result<Vec<String>, String> {
    let (mut name, mut size, mut format) = ("testsrc", "1920x1080", None);
    let mut options = Vec::new();
    for (key, value) in pairs(query)? {
        // A comma would begin another filter, a colon another option.
        if value.contains([',', ';', '[', ']', ':', '=', '\'', '\\']) {
            return Err("ffmpeg:virtual?: expected values without , ; : = and brackets".to_owned());
        }
        match key {
            "video" if value.is_empty() => {}
            "video" => name = value,
            "format" => format = Some(value),
            "size" => size = SIZES.iter().find(|(name, _)| *name == value).map_or(value, |s| s.1),
            key if OF_SOURCE.contains(&key) => options.push(format!(":{key}={value}")),
            _ => {
                let known = OF_SOURCE.join("=, ");
                return Err(format!("ffmpeg:virtual?: expected video=, {known}= or format="));
            }
        }
    }
    let format = format.map(|format| format!(",format={format}")).unwrap_or_default();
    let graph = format!("{name}=size={size}{}{format}", options.concat());
    Ok(["-re", "-f", "lavfi", "-i", &graph].map(str::to_owned).to_vec())
}

fn pairs(query: &str) -> Result<Vec<(&str, &str)>, String> {
    if query.contains('%') {
        return Err("expected a query without % behind ffmpeg:".to_owned());
    }
    let parts = query.split('&').filter(|part| !part.is_empty());
    Ok(parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect())
}
