//! A child process that does not outlive this one.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ServerError;

/// How often a starting or ending server is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(5);

/// Signals to send in turn, each with how long to wait for it to work.
pub(crate) type Ending = &'static [(Signal, Duration)];

/// A running child. Dropping it ends it, and waits for that.
pub(crate) struct Process {
    pid: Pid,
    exit: Arc<OnceLock<ExitStatus>>,
    ending: Ending,
}

/// A command whose child gets `signal` from the kernel when this process dies, even by `kill -9`, and sits in a process
/// group of its own, so that Ctrl-C on the terminal reaches only us and things are stopped in order.
///
/// The first needs `setpriv`, which every Debian has; without it the next start on the same directory stops what was left.
pub(crate) fn bound_command(program: &Path, signal: Signal) -> Command {
    let mut command = if *HAS_PDEATHSIG {
        let mut setpriv = Command::new("setpriv");
        setpriv.arg("--pdeathsig").arg(signal.as_str().trim_start_matches("SIG")).arg("--").arg(program);
        setpriv
    } else {
        Command::new(program)
    };
    command.process_group(0).stdin(Stdio::null());
    command
}

static HAS_PDEATHSIG: LazyLock<bool> = LazyLock::new(|| {
    let mut probe = Command::new("setpriv");
    probe.args(["--pdeathsig", "TERM", "--", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
});

impl Process {
    /// Starts `command`, made by [`bound_command`]; `ending` is how it is stopped.
    pub(crate) fn spawn(mut command: Command, ending: Ending) -> Result<Self, ServerError> {
        let program = PathBuf::from(command.get_program());
        let exit = Arc::new(OnceLock::new());
        let (started_sender, started) = mpsc::channel();
        let keeper_exit = Arc::clone(&exit);
        // The kernel takes "parent" to be the thread that started the child. This one lives exactly as long as the child;
        // a runtime's worker or a test's thread may end earlier, and would take the server with it.
        thread::spawn(move || match command.spawn() {
            Ok(child) => {
                let _ = started_sender.send(Ok(child.id()));
                let _ = keeper_exit.set(outlast(child));
            }
            Err(error) => {
                let _ = started_sender.send(Err(error));
            }
        });
        let started = started.recv().unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into()));
        let id = started.map_err(|source| ServerError::Run { program, source })?;
        Ok(Self { pid: Pid::from_raw(id.cast_signed()), exit, ending })
    }

    /// The child's process id.
    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// How the child ended, once it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.exit.get().copied()
    }

    /// Ends the child and its own children at once, as a crash would, and waits until it is gone. Blocks.
    pub(crate) fn kill(&self) {
        let children = children_of(self.pid);
        end(self.pid, &[(Signal::SIGKILL, Duration::from_secs(10))], || self.ended().is_some());
        for child in children {
            let _ = kill(child, Signal::SIGKILL); // most have noticed and gone
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(self.pid, self.ending, || self.ended().is_some());
    }
}

fn outlast(mut child: Child) -> ExitStatus {
    loop {
        match child.wait() {
            Ok(status) => return status,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return ExitStatus::default(), // somebody else reaped it: it has ended all the same
        }
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let listed = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
}

fn end(pid: Pid, signals: &[(Signal, Duration)], ended: impl Fn() -> bool) {
    for (signal, patience) in signals {
        if ended() {
            return;
        }
        let _ = kill(pid, *signal); // it may have ended just now
        let deadline = Instant::now() + *patience;
        while !ended() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
    }
}

/// Ends the process that an earlier owner of a directory left behind, if `pid_file` names a living one that has `mark` in its
/// command line (a process id alone may by now be somebody else's), and removes the file. Blocks.
pub(crate) fn end_orphan(pid_file: &Path, mark: &Path, ending: Ending) {
    let Ok(text) = fs::read_to_string(pid_file) else {
        return;
    };
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).map(Pid::from_raw);
    if let Some(pid) = pid.filter(|pid| pid.as_raw() > 1 && command_line(*pid).contains(&*mark.to_string_lossy())) {
        tracing::warn!(pid = pid.as_raw(), "stopping a server that an earlier run left behind in {}", mark.display());
        end(pid, ending, || kill(pid, None) == Err(Errno::ESRCH));
    }
    let _ = fs::remove_file(pid_file); // the server itself may have removed it
}

/// The arguments of a process as one text, or nothing when it does not live.
fn command_line(pid: Pid) -> String {
    if let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) {
        return String::from_utf8_lossy(&arguments).replace('\0', " ");
    }
    let listed = Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output();
    listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
