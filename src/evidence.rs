//! How it is known that the service behaves as is claimed: by a rule of the simulator, by a behaviour
//! of the conformance suite.

use std::fmt;

/// How something is known. The order is that of trust. The text is the page, or for an assumption its
/// reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Microsoft's documentation, a Microsoft blog or Microsoft's own schema says so.
    Documented(&'static str),
    /// Somebody saw a real host do it.
    Observed(&'static str),
    /// Microsoft's management client behaves as if it were so. It shows what clients rely on,
    /// not what the service checks.
    Client(&'static str),
    /// Nobody has said; this is the reason for the choice.
    Assumed(&'static str),
}

/// The four kinds of [`Evidence`], strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceKind {
    /// [`Evidence::Documented`].
    Documented,
    /// [`Evidence::Observed`].
    Observed,
    /// [`Evidence::Client`].
    Client,
    /// [`Evidence::Assumed`].
    Assumed,
}

impl EvidenceKind {
    /// Every kind, strongest first.
    pub const ALL: [Self; 4] = [Self::Documented, Self::Observed, Self::Client, Self::Assumed];

    /// The kind in a word or two.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Observed => "observed",
            Self::Client => "client behaviour",
            Self::Assumed => "assumed",
        }
    }
}

impl Evidence {
    /// Which kind it is.
    pub const fn kind(self) -> EvidenceKind {
        match self {
            Self::Documented(_) => EvidenceKind::Documented,
            Self::Observed(_) => EvidenceKind::Observed,
            Self::Client(_) => EvidenceKind::Client,
            Self::Assumed(_) => EvidenceKind::Assumed,
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

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind().label(), self.text())
    }
}
