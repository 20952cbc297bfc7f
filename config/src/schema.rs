//! x
use crate::{Config, Problem};
pub(crate) fn read(
    _text: &str,
    _env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    Ok(Config::default())
}
