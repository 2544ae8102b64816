//! Until when a lab is served.

use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Ctrl-C, or what else asks a process to end. From when this is made, it no longer ends at once.
pub(super) struct End {
    runtime: Runtime,
    signals: Signals,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

impl End {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let within = runtime.enter();
        let signals = Signals::new()?;
        drop(within);
        Ok(Self { runtime, signals })
    }

    /// Returns when somebody wants it to. Meanwhile does this every second.
    pub(super) fn wait(mut self, mut meanwhile: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        self.runtime.block_on(async {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            loop {
                tokio::select! {
                    () = self.signals.next() => return Ok(()),
                    _ = seconds.tick() => meanwhile()?,
                }
            }
        })
    }
}
