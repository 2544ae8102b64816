//! One behaviour being tried: its hosts, what it made, and how that is cleaned up.

use super::site::{Checked, Site, arranged};
use super::{Act, Capability, Deviation, Fixture, NewVm, Place};
use crate::error::Result;
use crate::model::{
    AuthorizationEntry, EnabledState, InitialReplication, Leg, RelationshipId, ReplicationState,
    ServiceSettings, Settings, VmId,
};
use crate::service::{ReplicationService, ReplicationServiceExt};
use std::cell::RefCell;
use std::time::Duration;

/// The interval of the relationships that behaviours make, in seconds: the shortest there is.
pub(super) const INTERVAL_S: u16 = 30;

/// A virtual machine for a behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guest {
    Off,
    Running,
    /// Running, with so much on its disks that copying them takes minutes.
    Large,
    /// Off, with two disks.
    TwoDisks,
}

pub(super) struct Trial<'a> {
    fixture: &'a dyn Fixture,
    name: &'a str,
    first: Site<'a>,
    second: Site<'a>,
    third: Option<Site<'a>>,
    made: RefCell<Vec<VmId>>,
    undo: RefCell<Vec<Undo>>,
}

/// What has to be put back.
enum Undo {
    Act(Act),
    Server(Place, ServiceSettings, Vec<AuthorizationEntry>),
}

impl<'a> Trial<'a> {
    /// `None` if the fixture has no two hosts.
    pub(super) fn new(fixture: &'a dyn Fixture, name: &'a str) -> Option<Self> {
        let site = |place| {
            let service = fixture.host(place)?;
            Some(Site::new(service, place, fixture.patience()))
        };
        let (first, second) = (site(Place::First)?, site(Place::Second)?);
        let (made, undo) = (RefCell::default(), RefCell::default());
        Some(Self { fixture, name, first, second, third: site(Place::Third), made, undo })
    }

    pub(super) fn first(&self) -> &Site<'a> {
        &self.first
    }

    pub(super) fn second(&self) -> &Site<'a> {
        &self.second
    }

    /// Both hosts of every fixture.
    pub(super) fn both(&self) -> [&Site<'a>; 2] {
        [&self.first, &self.second]
    }

    /// Of a behaviour that needs [`Capability::ThirdHost`].
    pub(super) fn third(&self) -> Checked<&Site<'a>> {
        self.third.as_ref().ok_or_else(|| Deviation {
            about: "the fixture".to_owned(),
            expected: Capability::ThirdHost.label().to_owned(),
            seen: "none".to_owned(),
            arranging: true,
        })
    }

    pub(super) fn fixture(&self) -> &'a dyn Fixture {
        self.fixture
    }

    /// Lets time pass on every host.
    pub(super) fn pass(&self, time: Duration) -> Checked {
        Ok(self.first.sleep(time)?)
    }

    /// Settings from one host to another, with the shortest interval.
    pub(super) fn settings(&self, from: Place, to: Place) -> Settings {
        Settings { replication_interval_s: INTERVAL_S, ..self.fixture.settings(from, to) }
    }

    /// Settings from the first host to the second.
    pub(super) fn to_second(&self) -> Settings {
        self.settings(Place::First, Place::Second)
    }

    /// A virtual machine on the first host, as its relationship 0, which is disabled.
    pub(super) fn vm(&self, guest: Guest) -> Checked<RelationshipId> {
        arranged(|| {
            let large = guest == Guest::Large;
            let vm = NewVm {
                running: large || guest == Guest::Running,
                disks: 1 + u8::from(guest == Guest::TwoDisks),
                large,
                ..NewVm::named(self.name)
            };
            let vm = self.fixture.create_vm(Place::First, &vm)?;
            self.made.borrow_mut().push(vm);
            Ok(RelationshipId::primary(vm))
        })
    }

    /// A primary on the first host whose initial replication has not been started.
    pub(super) fn created(&self, guest: Guest) -> Checked<RelationshipId> {
        self.created_with(guest, self.to_second())
    }

    pub(super) fn created_with(&self, guest: Guest, settings: Settings) -> Checked<RelationshipId> {
        arranged(|| {
            let id = self.vm(guest)?;
            self.first.done(self.first.create_replication_relationship(id.vm, settings))?;
            self.first.comes_to(id, ReplicationState::Ready)?;
            Ok(id)
        })
    }

    /// A virtual machine that replicates from the first host to the second.
    pub(super) fn replicating(&self, guest: Guest) -> Checked<RelationshipId> {
        self.replicating_with(guest, self.to_second())
    }

    pub(super) fn replicating_with(
        &self,
        guest: Guest,
        settings: Settings,
    ) -> Checked<RelationshipId> {
        arranged(|| {
            let id = self.created_with(guest, settings)?;
            self.first.done(self.first.start_replication(id.vm, InitialReplication::Network))?;
            self.first.comes_to(id, ReplicationState::Replicating)?;
            self.second.comes_to(id, ReplicationState::Replicating)?;
            Ok(id)
        })
    }

    /// A primary, off, that is prepared for a planned failover.
    pub(super) fn prepared(&self) -> Checked<RelationshipId> {
        arranged(|| {
            let id = self.replicating(Guest::Off)?;
            self.first.done(self.first.prepare_failover(id))?;
            self.first.comes_to(id, ReplicationState::Synced)?;
            Ok(id)
        })
    }

    /// The same, and its replica is failed over.
    pub(super) fn failed_over_as_planned(&self) -> Checked<RelationshipId> {
        arranged(|| {
            let id = self.prepared()?;
            self.fail_over(id)?;
            Ok(id)
        })
    }

    /// A replica that is failed over to its latest state, of a primary that was not asked.
    pub(super) fn failed_over(&self, guest: Guest) -> Checked<RelationshipId> {
        arranged(|| {
            let id = self.replicating(guest)?;
            self.fail_over(id)?;
            Ok(id)
        })
    }

    /// Fails the replica on the second host over to its latest state.
    pub(super) fn fail_over(&self, id: RelationshipId) -> Checked {
        self.second.done(self.second.initiate_failover(id.vm, None))?;
        self.second.comes_to(id, ReplicationState::Recovered)
    }

    /// A virtual machine that replicates from the first host to the second, and from there,
    /// on its relationship 1, to the third.
    pub(super) fn chain(&self, guest: Guest) -> Checked<RelationshipId> {
        arranged(|| {
            let (second, third) = (&self.second, self.third()?);
            let id = self.replicating(guest)?;
            let settings = self.to_third();
            second.done(second.create_replication_relationship(id.vm, settings))?;
            second.done(second.start_replication(id.vm, InitialReplication::Network))?;
            second.comes_to(RelationshipId::extended(id.vm), ReplicationState::Replicating)?;
            third.comes_to(id, ReplicationState::Replicating)?;
            Ok(id)
        })
    }

    /// Settings from the second host to the third: five minutes are the shortest interval.
    pub(super) fn to_third(&self) -> Settings {
        let settings = self.fixture.settings(Place::Second, Place::Third);
        Settings { replication_interval_s: 300, ..settings }
    }

    /// Does something behind the service's back; its opposite is done in the end.
    pub(super) fn act(&self, act: Act) -> Checked {
        self.fixture.act(act)?;
        let opposite = match act {
            Act::CutLink(a, b) => Some(Act::HealLink(a, b)),
            Act::CrashHost(at) => Some(Act::BootHost(at)),
            _ => None,
        };
        let mut undo = self.undo.borrow_mut();
        undo.retain(|it| !matches!(it, Undo::Act(it) if *it == act));
        undo.extend(opposite.map(Undo::Act));
        Ok(())
    }

    /// Notes the replica server of a host, which is about to be reconfigured.
    pub(super) fn reconfigures(&self, site: &Site<'_>) -> Checked<ServiceSettings> {
        arranged(|| {
            let (settings, entries) = (site.service_settings()?, site.authorization_entries()?);
            self.undo.borrow_mut().push(Undo::Server(site.place(), settings.clone(), entries));
            Ok(settings)
        })
    }

    /// Notes the replica server of a host, and lets nobody in any more.
    pub(super) fn without_entries(&self, site: &Site<'_>) -> Checked {
        arranged(|| {
            self.reconfigures(site)?;
            for entry in site.authorization_entries()? {
                site.done(site.remove_authorization_entry(&entry.allowed_primary))?;
            }
            Ok(())
        })
    }

    /// Puts everything back. Returns what could not be, in sentences.
    pub(super) fn tidy(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mut note = |what: String, done: Result<()>| {
            if let Err(error) = done {
                left.push(format!("{what}: {error}"));
            }
        };
        for undo in self.undo.take().into_iter().rev() {
            match undo {
                Undo::Act(act) => note(format!("{act:?}"), self.fixture.act(act)),
                Undo::Server(at, settings, entries) => {
                    let put_back = self.put_back(at, &settings, &entries);
                    note(format!("the replica server of {at}"), put_back);
                }
            }
        }
        for vm in self.made.take() {
            // The receiving end first, so that nothing is sent to where it is not awaited.
            for place in Place::ALL.into_iter().rev() {
                note(format!("virtual machine {vm} on {place}"), self.clear(place, vm));
            }
        }
        left
    }

    fn put_back(
        &self,
        at: Place,
        settings: &ServiceSettings,
        entries: &[AuthorizationEntry],
    ) -> Result<()> {
        let Some(service) = self.fixture.host(at) else { return Ok(()) };
        for entry in service.authorization_entries()? {
            service.wait(service.remove_authorization_entry(&entry.allowed_primary)?)?;
        }
        for entry in entries {
            service.wait(service.add_authorization_entry(entry.clone())?)?;
        }
        service.wait(service.modify_service_settings(settings.clone())?)
    }

    /// Removes a virtual machine with all it is in. What stands in the way is perhaps an operation
    /// that a behaviour left running, so this is tried more than once.
    fn clear(&self, place: Place, vm: VmId) -> Result<()> {
        const TRIES: u32 = 3;
        let Some(service) = self.fixture.host(place) else { return Ok(()) };
        let site = Site::new(service, place, self.fixture.patience());
        let mut cleared = self.try_to_clear(&site, vm);
        for _ in 1..TRIES {
            if cleared.is_ok() {
                break;
            }
            site.sleep(Duration::from_secs(10))?;
            cleared = self.try_to_clear(&site, vm);
        }
        cleared
    }

    fn try_to_clear(&self, site: &Site<'_>, vm: VmId) -> Result<()> {
        let Some(seen) = site.vms()?.into_iter().find(|it| it.id == vm) else { return Ok(()) };
        let off = |vm| match site.vm(vm)?.power {
            EnabledState::Disabled => Ok(()),
            _ => site.wait(site.turn_off_vm(vm)?),
        };
        if let Some(test) = seen.test_replica {
            off(test)?;
            site.wait(site.destroy_system(test)?)?;
        }
        for leg in [Leg::Extended, Leg::Primary] {
            let id = RelationshipId { vm, leg };
            if site.relationship(id).is_ok_and(|it| it.state != ReplicationState::Disabled) {
                site.wait(site.remove_replication_relationship(id)?)?;
            }
        }
        off(vm)?;
        self.fixture.delete_vm(site.place(), vm)
    }
}
