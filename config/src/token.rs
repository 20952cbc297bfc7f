//! A secret that a client shows (RFC 6750), which no log shows.

use std::fmt;

/// A bearer token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token of this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Whether this is the token. How long it takes does not tell where it differs.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        let own = self.0.as_bytes();
        let pairs = own.iter().zip(shown.as_bytes());
        let difference = pairs.fold(0, |difference, (a, b)| difference | (a ^ b));
        own.len() == shown.len() && difference == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_it_and_it_is_not_shown() {
        let token = Token::new("hunter2".to_owned());
        assert!(token.is("hunter2"));
        for other in ["", "hunter", "hunter22", "hunter3", "Hunter2"] {
            assert!(!token.is(other), "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
