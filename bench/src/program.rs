//! Programs that are measured: starts them, reads what they use from /proc, and ends them.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// A program in a process group of its own: what it starts is counted and ended with it.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    group: Pid,
}

/// What a program and the programs that it started have used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Time on a core, user and system, in seconds.
    pub(crate) cpu: f64,
    /// The most resident memory at a time, in bytes (`VmHWM`), added up over the processes.
    pub(crate) peak: u64,
}

impl Program {
    /// Starts a program. Its output goes to the end of the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let shown = command.as_std().get_program().to_string_lossy().into_owned();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
        let id = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(Self { child, group: id.with_context(|| format!("{shown} has no process id"))? })
    }

    /// What has been used until now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            // A process that ends meanwhile counts in the process that waited for it.
            if let Ok(stat) = std::fs::read_to_string(entry.path().join("stat"))
                && let Some(ticks) = self.ticks(&stat)
            {
                usage.cpu += ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
                let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
                usage.peak += peak(&status);
            }
        }
        Ok(usage)
    }

    /// Waits until the program ends by itself, and succeeds. Returns how long it ran, and what it used.
    pub(crate) async fn finish(mut self) -> Result<(Duration, Usage)> {
        let (begun, mut usage) = (Instant::now(), Usage::default());
        loop {
            // The last look may be some milliseconds before the end.
            if let Ok(status) = tokio::time::timeout(Duration::from_millis(10), self.child.wait()).await {
                let status = status?;
                ensure!(status.success(), "it failed ({status})");
                return Ok((begun.elapsed(), usage));
            }
            // Of a process that has ended and was not waited for, the memory cannot be read any more.
            let now = self.usage()?;
            usage = Usage { cpu: usage.cpu.max(now.cpu), peak: usage.peak.max(now.peak) };
        }
    }

    /// The ticks of a process and of its ended children, from `/proc/PID/stat` (`proc_pid_stat(5)`), if it is in the
    /// group.
    fn ticks(&self, stat: &str) -> Option<u64> {
        // The name of the program, in parentheses, may contain anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if fields.get(2)?.parse::<i32>().ok()? != self.group.as_raw_nonzero().get() {
            return None;
        }
        fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
    }

    /// Whether the program has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks the program to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        kill_process_group(self.group, Signal::TERM)?;
        if tokio::time::timeout(Duration::from_mins(1), self.child.wait()).await.is_err() {
            kill_process_group(self.group, Signal::KILL)?;
            self.child.wait().await?;
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            // It may end at this moment by itself.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }
}

/// `VmHWM` of `/proc/PID/status`, in bytes.
fn peak(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

/// The space that a directory takes on the disk, in bytes: blocks, not lengths.
pub(crate) fn disk(directory: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut blocks = 0;
    for entry in walkdir::WalkDir::new(directory) {
        let entry = entry?;
        if entry.file_type().is_file() {
            blocks += entry.metadata()?.blocks();
        }
    }
    Ok(blocks * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(peak("Name:\tburrow\nVmPeak:\t 9 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 5 kB\n"), 1234 * 1024);
        assert_eq!(peak("Name:\tkthreadd\n"), 0);
    }

    #[tokio::test]
    async fn the_work_of_a_program_and_its_children_is_counted() {
        let log = std::env::temp_dir().join(format!("bench-program-{}.log", std::process::id()));
        // The child works and ends; then the shell waits for input that never comes.
        let script = "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; echo done; sleep 60";
        let program = Program::start(Command::new("sh").args(["-c", script]), &log).unwrap();
        while !std::fs::read_to_string(&log).unwrap().contains("done") {
            tokio::task::yield_now().await;
        }
        let usage = program.usage().unwrap();
        assert!(usage.cpu > 0.0 && usage.peak > 100_000, "{usage:?}");
        program.stop().await.unwrap();
        std::fs::remove_file(log).unwrap();
    }
}
