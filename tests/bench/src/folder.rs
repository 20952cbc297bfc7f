//! A folder that is gone with its owner.

use std::path::{Path, PathBuf};

use crate::Failure;

pub struct Folder(PathBuf);

impl Folder {
    /// A new one in the system's place for what is temporary; one process has one of a name.
    pub fn new(name: &str) -> Result<Self, Failure> {
        let name = format!("crosspoint-bench-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
