//! The server's process, and what the operating system says of it.

use super::{Outcome, server};
use hyperv_replica::sim::Pace;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server; ends when it is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Served {
    pub(crate) fn start(pace: Pace) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([server::ARGUMENT, &pace.to_string()]);
        // Else glibc keeps memory for each thread, and what it keeps is not what the server needs.
        command.env("MALLOC_ARENA_MAX", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let (address, password) = line.trim().split_once(' ').ok_or("the server did not start")?;
        let (user, address) = (server::USER.to_owned(), address.parse()?);
        Ok(Self { child, address, user, password: password.to_owned() })
    }

    /// How long it had a processor, where the operating system says so as Linux does: `man proc_pid_stat`.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        /// What Linux counts in, whatever the kernel does.
        const TICK: Duration = Duration::from_millis(10);
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name, which may have blanks, is in parentheses; what is behind begins with the third.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: u32 =
            fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
        Some(TICK * ticks)
    }

    /// Its resident memory in KiB: `man proc_pid_status`.
    pub(crate) fn memory_kib(&self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = text.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Its input ends, and so does it; if not, it is ended.
        drop(self.child.stdin.take());
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many processes wanted a processor, in the last 1, 5 and 15 minutes.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let words: Vec<&str> = text.split(' ').take(3).collect();
    if words.is_empty() { "?".to_owned() } else { words.join(" ") }
}
