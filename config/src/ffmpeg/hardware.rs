//! Encoders in hardware. What is decoded and scaled is so in software, as without them: every
//! camera's pictures come through, and the encoder is what costs most.

/// An encoder in hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hardware {
    name: &'static str,
    /// Before the input.
    pub device: &'static [&'static str],
    /// In place of `libx264` and what it is told; no B pictures, an IDR every two seconds of 25.
    pub encoder: &'static [&'static str],
    /// Behind the other filters: how pictures get there.
    pub upload: Option<&'static str>,
}

const ALL: &[Hardware] = &[
    // Intel and AMD.
    Hardware {
        name: "vaapi",
        device: &["-vaapi_device", "/dev/dri/renderD128"],
        encoder: &[
            "-c:v",
            "h264_vaapi",
            "-g",
            "50",
            "-bf",
            "0",
            "-profile:v",
            "high",
            "-level:v",
            "4.1",
            "-sei:v",
            "0",
        ],
        upload: Some("format=nv12,hwupload"),
    },
    // Nvidia.
    Hardware {
        name: "cuda",
        device: &[],
        encoder: &[
            "-c:v",
            "h264_nvenc",
            "-g",
            "50",
            "-bf",
            "0",
            "-profile:v",
            "high",
            "-preset:v",
            "p2",
            "-tune:v",
            "ll",
            "-pix_fmt:v",
            "yuv420p",
        ],
        upload: None,
    },
    // Raspberry Pi up to 4.
    Hardware {
        name: "v4l2m2m",
        device: &[],
        encoder: &["-c:v", "h264_v4l2m2m", "-g", "50", "-bf", "0", "-pix_fmt:v", "yuv420p"],
        upload: None,
    },
    // Rockchip, by an ffmpeg that has it.
    Hardware {
        name: "rkmpp",
        device: &[],
        encoder: &[
            "-c:v",
            "h264_rkmpp",
            "-g",
            "50",
            "-bf",
            "0",
            "-profile:v",
            "high",
            "-level:v",
            "4.1",
            "-pix_fmt:v",
            "nv12",
        ],
        upload: None,
    },
];

/// The one of that name.
pub(super) fn find(name: &str) -> Result<&'static Hardware, String> {
    ALL.iter().find(|hardware| hardware.name == name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|hardware| hardware.name).collect();
        format!("#hardware: expected which, {}; it is not looked for", names.join(", "))
    })
}
