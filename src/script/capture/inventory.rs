//! What can be read of hosts through their service, without changing anything.

use crate::error::{Error, Result};
use crate::model::{
    AuthorizationEntry, FailoverNetworkAdapterSettings, Host, Leg, RecoveryPoint, Relationship,
    RelationshipId, ReplicationMode, ReplicationState, ServiceSettings, Settings, Vm, VmId,
};
use crate::service::ReplicationService;

/// What hosts show of themselves, at about one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The hosts, in the order in which they were asked.
    pub hosts: Vec<HostRecord>,
}

/// A host, its replica server and its virtual machines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostRecord {
    /// Itself.
    pub host: Host,
    /// The settings of its replica server.
    pub settings: ServiceSettings,
    /// Whom it lets in.
    pub entries: Vec<AuthorizationEntry>,
    /// Its virtual machines, in the order of their ids.
    pub vms: Vec<VmRecord>,
}

/// A virtual machine on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VmRecord {
    /// Itself.
    pub vm: Vm,
    /// Its relationships that are not disabled, in the order of their indexes.
    pub legs: Vec<LegRecord>,
    /// Its recovery points, oldest first.
    pub points: Vec<RecoveryPoint>,
    /// What its adapters take after a failover.
    pub network: Vec<FailoverNetworkAdapterSettings>,
}

/// One side of a relationship.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LegRecord {
    /// The relationship.
    pub relationship: Relationship,
    /// Its settings.
    pub settings: Settings,
}

impl Inventory {
    /// Reads these hosts.
    ///
    /// # Errors
    /// A host does not answer. A virtual machine that vanishes while it is read is left out.
    pub fn read(hosts: &[&dyn ReplicationService]) -> Result<Self> {
        let hosts = hosts.iter().map(|it| HostRecord::read(*it));
        Ok(Self { hosts: hosts.collect::<Result<_>>()? })
    }

    /// The host of this name, without regard to case.
    pub fn host(&self, name: &str) -> Option<&HostRecord> {
        self.hosts.iter().find(|it| it.host.name.eq_ignore_ascii_case(name))
    }
}

impl HostRecord {
    /// Reads a host.
    ///
    /// # Errors
    /// It does not answer.
    pub fn read(service: &dyn ReplicationService) -> Result<Self> {
        let mut vms = Vec::new();
        for vm in service.vms()? {
            vms.extend(there(VmRecord::read(service, vm))?);
        }
        Ok(Self {
            host: service.host()?,
            settings: service.service_settings()?,
            entries: service.authorization_entries()?,
            vms,
        })
    }

    /// A virtual machine of this host.
    pub fn vm(&self, id: VmId) -> Option<&VmRecord> {
        self.vms.iter().find(|it| it.vm.id == id)
    }
}

impl VmRecord {
    fn read(service: &dyn ReplicationService, vm: Vm) -> Result<Self> {
        let id = vm.id;
        let mut legs = Vec::new();
        for leg in [Leg::Primary, Leg::Extended] {
            let id = RelationshipId { vm: id, leg };
            let Some(relationship) = there(service.relationship(id))? else { continue };
            if relationship.state != ReplicationState::Disabled {
                let settings = service.settings(id)?;
                legs.push(LegRecord { relationship, settings });
            }
        }
        let points = if vm.mode == ReplicationMode::None {
            Vec::new()
        } else {
            service.recovery_points(id)?
        };
        Ok(Self { legs, points, network: service.failover_network(id)?, vm })
    }

    /// One of its relationships, unless that is disabled.
    pub fn leg(&self, leg: Leg) -> Option<&LegRecord> {
        self.legs.iter().find(|it| it.relationship.id.leg == leg)
    }

    /// The state of one of its relationships.
    pub fn state(&self, leg: Leg) -> ReplicationState {
        self.leg(leg).map_or(ReplicationState::Disabled, |it| it.relationship.state)
    }
}

/// What is not there is nothing; what does not answer is an error.
fn there<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(it) => Ok(Some(it)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
