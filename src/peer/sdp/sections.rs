//! The lines of a description, by m-line.

use super::error::OfferError;
use crate::limits;

/// A description's lines: those of the session, and those of each m-line.
///
/// # Errors
/// When it is beyond the bounds.
pub fn sections(description: &str) -> Result<Vec<Vec<&str>>, OfferError> {
    if description.len() > limits::SDP_MAX_BYTES {
        return Err(OfferError::TooLarge { bytes: description.len() });
    }
    let mut sections: Vec<Vec<&str>> = vec![Vec::new()];
    for line in description.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    let count = sections.len() - 1;
    if count > limits::SDP_MAX_MEDIA {
        return Err(OfferError::TooManyMedia { count });
    }
    Ok(sections)
}

/// Whether an m-line was rejected: port 0 with no `bundle-only` (RFC 9143).
pub fn is_rejected(section: &[&str]) -> bool {
    let port = section.first().and_then(|line| line.split(' ').nth(1));
    port == Some("0") && !section.contains(&"a=bundle-only")
}

/// What follows this in the first line that begins with it.
pub fn value<'a>(section: &[&'a str], prefix: &str) -> Option<&'a str> {
    section.iter().find_map(|line| line.strip_prefix(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_beyond_the_bounds_are_refused() {
        let many = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(limits::SDP_MAX_MEDIA + 1);
        let count = limits::SDP_MAX_MEDIA + 1;
        assert_eq!(sections(&many), Err(OfferError::TooManyMedia { count }));
        let long = "x".repeat(limits::SDP_MAX_BYTES + 1);
        assert!(matches!(sections(&long), Err(OfferError::TooLarge { .. })));
    }
}
