//! Workers: the processes, and the lines to and from them.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use mio::unix::pipe::{Receiver, Sender};
use mio::{Interest, Registry, Token};
use rustix::process::Signal;
use serde_json::Value;

use super::{Supervisor, Task};
use crate::exec;
use crate::net::Endpoint;
use crate::net::process_group::ProcessGroup;
use crate::room::WorkerKey;
use crate::stdio::limits::{READ_BUDGET_BYTES, WORKER_END_MAX};
use crate::stdio::{Code, Event, Lines, Outbox, Weight, WorkerState};

/// This very program, whatever has become of its file.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// One stream's.
pub(super) struct Worker {
    /// What its stream is called among ours.
    pub stream: String,
    /// Its first line.
    configuration: String,
    /// Its room, where it is of one.
    pub seat: Option<(usize, WorkerKey)>,
    /// It is not to be started again.
    is_over: bool,
    life: exec::Supervisor,
    starts: u64,
    process: Option<Process>,
}

/// One that runs. It does not outlive this.
struct Process {
    group: ProcessGroup,
    /// None once it is to end.
    input: Option<Sender>,
    output: Receiver,
    tokens: [Token; 2],
    lines: Lines,
    outbox: Outbox,
}

impl Worker {
    pub fn new(stream: String, configuration: &Value, seat: Option<(usize, WorkerKey)>) -> Self {
        Self {
            stream,
            configuration: configuration.to_string(),
            seat,
            is_over: false,
            life: exec::Supervisor::with_end_max(WORKER_END_MAX),
            starts: 0,
            process: None,
        }
    }

    /// Whether a stream of this name is its own: a second video of a publisher is, too.
    pub fn has(&self, stream: &str) -> bool {
        let rest = stream.strip_prefix(&self.stream);
        let is_second = |rest: &str| self.seat.is_some() && rest.starts_with(':');
        rest.is_some_and(|rest| rest.is_empty() || is_second(rest))
    }
}

impl Process {
    fn start() -> io::Result<(ProcessGroup, Sender, Receiver)> {
        let mut command = Command::new(OWN_PROGRAM);
        command.args(["record", "--stdio"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // From here on, what fails ends the process.
        let mut group = ProcessGroup::start(&mut command)?;
        let input = group.child.stdin.take().ok_or(ErrorKind::BrokenPipe)?;
        let output = group.child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
        let (input, output) = (Sender::from(input), Receiver::from(output));
        input.set_nonblocking(true)?;
        output.set_nonblocking(true)?;
        Ok((group, input, output))
    }

    fn close_input(&mut self, registry: &Registry) {
        if let Some(mut input) = self.input.take()
            && let Err(error) = registry.deregister(&mut input)
        {
            log::debug!("deregister: {error}");
        }
    }
}

impl Supervisor {
    /// Adds a worker, and starts it; its key.
    pub(super) fn add_worker(&mut self, now: Instant, mut worker: Worker) -> usize {
        worker.life.start(now);
        let key = self.workers.insert(worker);
        self.pump_worker(now, key);
        key
    }

    /// A worker is not needed any more.
    pub(super) fn end_worker(&mut self, now: Instant, key: usize) {
        let Some(worker) = self.workers.get_mut(key) else { return };
        worker.is_over = true;
        worker.life.stop(now);
        self.pump_worker(now, key);
        self.forget_worker(key);
    }

    fn forget_worker(&mut self, key: usize) {
        let is_over = |worker: &Worker| worker.is_over && worker.process.is_none();
        if self.workers.get(key).is_some_and(is_over) {
            self.workers.remove(key);
            self.timers.set(Task::Worker(key), None);
        }
    }

    pub(super) fn stop_workers(&mut self, now: Instant) {
        self.worker_keys().into_iter().for_each(|key| self.end_worker(now, key));
    }

    pub(super) fn any_worker_runs(&self) -> bool {
        self.workers.iter().any(|(_, worker)| worker.process.is_some())
    }

    pub(super) fn handle_worker_timeout(&mut self, now: Instant, key: usize) {
        let Some(worker) = self.workers.get_mut(key) else { return };
        worker.life.handle_timeout(now);
        self.pump_worker(now, key);
    }

    /// A worker has begun its work.
    pub(super) fn handle_worker_ready(&mut self, now: Instant, key: usize) {
        let Some(worker) = self.workers.get_mut(key) else { return };
        worker.life.handle_pushing(now);
        self.pump_worker(now, key);
    }

    /// Does what a worker's life wants done.
    fn pump_worker(&mut self, now: Instant, key: usize) {
        loop {
            let registry = self.poll.registry();
            let Some(worker) = self.workers.get_mut(key) else { return };
            let Some(output) = worker.life.poll_output() else {
                let timeout = worker.life.poll_timeout();
                return self.timers.set(Task::Worker(key), timeout);
            };
            match (output, &mut worker.process) {
                (exec::Output::Start, _) => self.start_worker(now, key),
                // Its files are ended with its input.
                (exec::Output::Terminate, Some(process)) => process.close_input(registry),
                (exec::Output::Kill, Some(process)) => process.group.signal(Signal::KILL),
                (exec::Output::Terminate | exec::Output::Kill, None) => {}
            }
        }
    }

    fn start_worker(&mut self, now: Instant, key: usize) {
        let started = Process::start().and_then(|(group, mut input, mut output)| {
            let tokens = [Endpoint::WorkerInput(key), Endpoint::WorkerOutput(key)]
                .map(|endpoint| Token(self.endpoints.insert(endpoint)));
            let registry = self.poll.registry();
            let [to, from] = tokens;
            registry
                .register(&mut input, to, Interest::WRITABLE)
                .and_then(|()| registry.register(&mut output, from, Interest::READABLE))
                .inspect_err(|_| {
                    for token in tokens {
                        self.endpoints.try_remove(token.0);
                    }
                })?;
            let (lines, outbox) = (Lines::default(), Outbox::default());
            Ok(Process { group, input: Some(input), output, tokens, lines, outbox })
        });
        let Some(worker) = self.workers.get_mut(key) else { return };
        let stream = worker.stream.clone();
        match started {
            Ok(process) => {
                let pid = u32::try_from(process.group.pid.as_raw_nonzero().get()).unwrap_or(0);
                log::info!("worker of {stream}: process {pid}");
                worker.process = Some(process);
                let restarts = worker.starts;
                worker.starts += 1;
                let configuration = worker.configuration.clone();
                let state = WorkerState::Started;
                self.tell(now, &Event::Worker { stream, state, pid, restarts });
                self.tell_worker(now, Some(key), configuration);
                self.remind_worker(now, key);
            }
            Err(error) => {
                worker.life.handle_exit(now);
                self.complain(now, stream, &format!("no process: {error}"));
            }
        }
    }

    fn complain(&mut self, now: Instant, stream: String, text: &str) {
        log::warn!("worker of {stream}: {text}");
        let mut error = Event::error(Code::Worker, text);
        if let Event::Error { stream: about, .. } = &mut error {
            *about = Some(stream);
        }
        self.tell(now, &error);
    }

    /// Has a worker told a line, if there is one.
    pub(super) fn tell_worker(&mut self, now: Instant, key: Option<usize>, line: String) {
        let Some((key, worker)) = key.and_then(|key| Some((key, self.workers.get_mut(key)?)))
        else {
            return;
        };
        let Some(process) = worker.process.as_mut().filter(|it| it.input.is_some()) else { return };
        if process.outbox.push(Weight::Heavy, line).is_err() {
            process.outbox = Outbox::default();
            // It hangs.
            worker.life.handle_pushing(now);
            worker.life.handle_silence(now);
            self.pump_worker(now, key);
        }
    }

    /// Writes what a worker takes now.
    pub(super) fn flush_worker(&mut self, key: usize) {
        let Some(worker) = self.workers.get_mut(key) else { return };
        let Some(Process { input: Some(input), outbox, .. }) = &mut worker.process else { return };
        while !outbox.front().is_empty() {
            match input.write(outbox.front()) {
                Ok(count) => outbox.advance(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Its end is told by SIGCHLD.
                Err(_) => *outbox = Outbox::default(),
            }
        }
    }

    /// A worker has said something. True while there may be more.
    pub(super) fn handle_worker_output(&mut self, now: Instant, key: usize) -> bool {
        let mut buffer = [0; 16 * 1024];
        let mut budget = READ_BUDGET_BYTES;
        while budget > 0 {
            let Some(worker) = self.workers.get_mut(key) else { return false };
            let Some(process) = &mut worker.process else { return false };
            match process.output.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    budget = budget.saturating_sub(count);
                    process.lines.push(buffer.get(..count).unwrap_or_default());
                    let lines: Vec<_> = std::iter::from_fn(|| process.lines.poll()).collect();
                    lines.into_iter().for_each(|line| self.hear_worker(now, key, line));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Some process has ended.
    pub(super) fn reap_workers(&mut self, now: Instant) {
        let has_ended =
            |worker: &Worker| worker.process.as_ref().is_some_and(|it| it.group.has_ended());
        let ended = self.workers.iter().filter(|(_, worker)| has_ended(worker));
        for key in ended.map(|(key, _)| key).collect::<Vec<_>>() {
            self.handle_worker_exit(now, key);
        }
    }

    fn handle_worker_exit(&mut self, now: Instant, key: usize) {
        // What it said last.
        while self.handle_worker_output(now, key) {}
        let registry = self.poll.registry();
        let Some(worker) = self.workers.get_mut(key) else { return };
        let Some(mut process) = worker.process.take() else { return };
        process.close_input(registry);
        if let Err(error) = registry.deregister(&mut process.output) {
            log::debug!("deregister: {error}");
        }
        for token in process.tokens {
            self.endpoints.try_remove(token.0);
        }
        let how = match process.group.end() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let pid = u32::try_from(process.group.pid.as_raw_nonzero().get()).unwrap_or(0);
        let restarts = worker.starts.saturating_sub(1);
        let (stream, state, seat) = (worker.stream.clone(), WorkerState::Ended, worker.seat);
        let failed = worker.life.handle_exit(now);
        self.tell(now, &Event::Worker { stream: stream.clone(), state, pid, restarts });
        if failed {
            self.complain(now, stream, &format!("process {pid} has ended, {how}"));
        }
        if let Some((room, worker)) = seat {
            self.with_room(room, |room, _| room.share.handle_worker_lost(worker));
        }
        self.pump_worker(now, key);
        self.forget_worker(key);
    }
}
