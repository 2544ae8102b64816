//! What a backend has to offer so that behaviours can be tried on it.

use crate::error::{Error, Result};
use crate::model::{Settings, VmId};
use crate::service::{Patience, ReplicationService};
use std::fmt;
use std::time::Duration;

/// One of the hosts of a [`Fixture`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Where virtual machines are made, and primaries begin.
    First,
    /// Where replicas begin.
    Second,
    /// Where extended replicas begin.
    Third,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Third];
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "the first host",
            Self::Second => "the second host",
            Self::Third => "the third host",
        })
    }
}

macro_rules! capabilities {
    ($($(#[$meta:meta])* $variant:ident = $label:literal;)+) => {
        /// What some behaviours need beyond two hosts that replicate to each other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Capability {
            $($(#[$meta])* $variant,)+
        }

        impl Capability {
            /// Every capability.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The capability in a few words, as a thing one has.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

capabilities! {
    /// [`Fixture::host`] has a [`Place::Third`] that takes what the second host sends.
    ThirdHost = "a third host";
    /// Hours pass in a time that somebody waits for: virtual time, or a night.
    Hours = "hours to wait";
    /// Running virtual machines have a guest that writes to its disks.
    GuestWrites = "a guest that writes";
    /// [`NewVm::disks`] may be 2.
    TwoDisks = "a virtual machine with two disks";
    /// [`NewVm::large`] is heeded: copying its disks takes minutes, and longer than a look.
    LargeDisks = "disks that take minutes to copy";
    /// [`Act::CutLink`] and [`Act::HealLink`].
    CutLinks = "links that can be cut";
    /// [`Act::CrashHost`] and [`Act::BootHost`].
    CrashHosts = "hosts that can lose power";
    /// [`Act::ChangeDisks`].
    ChangeDisks = "disks that can be changed offline";
    /// The settings and entries of the replica servers may be changed for a while.
    Reconfigure = "replica servers that may be reconfigured";
    /// [`Fixture::folder`]: for exports.
    Folder = "a folder that both hosts reach";
    /// [`Fixture::stranger`]: somebody who is no administrator.
    Stranger = "a caller without rights";
    /// [`Fixture::certificate`]: both hosts listen for, and have, certificates.
    Certificates = "certificates";
}

/// A virtual machine to be made. It is not replicated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewVm {
    /// What to call it: the behaviour that asks for it, so that a left-over tells where it is from.
    pub name: String,
    /// Whether it is to run; off otherwise.
    pub running: bool,
    /// How many disks it has, at least one. More only with [`Capability::TwoDisks`].
    pub disks: u8,
    /// Whether its disks hold so much that copying them takes minutes. Only with
    /// [`Capability::LargeDisks`].
    pub large: bool,
}

impl NewVm {
    pub(super) fn named(name: &str) -> Self {
        Self { name: format!("conformance-{name}"), running: false, disks: 1, large: false }
    }
}

/// Something that is done to the hosts behind the service's back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Nothing passes between two hosts.
    CutLink(Place, Place),
    /// Everything passes again.
    HealLink(Place, Place),
    /// A host loses power.
    CrashHost(Place),
    /// It has power again; the service answers when this returns.
    BootHost(Place),
    /// A disk of a virtual machine that is off is mounted and written to.
    ChangeDisks(Place, VmId),
}

/// Hosts to try behaviours on, and what can be done around them.
///
/// The hosts have replica servers that accept each other, and nobody else uses them meanwhile: a
/// behaviour touches only the virtual machines it made, and puts back what it reconfigured, but it
/// waits for quiet ones, not for those of others.
///
/// A fixture of two hosts without any [`Capability`] is the five methods without a body. The others
/// are called only if [`Fixture::lacks`] has nothing to say against the capability they belong to.
pub trait Fixture {
    /// The service of a host; `None` if there is no such host.
    fn host(&self, place: Place) -> Option<&dyn ReplicationService>;

    /// Why this cannot be had, as a sentence without a full stop; `None` if it can.
    fn lacks(&self, capability: Capability) -> Option<String>;

    /// The settings with which one host replicates to another: where to, at which port, with which
    /// authentication. The rest is set by the behaviour.
    fn settings(&self, from: Place, to: Place) -> Settings;

    /// Makes a virtual machine.
    fn create_vm(&self, at: Place, vm: &NewVm) -> Result<VmId>;

    /// Deletes a virtual machine with its disks. It is off and not replicated.
    fn delete_vm(&self, at: Place, vm: VmId) -> Result<()>;

    /// Does something behind the service's back.
    fn act(&self, act: Act) -> Result<()> {
        Err(not_offered(&format!("{act:?}")))
    }

    /// The service of a host, called by somebody who is no administrator.
    fn stranger(&self, at: Place) -> Result<&dyn ReplicationService> {
        Err(not_offered(&format!("a stranger at {at}")))
    }

    /// A folder for exports, by a path that means the same on both hosts.
    fn folder(&self) -> Result<String> {
        Err(not_offered("a folder"))
    }

    /// The thumbprint of a host's certificate for replication.
    fn certificate(&self, at: Place) -> Result<String> {
        Err(not_offered(&format!("a certificate of {at}")))
    }

    /// How to wait. A step of a behaviour that takes longer has failed; a cycle of 30 seconds, and
    /// copying the disks of [`NewVm::large`], have to fit.
    fn patience(&self) -> Patience {
        Patience { poll: Duration::from_secs(1), timeout: Duration::from_secs(15 * 60) }
    }
}

fn not_offered(what: &str) -> Error {
    Error::Transport {
        operation: None,
        source: format!("this fixture does not have {what}").into(),
    }
}
