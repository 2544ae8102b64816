//! A thread that owns what cannot leave it, and calls to it that end in time.

use crate::cim::{Error, Result};
use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How many threads may hang before no new one is begun.
const MOST_HUNG: usize = 4;

/// How much longer than the call itself the caller waits, so that a call that keeps its own time
/// says itself that it is up.
const GRACE: Duration = Duration::from_secs(1);

/// Something that is opened in a thread of its own, stays there, and is called from anywhere.
///
/// It is opened at the first call, and anew after a call that failed with [`Error::Transport`]. A
/// call that is not answered in time leaves its thread behind; the next call gets another.
pub(super) struct Connection<S> {
    open: Arc<dyn Fn() -> Result<S> + Send + Sync>,
    timeout: Duration,
    threads: Mutex<Threads<S>>,
}

struct Threads<S> {
    /// The one that answers; `None` at first, and after it was left behind.
    current: Option<Worker<S>>,
    /// Those that were left behind and have not ended yet.
    hung: Vec<JoinHandle<()>>,
}

/// It ends when nobody can send it jobs any more.
struct Worker<S> {
    jobs: Sender<Job<S>>,
    thread: JoinHandle<()>,
}

type Job<S> = Box<dyn FnOnce(&mut Option<S>) + Send>;

impl<S: 'static> Connection<S> {
    /// What `open` opens, whose calls take no longer than this.
    pub(super) fn new(
        timeout: Duration,
        open: impl Fn() -> Result<S> + Send + Sync + 'static,
    ) -> Self {
        let threads = Threads { current: None, hung: Vec::new() };
        Self { open: Arc::new(open), timeout, threads: Mutex::new(threads) }
    }

    /// Does something there and waits for it, for this long beyond the time that every call has.
    ///
    /// # Errors
    /// Those of `open` and `job`; [`Error::Transport`] if there is no answer.
    pub(super) fn call<R: Send + 'static>(
        &self,
        beyond: Duration,
        job: impl FnOnce(&mut S) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        // Nothing in here is left half done by a panic of another thread.
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = threads.worker()?;
        let (answer, answers) = mpsc::channel();
        let open = Arc::clone(&self.open);
        let job: Job<S> = Box::new(move |place| {
            let result = match place {
                Some(opened) => job(opened),
                None => open().and_then(|it| job(place.insert(it))),
            };
            if let Err(Error::Transport(_)) = result {
                *place = None;
            }
            // Nobody hears it if it took too long.
            let _ = answer.send(result);
        });
        let sent = worker.jobs.send(job).map_err(|_| RecvTimeoutError::Disconnected);
        let patience = self.timeout.saturating_add(beyond).saturating_add(GRACE);
        sent.and_then(|()| answers.recv_timeout(patience)).unwrap_or_else(|lost| {
            threads.leave_behind();
            Err(Error::Transport(match lost {
                RecvTimeoutError::Timeout => {
                    format!("there was no answer for {patience:?}; the next call connects anew")
                        .into()
                }
                RecvTimeoutError::Disconnected => "the connection's thread has ended".into(),
            }))
        })
    }
}

impl<S: 'static> Threads<S> {
    fn worker(&mut self) -> Result<&Worker<S>> {
        self.hung.retain(|it| !it.is_finished());
        match &mut self.current {
            Some(worker) => Ok(worker),
            None if self.hung.len() >= MOST_HUNG => {
                let hung = self.hung.len();
                Err(Error::Transport(format!("{hung} earlier calls still hang").into()))
            }
            none => {
                let worker = Worker::start().map_err(|error| Error::Transport(error.into()))?;
                Ok(none.insert(worker))
            }
        }
    }

    fn leave_behind(&mut self) {
        self.hung.extend(self.current.take().map(|it| it.thread));
    }
}

impl<S: 'static> Worker<S> {
    fn start() -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job<S>>();
        let thread = thread::Builder::new().name("wmi".to_owned()).spawn(move || {
            let mut place = None;
            for job in inbox {
                job(&mut place);
            }
        })?;
        Ok(Self { jobs, thread })
    }
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A thing that knows which one it is; not `Send`, as COM's are not.
    struct Thing {
        number: usize,
        _not_send: std::rc::Rc<()>,
    }

    fn connection(timeout: Duration) -> Connection<Thing> {
        let opened = AtomicUsize::new(0);
        Connection::new(timeout, move || {
            let number = opened.fetch_add(1, Ordering::SeqCst);
            Ok(Thing { number, _not_send: std::rc::Rc::new(()) })
        })
    }

    fn number(of: &Connection<Thing>) -> Result<usize> {
        of.call(Duration::ZERO, |it| Ok(it.number))
    }

    #[test]
    fn what_was_opened_stays_open() {
        let connection = connection(Duration::from_secs(5));
        assert_eq!(number(&connection).unwrap(), 0);
        // An answer that is no is no reason to open anew.
        let no = || Error::status(crate::cim::WbemStatus::NOT_FOUND, "no");
        connection.call(Duration::ZERO, move |_| Err::<(), _>(no())).unwrap_err();
        assert_eq!(number(&connection).unwrap(), 0);
    }

    #[test]
    fn a_dead_connection_is_opened_anew() {
        let connection = connection(Duration::from_secs(5));
        assert_eq!(number(&connection).unwrap(), 0);
        let dead = connection.call(Duration::ZERO, |_| -> Result<()> {
            Err(Error::Transport("the line is dead".into()))
        });
        dead.unwrap_err();
        assert_eq!(number(&connection).unwrap(), 1);
    }

    /// Each hangs until the sender of its channel is dropped.
    #[test]
    fn a_call_that_hangs_ends_in_time_and_leaves_the_connection_usable() {
        let connection = connection(Duration::ZERO);
        let mut hanging = Vec::new();
        for thing in 0..MOST_HUNG {
            let (end, ended) = mpsc::channel::<()>();
            let hung = connection.call(Duration::ZERO, move |it| {
                let _ = ended.recv();
                Ok(it.number)
            });
            assert!(hung.unwrap_err().to_string().contains("no answer"));
            hanging.push(end);
            if thing + 1 < MOST_HUNG {
                assert_eq!(number(&connection).unwrap(), thing + 1);
            }
        }
        let refused = number(&connection).unwrap_err().to_string();
        assert!(refused.contains("4 earlier calls still hang"), "{refused}");
        drop(hanging);
        let again = (0..500).find_map(|_| {
            thread::park_timeout(Duration::from_millis(10));
            number(&connection).ok()
        });
        assert_eq!(again, Some(MOST_HUNG));
    }

    #[test]
    fn a_call_that_panics_costs_its_thread_only() {
        let connection = connection(Duration::from_secs(5));
        let died = connection.call(Duration::ZERO, |_| -> Result<()> { panic!("a bug") });
        assert!(died.unwrap_err().to_string().contains("has ended"));
        assert_eq!(number(&connection).unwrap(), 1);
    }
}
