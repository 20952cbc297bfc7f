//! Processes: the three of a measurement, and what Linux tells of their CPU time and memory.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// A running process, ended when dropped.
pub struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// Memory in MB (a million bytes).
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// `VmRSS`: everything in memory, the program's own pages included.
    pub rss_mb: f64,
    /// `RssAnon`: what it has allocated.
    pub anonymous_mb: f64,
}

impl Process {
    /// Starts a program and listens to what it prints. Its errors go to ours.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped()) // our children end when it does
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        Ok(Self { child, lines: BufReader::new(stdout) })
    }

    /// Starts this very program in another role.
    pub fn start_role(role: &str, order: &impl Serialize) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        Self::start(&program, &[role, &serde_json::to_string(order)?])
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Err(format!("process ended early: {}", self.child.wait()?).into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// The next line, which is JSON.
    pub fn news<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        Ok(serde_json::from_str(&self.line()?)?)
    }

    /// CPU time of all its threads so far, in seconds. From the scheduler, to the nanosecond;
    /// work that the kernel does in its name (sending, on loopback also delivering) included.
    pub fn cpu_s(&self) -> Result<f64, Failure> {
        let mut ns = 0;
        for task in std::fs::read_dir(self.proc().join("task"))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            let on_cpu = text.split(' ').next().unwrap_or_default();
            ns += on_cpu.parse::<u64>()?;
        }
        Ok(ns as f64 / 1e9)
    }

    pub fn memory(&self) -> Result<Memory, Failure> {
        let status = std::fs::read_to_string(self.proc().join("status"))?;
        let megabytes = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            let kib: f64 = value?.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kib * 1024.0 / 1e6)
        };
        let missing = "no such line in /proc/PID/status";
        Ok(Memory {
            rss_mb: megabytes("VmRSS").ok_or(missing)?,
            anonymous_mb: megabytes("RssAnon").ok_or(missing)?,
        })
    }

    fn proc(&self) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends this process when whoever started it has gone.
pub fn end_with_owner() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}

/// Processes that wanted to run, in the mean of the last minute.
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// What is measured on: processor and kernel.
pub fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names: Vec<&str> = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, name)| name)
        .collect();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} x {}, Linux {}", names.len(), names.first().unwrap_or(&"?"), kernel.trim())
}

/// The compiler's version.
pub fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// Builds the server, as a user would, and says where it is.
pub fn build_server() -> Result<PathBuf, Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let status = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--release", "--quiet", "--package", "crosspoint", "--bin", "crosspoint"])
        .status()?;
    if !status.success() {
        return Err("the server can't be built".into());
    }
    // Built into the same directory as this program.
    let folder = std::env::current_exe()?.parent().ok_or("no folder")?.to_owned();
    let server = folder.join("crosspoint");
    if !server.exists() {
        let text = format!("{} is missing: run with --release, or --crosspoint", server.display());
        return Err(text.into());
    }
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_heard_and_measured() {
        let script = "for i in $(seq 20000); do :; done; echo ready; read end";
        let mut process = Process::start(Path::new("sh"), &["-c", script]).unwrap();
        assert_eq!(process.line().unwrap(), "ready");
        assert!(process.cpu_s().unwrap() > 0.001);
        let memory = process.memory().unwrap();
        assert!(memory.rss_mb > memory.anonymous_mb && memory.anonymous_mb > 0.0);
    }

    #[test]
    fn the_end_of_a_process_is_a_failure() {
        let mut process = Process::start(Path::new("sh"), &["-c", "exit 3"]).unwrap();
        assert!(process.line().unwrap_err().to_string().contains('3'));
    }
}
