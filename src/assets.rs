//! The page, built from `web/` and committed there, so that a build needs no node.

use crate::http::Asset;

macro_rules! asset {
    ($path:literal, $type:literal, $file:literal) => {{
        const GZIP: &[u8] = include_bytes!(concat!("../web/dist/", $file));
        const ETAG: [u8; 10] = crate::assets::etag(GZIP);
        crate::http::Asset {
            path: $path,
            content_type: $type,
            gzip: GZIP,
            etag: match std::str::from_utf8(&ETAG) {
                Ok(etag) => etag,
                Err(_) => "\"\"",
            },
        }
    }};
}

/// Every file of the page.
pub const ALL: &[Asset] = &[
    asset!("/index.html", "text/html; charset=utf-8", "index.html.gz"),
    asset!("/app.js", "text/javascript; charset=utf-8", "app.js.gz"),
    asset!("/style.css", "text/css; charset=utf-8", "style.css.gz"),
    asset!("/favicon.svg", "image/svg+xml", "favicon.svg.gz"),
    asset!("/multistream-client.js", "text/javascript; charset=utf-8", "multistream-client.js.gz"),
];

/// The entity tag of a gzip file: the CRC-32 of its contents, which stands in its trailer
/// (RFC 1952 section 2.3.1).
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, on files of ours")]
const fn etag(gzip: &[u8]) -> [u8; 10] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut tag = [b'"'; 10];
    let mut index = 0;
    while index < 4 {
        let byte = gzip[gzip.len() - 8 + index];
        tag[1 + 2 * index] = HEX[(byte >> 4) as usize];
        tag[2 + 2 * index] = HEX[(byte & 15) as usize];
        index += 1;
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_a_tag_of_its_own() {
        let tags: std::collections::BTreeSet<_> = ALL.iter().map(|asset| asset.etag).collect();
        assert_eq!(tags.len(), ALL.len());
        assert!(tags.iter().all(|tag| tag.len() == 10));
    }
}
