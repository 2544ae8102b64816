//! How a behaviour is known.

use std::fmt;

/// How a behaviour is known. The order is that of trust.
///
/// It is what [`Evidence`](crate::rules::Evidence) is to the rules of the simulator, of which the
/// behaviours of a service know nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Microsoft's documentation, a Microsoft blog or Microsoft's own schema says so, at this page.
    Documented(&'static str),
    /// Somebody saw a real host do it, at this page.
    Observed(&'static str),
    /// Microsoft's management client, documented at this page, behaves as if it were so.
    Client(&'static str),
    /// Nobody has said; this is the reason for expecting it.
    Assumed(&'static str),
}

/// The four kinds of [`Source`], strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// [`Source::Documented`].
    Documented,
    /// [`Source::Observed`].
    Observed,
    /// [`Source::Client`].
    Client,
    /// [`Source::Assumed`].
    Assumed,
}

impl Level {
    /// Every level, strongest first.
    pub const ALL: [Self; 4] = [Self::Documented, Self::Observed, Self::Client, Self::Assumed];

    /// The level in one word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Observed => "observed",
            Self::Client => "client",
            Self::Assumed => "assumed",
        }
    }
}

impl Source {
    /// Which level it is.
    pub const fn level(self) -> Level {
        match self {
            Self::Documented(_) => Level::Documented,
            Self::Observed(_) => Level::Observed,
            Self::Client(_) => Level::Client,
            Self::Assumed(_) => Level::Assumed,
        }
    }

    /// The page, or for an assumption its reason.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Documented(text)
            | Self::Observed(text)
            | Self::Client(text)
            | Self::Assumed(text) => text,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level().label(), self.text())
    }
}
