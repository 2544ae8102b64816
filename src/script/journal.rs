//! The journal of a lab: a file from which it is rebuilt after its process has ended.

use super::ast::{Line, Statement};
use super::parse::MAX_BYTES;
use super::resolve::Action;
use crate::engine::{Event, Input, Policy, World};
use crate::sim::{Lab, Scribe};
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process;

/// What a journal outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The process: each line is with the operating system before its answer is given.
    ///
    /// The default. A lab outlives whoever serves it, killed or not; a machine that loses power
    /// takes the tests down with it, and a flush to the disk takes as long as thousands of calls.
    #[default]
    Process,
    /// The machine: each line is on the disk before its answer is given.
    Machine,
}

/// A file to which every input of a lab is appended, in the language of scripts, before it happens
/// and so before anybody gets an answer to it.
///
/// It is a script: a comment with the version of this crate, the seed and the policy if they are not
/// the defaults, and a line for each input, by the names that things have at that moment. `hvr run`
/// runs it. A line is written when its line break is: what stands behind the last one was torn by
/// the end of the process, nobody has got an answer to it, and [`open`](Self::open) drops it.
///
/// Whoever has it open has it alone, by a [`JournalLock`].
///
/// ```
/// use hyperv_replica::engine::HostSpec;
/// use hyperv_replica::script::{Durability, Journal};
///
/// let path = std::env::temp_dir().join(format!("journal-{}.hvr", std::process::id()));
/// # let _ = std::fs::remove_file(&path);
/// let (journal, rebuilt) = Journal::open(&path, Durability::default())?;
/// let lab = rebuilt.into_lab().written_by(journal);
/// lab.add_host(&HostSpec::trusting("tokyo"));
/// drop(lab); // Or the process is killed.
///
/// let (_, rebuilt) = Journal::open(&path, Durability::default())?;
/// assert!(rebuilt.world.host_named("tokyo").is_some());
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Held until the journal is closed.
    _lock: JournalLock,
    /// How many bytes of the file are whole lines.
    whole: u64,
    /// Whether something may stand behind them.
    torn: bool,
    durability: Durability,
}

/// What a journal makes of a world.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rebuilt {
    /// The world as it was.
    pub world: World,
    /// How many inputs made it.
    pub inputs: u64,
    /// The last line, if it was torn: what its beginning says. It was dropped.
    pub torn: Option<String>,
    /// The version of this crate that began the journal. Another one may judge otherwise, and come
    /// to another world.
    pub version: Option<String>,
}

impl Rebuilt {
    /// Rebuilds what the text of a journal tells, wherever it is.
    ///
    /// ```
    /// use hyperv_replica::script::Rebuilt;
    ///
    /// let rebuilt = Rebuilt::read(&b"host tokyo\nhost osa"[..])?;
    /// assert_eq!((rebuilt.inputs, rebuilt.torn.as_deref()), (1, Some("host osa")));
    /// # Ok::<(), hyperv_replica::script::JournalError>(())
    /// ```
    ///
    /// # Errors
    /// The text cannot be read, or a whole line of it is none of a journal.
    pub fn read(text: impl BufRead) -> Result<Self, JournalError> {
        Ok(rebuild(text)?.0)
    }

    /// A lab in which the world goes on. What its builders draw was not drawn before.
    pub fn into_lab(self) -> Lab {
        let seed = self.world.seed() ^ self.inputs.rotate_left(32);
        Lab::over(self.world, seed)
    }
}

/// Why there is no world in a journal.
#[derive(Debug)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be read or written.
    Io(io::Error),
    /// Somebody has it open.
    Held {
        /// The process that has, where the system lets others know.
        by: Option<u32>,
    },
    /// A line of it is none that a journal has.
    Line {
        /// Which line, from 1.
        number: u64,
        /// What is wrong with it.
        problem: String,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the journal cannot be read or written: {error}"),
            Self::Held { by: Some(id) } => write!(f, "process {id} has the journal open"),
            Self::Held { by: None } => f.write_str("another process has the journal open"),
            Self::Line { number, problem } => {
                write!(f, "line {number} of the journal cannot be repeated: {problem}")
            }
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Held { .. } | Self::Line { .. } => None,
        }
    }
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What the first line says before the version.
const HEAD: &str = "# A journal of hyperv-replica ";

/// What keeps two from writing one journal: a lock on a file beside it, `lab.hvr.lock` for `lab.hvr`.
///
/// The system takes it back when the process ends, in whatever way. The file stays, and is nothing
/// by itself; in it stands who had the lock last.
#[derive(Debug)]
pub struct JournalLock {
    file: File,
}

impl Drop for JournalLock {
    fn drop(&mut self) {
        // Said, because a process that is being started may have the file open a moment longer.
        let _ = self.file.unlock();
    }
}

impl JournalLock {
    /// Takes the lock of a journal, which need not be there yet.
    ///
    /// # Errors
    /// [`JournalError::Held`] if somebody has it; [`JournalError::Io`] if there can be none.
    pub fn take(journal: impl AsRef<Path>) -> Result<Self, JournalError> {
        let mut path = journal.as_ref().as_os_str().to_owned();
        path.push(".lock");
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Held { by: owner(&file) }),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        writeln!(file, "{}", process::id())?;
        Ok(Self { file })
    }

    /// Opens the journal as [`Journal::open`] does, in this file, which may get the name of the
    /// journal later.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open(
        self,
        file: impl AsRef<Path>,
        durability: Durability,
    ) -> Result<(Journal, Rebuilt), JournalError> {
        let path = file.as_ref();
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let (rebuilt, whole) = rebuild(BufReader::new(&file))?;
        let torn = rebuilt.torn.is_some();
        let mut journal = Journal { file, _lock: self, whole, torn, durability };
        journal.mend()?;
        if durability == Durability::Machine {
            sync_name(path)?;
        }
        Ok((journal, rebuilt))
    }
}

/// Who has a lock. Some systems let nobody read what is locked.
fn owner(lock: &File) -> Option<u32> {
    const DIGITS: u64 = 16;
    let mut text = String::new();
    lock.take(DIGITS).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

impl Journal {
    /// Opens a journal, or begins one, and rebuilds what it tells.
    ///
    /// # Errors
    /// Somebody has it open, the file cannot be read or written, or a whole line of it is none of a
    /// journal.
    pub fn open(
        path: impl AsRef<Path>,
        durability: Durability,
    ) -> Result<(Self, Rebuilt), JournalError> {
        JournalLock::take(&path)?.open(path, durability)
    }

    /// Rebuilds what a journal tells, without a claim to it: somebody may be writing.
    ///
    /// # Errors
    /// The file cannot be read, or a whole line of it is none of a journal.
    pub fn read(path: impl AsRef<Path>) -> Result<Rebuilt, JournalError> {
        Rebuilt::read(BufReader::new(File::open(path)?))
    }

    /// Appends an input that is about to happen in this world; the first with how it began.
    ///
    /// # Errors
    /// The line cannot be written. What was written of it is taken back, now or before the next
    /// one. A journal that has no line yet begins with a world in which nothing has happened.
    pub fn append(&mut self, world: &World, input: &Input) -> io::Result<()> {
        self.mend()?;
        let mut text = String::new();
        if self.whole == 0 {
            begin(&mut text, world)?;
        }
        let _ = writeln!(text, "{}", Line::from_input(input, world));
        self.torn = true;
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.sync());
        match written {
            Ok(()) => {
                self.torn = false;
                self.whole += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                // If it cannot be taken back now, the next one tries again.
                let _ = self.mend();
                Err(error)
            }
        }
    }

    /// Takes back what is behind the last whole line.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.whole)?;
            self.sync()?;
            self.torn = false;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Machine => self.file.sync_data(),
        }
    }
}

impl Scribe for Journal {
    fn write(&mut self, world: &World, input: &Input) -> io::Result<()> {
        self.append(world, input)
    }

    fn mark(&self) -> u64 {
        self.whole
    }

    fn rewind(&mut self, mark: u64) -> io::Result<()> {
        self.mend()?;
        self.file.set_len(mark)?;
        self.whole = mark;
        self.sync()
    }
}

/// That there is such a file is on the disk, too.
fn sync_name(path: &Path) -> io::Result<()> {
    // Elsewhere a folder is no file, and its entries are the file system's own affair.
    if cfg!(unix) {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// The lines before the first input.
fn begin(text: &mut String, world: &World) -> io::Result<()> {
    let (seed, policy) = (world.seed(), world.policy());
    if *world != World::with_policy(seed, policy.clone()) {
        let why = "a journal begins with a world in which nothing has happened";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let _ =
        writeln!(text, "{HEAD}{}: everything that happens in a lab.", env!("CARGO_PKG_VERSION"));
    if seed != 0 {
        let _ = writeln!(text, "{}", Statement::Seed(seed));
    }
    if *policy != Policy::default() {
        let _ = writeln!(text, "{}", Statement::Policy(Box::new(policy.clone())));
    }
    Ok(())
}

/// The world that the whole lines tell, and how many bytes they have.
fn rebuild(mut text: impl BufRead) -> Result<(Rebuilt, u64), JournalError> {
    let mut rebuilt = Rebuilt { world: World::new(0), inputs: 0, torn: None, version: None };
    let (mut whole, mut bytes, mut events) = (0, Vec::new(), Vec::new());
    for number in 1.. {
        bytes.clear();
        // A line that is longer than any can be is not kept in memory.
        text.by_ref().take(MAX_BYTES as u64).read_until(b'\n', &mut bytes)?;
        let wrong = |problem: String| JournalError::Line { number, problem };
        match bytes.split_last() {
            None => break,
            Some((b'\n', line)) => {
                let line = str::from_utf8(line).map_err(|it| wrong(it.to_string()))?;
                rebuilt.repeat(line.trim_end(), &mut events).map_err(wrong)?;
                whole += bytes.len() as u64;
            }
            Some(_) if bytes.len() < MAX_BYTES => {
                rebuilt.torn = Some(String::from_utf8_lossy(&bytes).into_owned());
                break;
            }
            Some(_) => return Err(wrong("it is too long".to_owned())),
        }
    }
    Ok((rebuilt, whole))
}

impl Rebuilt {
    /// Makes happen what a line says.
    fn repeat(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), String> {
        if let Some(head) = text.strip_prefix(HEAD) {
            self.version = head.split(':').next().map(str::to_owned);
        }
        let line: Line = text.parse().map_err(|it: super::ParseError| it.to_string())?;
        let Some(statement) = line.statement else { return Ok(()) };
        let action = statement.resolve(&self.world).map_err(|problems| {
            problems.first().map_or_else(String::new, |it| it.message.clone())
        })?;
        match action {
            Action::Input(input) => {
                self.world.apply(&input, events);
                events.clear();
                self.inputs += 1;
            }
            Action::Seed(seed) if self.inputs == 0 => {
                self.world = World::with_policy(seed, self.world.policy().clone());
            }
            Action::Policy(policy) if self.inputs == 0 => {
                self.world = World::with_policy(self.world.seed(), *policy);
            }
            _ => return Err("a journal has inputs only".to_owned()),
        }
        Ok(())
    }
}
