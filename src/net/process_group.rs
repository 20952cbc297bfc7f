//! A process of ours with all that it starts: they are ended together.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// One that runs, in a group of its own. It does not outlive this.
pub(super) struct ProcessGroup {
    pub child: Child,
    /// Of the process, and of its group.
    pub pid: Pid,
    is_reaped: bool,
}

impl ProcessGroup {
    /// Starts it.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let pid = Pid::from_child(&child);
        Ok(Self { child, pid, is_reaped: false })
    }

    pub fn signal(&self, signal: Signal) {
        // It may have ended on its own, which is told by SIGCHLD.
        if let Err(error) = kill_process_group(self.pid, signal) {
            log::debug!("process group {}: {error}", self.pid);
        }
    }

    /// Whether it has ended. It is not reaped, so that its number stays its own.
    pub fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.pid), options), Ok(None))
    }

    /// Ends what is left of the group, then lets its number go, which may then be another's.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        if !std::mem::replace(&mut self.is_reaped, true) {
            self.signal(Signal::KILL);
        }
        self.child.wait()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            log::debug!("process {}: {error}", self.pid);
        }
    }
}
