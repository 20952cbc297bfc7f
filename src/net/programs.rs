//! Programs that push a stream to us: their processes, and the address that each is given.
//!
//! A program gets a random path of 128 bits at each start, on a loopback listener that knows no
//! other. Under it, it pushes its stream, and reads the one that it makes its own from.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Instant;

use mio::unix::pipe::Receiver;
use mio::{Interest, Token};
use rustix::process::Signal;

use super::process_group::ProcessGroup;
use super::pushes::Push;
use super::random::random_name;
use super::server::Server;
use super::{Endpoint, Timer};
use crate::engine::source::{SourceId, SourceOptions};
use crate::exec::{Complaints, Output, Supervisor};
use crate::limits;

/// What a program finds in its environment, where we have it: enough to find programs, fonts and
/// time zones.
const ENVIRONMENT: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// All programs of the configuration.
#[derive(Default)]
pub(super) struct Programs {
    pub(super) all: BTreeMap<SourceId, Program>,
    /// Where they push to.
    address: Option<SocketAddr>,
}

/// The program of one stream.
pub(super) struct Program {
    pub words: config::Program,
    pub supervisor: Supervisor,
    process: Option<Process>,
    complaints: Complaints,
}

/// One that runs. It does not outlive this.
struct Process {
    group: ProcessGroup,
    /// The path of its address.
    secret: String,
    stderr: Option<Receiver>,
    /// What it prints, where that matters.
    stdout: Option<Receiver>,
    /// Of its standard error.
    token: Option<Token>,
}

impl Programs {
    /// `address` is that of the listener.
    pub fn new(address: Option<SocketAddr>) -> Self {
        Self { all: BTreeMap::new(), address }
    }

    /// Whether this source is made by a program.
    pub fn has(&self, id: SourceId) -> bool {
        self.all.contains_key(&id)
    }

    /// Whether any runs.
    pub fn any_runs(&self) -> bool {
        self.all.values().any(|program| program.process.is_some())
    }

    /// Ends all that still run.
    pub fn kill(&mut self) {
        self.all.clear();
    }

    /// The source whose program was given this path.
    pub fn find(&self, path: &str) -> Option<SourceId> {
        let is_it = |program: &Program| program.process.as_ref().is_some_and(|p| p.secret == path);
        self.all.iter().find(|(_, program)| is_it(program)).map(|(id, _)| *id)
    }

    /// The stream that a source's program reads.
    pub fn reads(&self, id: SourceId) -> Option<&str> {
        self.all.get(&id)?.words.reads.as_deref()
    }

    /// A source's program pushes.
    pub fn handle_pushing(&mut self, now: Instant, id: SourceId) {
        if let Some(program) = self.all.get_mut(&id) {
            program.supervisor.handle_pushing(now);
        }
    }
}

impl Process {
    /// `address` is where it pushes to, if it does.
    fn start(words: &config::Program, address: Option<SocketAddr>) -> io::Result<Self> {
        let secret = random_name();
        let stdout = if words.prints { Stdio::piped() } else { Stdio::null() };
        let words = match address {
            Some(address) => words.arguments(&format!("rtsp://{address}/{secret}")),
            None => words.words.clone(),
        };
        let (name, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let environment = ENVIRONMENT.iter().filter_map(|key| Some((key, std::env::var_os(key)?)));
        let mut command = Command::new(name);
        command.args(arguments).env_clear().envs(environment);
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        // From here on, what fails ends the process.
        let mut group = ProcessGroup::start(&mut command)?;
        let stderr = group.child.stderr.take().map(Receiver::from);
        let stdout = group.child.stdout.take().map(Receiver::from);
        let process = Self { group, secret, stderr, stdout, token: None };
        for pipe in process.stderr.iter().chain(&process.stdout) {
            pipe.set_nonblocking(true)?;
        }
        Ok(process)
    }

    /// The first line that it has printed. More than the pipe holds keeps it from ending, which
    /// its supervisor does then.
    fn printed(&mut self) -> String {
        let mut buffer = [0; config::limits::URL_MAX_BYTES];
        let read = self.stdout.as_mut().and_then(|stdout| stdout.read(&mut buffer).ok());
        let data = buffer.get(..read.unwrap_or_default()).unwrap_or_default();
        let text = String::from_utf8_lossy(data);
        text.lines().next().unwrap_or_default().trim().to_owned()
    }
}

impl Server {
    /// Adds a source that a program makes.
    pub(super) fn add_program(
        &mut self,
        now: Instant,
        name: String,
        words: config::Program,
        options: SourceOptions,
    ) {
        let id = self.hub.add_source(now, name, options);
        self.pushes.insert(id, Push::default());
        let (supervisor, complaints) = (Supervisor::default(), Complaints::default());
        self.programs.all.insert(id, Program { words, supervisor, process: None, complaints });
    }

    /// Somebody watches a source.
    pub(super) fn start_program(&mut self, now: Instant, id: SourceId) {
        let Some(program) = self.programs.all.get_mut(&id) else { return };
        program.supervisor.start(now);
        self.pump_program(now, id);
    }

    /// Nobody watches a source any more.
    pub(super) fn stop_program(&mut self, now: Instant, id: SourceId) {
        let Some(program) = self.programs.all.get_mut(&id) else { return };
        program.supervisor.stop(now);
        if let Some(push) = self.pushes.get_mut(&id) {
            // What its encoder said is not what the next one says.
            push.intake.handle_end("", &mut Vec::new());
        }
        self.pump_program(now, id);
    }

    pub(super) fn handle_program_timeout(&mut self, now: Instant, id: SourceId) {
        let Some(program) = self.programs.all.get_mut(&id) else { return };
        program.supervisor.handle_timeout(now);
        self.pump_program(now, id);
    }

    /// The connection on which a program pushed is closed.
    pub(super) fn handle_program_silence(&mut self, now: Instant, id: SourceId) {
        let Some(program) = self.programs.all.get_mut(&id) else { return };
        program.supervisor.handle_silence(now);
        self.pump_program(now, id);
    }

    /// Does what a supervisor wants done.
    pub(super) fn pump_program(&mut self, now: Instant, id: SourceId) {
        loop {
            let Some(program) = self.programs.all.get_mut(&id) else { return };
            let Some(output) = program.supervisor.poll_output() else {
                let timeout = program.supervisor.poll_timeout();
                return self.timers.set(Timer::Program(id), timeout);
            };
            match (output, &program.process) {
                (Output::Start, _) => self.run_program(now, id),
                (Output::Terminate, Some(process)) => process.group.signal(Signal::TERM),
                (Output::Kill, Some(process)) => process.group.signal(Signal::KILL),
                (Output::Terminate | Output::Kill, None) => self.end_echoed(now, id),
            }
        }
    }

    fn run_program(&mut self, now: Instant, id: SourceId) {
        let address = self.programs.address;
        let Some(program) = self.programs.all.get_mut(&id) else { return };
        let shown = program.words.shown();
        let started = Process::start(&program.words, address).and_then(|mut process| {
            if let Some(stderr) = &mut process.stderr {
                let token = Token(self.endpoints.insert(Endpoint::ProgramErrors(id)));
                process.token = Some(token);
                let registered = self.poll.registry().register(stderr, token, Interest::READABLE);
                registered.inspect_err(|_| {
                    self.endpoints.try_remove(token.0);
                })?;
            }
            Ok(process)
        });
        match started {
            Ok(process) => {
                log::info!("{shown}: started as process {}", process.group.pid);
                program.complaints = Complaints::new(process.secret.clone());
                program.process = Some(process);
            }
            Err(error) => {
                let failed = program.supervisor.handle_exit(now);
                self.tell_program_failure(now, id, failed, &format!("{shown}: {error}"));
            }
        }
    }

    pub(super) fn tell_program_failure(
        &mut self,
        now: Instant,
        id: SourceId,
        failed: bool,
        reason: &str,
    ) {
        let Some(push) = self.pushes.get_mut(&id).filter(|_| failed) else { return };
        let mut news = Vec::new();
        push.intake.handle_end(reason, &mut news);
        self.take_news(now, id, news);
    }

    /// A program has written to its standard error. True while there may be more.
    pub(super) fn handle_program_errors(&mut self, now: Instant, id: SourceId) -> bool {
        let mut buffer = [0; 4096];
        let mut budget = limits::PROGRAM_ERRORS_BUDGET_BYTES;
        let Some(program) = self.programs.all.get_mut(&id) else { return false };
        let Some(process) = &mut program.process else { return false };
        let Some(stderr) = &mut process.stderr else { return false };
        let shown = program.words.shown();
        while budget > 0 {
            match stderr.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    budget = budget.saturating_sub(count);
                    let data = buffer.get(..count).unwrap_or_default();
                    for line in program.complaints.handle_data(now, data) {
                        log::warn!("{shown}: {line}");
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Some process has ended.
    pub(super) fn reap_programs(&mut self, now: Instant) {
        let has_ended =
            |program: &Program| program.process.as_ref().is_some_and(|p| p.group.has_ended());
        let ended = self.programs.all.iter().filter(|(_, program)| has_ended(program));
        for id in ended.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.handle_program_exit(now, id);
        }
    }

    fn handle_program_exit(&mut self, now: Instant, id: SourceId) {
        self.handle_program_errors(now, id);
        // What it left open, and what left its group, pushes no more.
        self.close_clients_of_program(now, id);
        let Some(program) = self.programs.all.get_mut(&id) else { return };
        let Some(mut process) = program.process.take() else { return };
        if let (Some(stderr), Some(token)) = (&mut process.stderr, process.token) {
            self.endpoints.try_remove(token.0);
            if let Err(error) = self.poll.registry().deregister(stderr) {
                log::debug!("deregister: {error}");
            }
        }
        let shown = program.words.shown();
        if let Some(line) = program.complaints.handle_end(now) {
            log::warn!("{shown}: {line}");
        }
        let printed = process.printed();
        let (how, is_well) = match process.group.end() {
            Ok(status) => (status.to_string(), status.success()),
            Err(error) => (error.to_string(), false),
        };
        log::info!("{shown}: process {} has ended, {how}", process.group.pid);
        if program.words.prints && is_well && program.supervisor.is_running() {
            return self.open_echoed(now, id, &printed);
        }
        let last = program.complaints.last().map(|line| format!(": {line}")).unwrap_or_default();
        let failed = program.supervisor.handle_exit(now);
        self.tell_program_failure(now, id, failed, &format!("{shown} has ended, {how}{last}"));
        self.pump_program(now, id);
    }
}
