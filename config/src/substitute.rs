//! `${NAME}` and `${NAME:default}` in values.

use crate::limits::SCALAR_MAX_BYTES;

/// A value after substitution.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Substituted {
    pub text: String,
    /// Whether anything came from a variable: such text is never shown in a message.
    pub changed: bool,
}

/// Puts variables in; what comes out of a variable is not looked at again. A `${` that begins
/// no reference stays as it is.
pub(crate) fn substitute(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Substituted, String> {
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        match reference(behind) {
            Some((name, default, after)) => {
                let value = env(name).or_else(|| default.map(str::to_owned));
                out.push_str(&value.ok_or_else(|| unset(name))?);
                changed = true;
                rest = after;
            }
            None => {
                out.push_str("${");
                rest = behind;
            }
        }
        if out.len() > SCALAR_MAX_BYTES {
            break;
        }
    }
    out.push_str(rest);
    if out.len() > SCALAR_MAX_BYTES {
        return Err(format!("expected at most {SCALAR_MAX_BYTES} bytes"));
    }
    Ok(Substituted { text: out, changed })
}

fn unset(name: &str) -> String {
    format!("the environment variable {name} is not set; give a default with ${{{name}:default}}")
}

/// The name, the default and what follows, behind a `${`.
fn reference(behind: &str) -> Option<(&str, Option<&str>, &str)> {
    let (inside, after) = behind.split_once('}')?;
    let (name, default) = match inside.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (starts_well && is_name).then_some((name, default, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "PW" => Some("s3cret".to_owned()),
            "NESTED" => Some("${PW}".to_owned()),
            "EMPTY" => Some(String::new()),
            "LONG" => Some("x".repeat(SCALAR_MAX_BYTES)),
            _ => None,
        }
    }

    fn text(of: &str) -> String {
        substitute(of, &env).unwrap().text
    }

    #[test]
    fn a_variable_takes_its_place() {
        assert_eq!(text("rtsp://u:${PW}@h/${PW}"), "rtsp://u:s3cret@h/s3cret");
        assert_eq!(text("${EMPTY}"), "");
    }

    #[test]
    fn a_default_stands_in_for_an_unset_variable_only() {
        assert_eq!(text("${HOST:10.0.0.1:554}"), "10.0.0.1:554");
        assert_eq!(text("${PW:other}"), "s3cret");
        assert_eq!(text("a${HOST:}b"), "ab");
    }

    #[test]
    fn an_unset_variable_without_a_default_is_named() {
        let error = substitute("${CAM_PW}", &env).unwrap_err();
        assert!(error.contains("CAM_PW"), "{error}");
    }

    #[test]
    fn a_variables_content_is_not_substituted_again() {
        assert_eq!(text("${NESTED}"), "${PW}");
    }

    #[test]
    fn other_dollars_stay() {
        for plain in ["a$b", "${", "${}", "${a b}", "$PW", "${9A}", "${A", "$${"] {
            assert_eq!(substitute(plain, &env).unwrap().text, plain);
            assert!(!substitute(plain, &env).unwrap().changed);
        }
    }

    #[test]
    fn a_value_cannot_grow_without_bound() {
        assert!(substitute(&"${LONG}".repeat(1000), &env).is_err());
    }
}
