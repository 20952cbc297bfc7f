//! Stands for `ffmpeg:` where the feature of that name is off.

use crate::model::Program;

pub(crate) fn expand(_text: &str, _streams: &[String]) -> Result<Program, String> {
    Err("ffmpeg: needs a build with the feature ffmpeg; exec: runs it with any arguments"
        .to_owned())
}
