//! Calls worth making.

use super::{Pick, Place, nth};
use crate::engine::World;
use crate::model::time::minutes;
use crate::model::{
    AdapterId, AuthorizationEntry, Call, DiskId, FailoverNetworkAdapterSettings, HostId,
    IpProtocol, JobId, Leg, Operation, PointId, RelationshipId, ServiceSettings, Settings, VmId,
};
use crate::testkit::beginning::{PROVIDER, THUMBPRINT, both_listeners, certified};

/// A call of this operation, in one of the ways in which it can be made; `None` if there is nothing
/// that it could be about.
pub(super) fn write(place: Place<'_>, operation: Operation, pick: Pick) -> Option<Call> {
    use Operation as O;
    let Place { world, host, .. } = place;
    let how = Ways(pick.how);
    Some(match operation {
        O::RequestJobStateChange | O::GetError | O::GetErrorEx => {
            of_job(operation, nth(world.job_ids(host), pick.vm.into())?, how)
        }
        O::ModifyServiceSettings
        | O::AddAuthorizationEntry
        | O::ModifyAuthorizationEntry
        | O::RemoveAuthorizationEntry
        | O::GetSystemCertificates
        | O::TestReplicationConnection
        | O::RequestServiceStateChange
        | O::StartService
        | O::StopService => of_host(world, operation, host, how)?,
        _ => of_vm(world, operation, host, place.vm_or_another()?, how)?,
    })
}

/// A number that choices are taken from, one after the other.
#[derive(Clone, Copy)]
struct Ways(u16);

impl Ways {
    /// Takes one of so many.
    fn of(&mut self, many: u16) -> u16 {
        let it = self.0 % many;
        self.0 /= many;
        it
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.of(u16::try_from(of.len()).unwrap_or(u16::MAX)))]
    }
}

fn of_job(operation: Operation, job: JobId, mut how: Ways) -> Call {
    match operation {
        Operation::GetError => Call::GetError { job },
        Operation::GetErrorEx => Call::GetErrorEx { job },
        _ => Call::RequestJobStateChange { job, requested: how.one(&[4, 4, 5, 3]) },
    }
}

/// Another host, by name.
fn other<'a>(world: &'a World, host: HostId, how: &mut Ways) -> Option<&'a str> {
    let hosts = world.host_ids();
    let others = u16::try_from(hosts.clone().count()).ok()?.checked_sub(1).filter(|it| *it > 0)?;
    world.host_name(nth(hosts, usize::from(host.0 + 1 + how.of(others)))?)
}

fn of_host(world: &World, operation: Operation, host: HostId, mut how: Ways) -> Option<Call> {
    use Operation as O;
    let entry = |how: &mut Ways| {
        let allowed_primary = match how.of(2) {
            0 => "*".to_owned(),
            _ => other(world, host, how)?.to_owned(),
        };
        let trust_group = how.one(&["DEFAULT", "branch"]).to_owned();
        let storage_location = how.one(&[r"D:\Replica", r"E:\Replica"]).to_owned();
        Some(AuthorizationEntry { allowed_primary, trust_group, storage_location })
    };
    Some(match operation {
        O::ModifyServiceSettings => {
            let hourly = || ServiceSettings { monitoring_interval_s: 3600, ..both_listeners() };
            let settings = match how.of(4) {
                0 => both_listeners(),
                1 => ServiceSettings::kerberos(),
                2 => hourly(),
                _ => ServiceSettings::default(),
            };
            Call::ModifyServiceSettings { settings: Box::new(settings) }
        }
        O::AddAuthorizationEntry => Call::AddAuthorizationEntry { entry: entry(&mut how)? },
        O::ModifyAuthorizationEntry => Call::ModifyAuthorizationEntry { entry: entry(&mut how)? },
        O::RemoveAuthorizationEntry => {
            let AuthorizationEntry { allowed_primary, .. } = entry(&mut how)?;
            Call::RemoveAuthorizationEntry { allowed_primary }
        }
        O::TestReplicationConnection => {
            let (port, authentication) = how.one(&[(80, 1), (443, 2), (80, 2), (0, 1), (80, 3)]);
            Call::TestReplicationConnection {
                recovery_connection_point: other(world, host, &mut how)?.to_owned(),
                port,
                authentication,
                certificate_thumbprint: (authentication == 2).then(|| THUMBPRINT.to_owned()),
                bypass_proxy: how.of(2) == 1,
            }
        }
        O::RequestServiceStateChange => Call::RequestServiceStateChange { requested: how.of(12) },
        O::StartService => Call::StartService,
        O::StopService => Call::StopService,
        _ => Call::GetSystemCertificates,
    })
}

fn of_vm(
    world: &World,
    operation: Operation,
    host: HostId,
    vm: VmId,
    mut how: Ways,
) -> Option<Call> {
    use Operation as O;
    let how = &mut how;
    let point = |how: &mut Ways| -> Option<PointId> {
        let n = usize::from(how.of(4)).checked_sub(1)?;
        let there = world.glance_at(host).find(|it| it.id() == vm)?;
        Some(nth(there.points().iter(), n)?.id)
    };
    let later = |how: &mut Ways| (how.of(2) == 1).then(|| world.now() + minutes(10));
    Some(match operation {
        O::SetAuthorizationEntry => {
            let entry = AuthorizationEntry::any(how.one(&[r"D:\Replica", r"E:\Replica"]));
            Call::SetAuthorizationEntry { vm, entry }
        }
        O::CreateReplicationRelationship => {
            let settings = Box::new(fresh(world, host, how)?);
            Call::CreateReplicationRelationship { vm, settings }
        }
        O::ModifyReplicationSettings => {
            let settings = Box::new(changed(world, host, vm, how)?);
            Call::ModifyReplicationSettings { vm, settings }
        }
        O::ReverseReplicationRelationship => {
            let asked = how.of(4) == 3;
            let settings = if asked { Some(Box::new(fresh(world, host, how)?)) } else { None };
            Call::ReverseReplicationRelationship { vm, settings }
        }
        O::InitiateFailback => {
            let settings =
                Settings { provider: PROVIDER, ..Settings::to(other(world, host, how)?) };
            Call::InitiateFailback { vm, settings: Box::new(settings), point: None }
        }
        O::StartReplication => {
            let initial = how.one(&[1, 1, 2, 3]);
            let export_location = (initial == 2).then(|| r"D:\Export".to_owned());
            Call::StartReplication { vm, initial, export_location, start: later(how) }
        }
        O::ImportInitialReplica => {
            let import_location = world.exported_to(vm).unwrap_or(r"D:\Export").to_owned();
            Call::ImportInitialReplica { vm, import_location }
        }
        O::InitiateFailover => Call::InitiateFailover { vm, point: point(how) },
        O::TestReplicaSystem => Call::TestReplicaSystem { vm, point: point(how) },
        O::RevertFailover => Call::RevertFailover { vm },
        O::CommitFailover => Call::CommitFailover { vm },
        O::Resynchronize => Call::Resynchronize { vm, start: later(how) },
        O::SetFailoverNetworkAdapterSettings => {
            let settings = vec![addresses(how)];
            Call::SetFailoverNetworkAdapterSettings { vm, settings }
        }
        O::ChangeReplicationModeToPrimary => {
            let relationship = RelationshipId { vm, leg: how.one(&[Leg::Extended, Leg::Primary]) };
            Call::ChangeReplicationModeToPrimary { vm, relationship }
        }
        O::DestroySystem => Call::DestroySystem { vm },
        _ => of_relationship(operation, vm, how),
    })
}

/// What is asked of a relationship that a call may name, and of the power.
fn of_relationship(operation: Operation, vm: VmId, how: &mut Ways) -> Call {
    let named = |leg| RelationshipId { vm, leg };
    match operation {
        Operation::RemoveReplicationRelationship => {
            Call::RemoveReplicationRelationship { vm, relationship: relationship(how).map(named) }
        }
        Operation::GetReplicationStatistics => {
            Call::GetReplicationStatistics { vm, relationship: relationship(how).map(named) }
        }
        Operation::ResetReplicationStatistics => {
            Call::ResetReplicationStatistics { vm, relationship: relationship(how).map(named) }
        }
        _ if operation.is_replication() => {
            let unknown = how.one(&[5, 8, 16, 0, 77]);
            let requested = operation.requested_state().unwrap_or(unknown);
            let relationship = relationship(how).map(named);
            Call::RequestReplicationStateChange { vm, relationship, requested }
        }
        _ => {
            let unknown = how.one(&[8, 5, 7, 1, 77]);
            let requested = operation.requested_state().unwrap_or(unknown);
            Call::RequestStateChange { vm, requested }
        }
    }
}

/// Which relationship a call names, if it names one.
fn relationship(how: &mut Ways) -> Option<Leg> {
    how.one(&[None, Some(Leg::Primary), Some(Leg::Extended)])
}

/// Settings of a new relationship.
fn fresh(world: &World, host: HostId, how: &mut Ways) -> Option<Settings> {
    let kind = how.of(5);
    let to = other(world, host, how)?;
    Some(match kind {
        0 => Settings { recovery_history: 3, replication_interval_s: 30, ..Settings::to(to) },
        1 => Settings::to(to),
        2 => Settings {
            recovery_history: 4,
            application_consistent_interval_h: 1,
            replication_interval_s: 900,
            ..Settings::to(to)
        },
        3 => certified(to),
        _ => Settings { provider: PROVIDER, ..Settings::to(to) },
    })
}

/// Other settings of a relationship that there is.
fn changed(world: &World, host: HostId, vm: VmId, how: &mut Ways) -> Option<Settings> {
    let kind = how.of(6);
    let sends = |leg: &Leg| world.sends_to(host, RelationshipId { vm, leg: *leg }).is_some();
    let leg = [Leg::Primary, Leg::Extended].into_iter().find(sends)?;
    let base = world.settings(host, RelationshipId { vm, leg })?;
    let disks = |base: &Settings| match base.included_disks {
        Some(_) => None,
        None => Some(vec![DiskId(0)]),
    };
    Some(match kind {
        0..3 => Settings { included_disks: disks(&base), ..base },
        3 => Settings { recovery_history: 1, application_consistent_interval_h: 0, ..base },
        4 => Settings { replication_interval_s: how.one(&[30, 300, 900]), ..base },
        _ => {
            let to = other(world, host, how)?.to_owned();
            Settings { recovery_connection_point: to, ..base }
        }
    })
}

fn addresses(how: &mut Ways) -> FailoverNetworkAdapterSettings {
    let dhcp = how.of(3) == 2;
    let address = |text: &str| if dhcp { Vec::new() } else { vec![text.to_owned()] };
    FailoverNetworkAdapterSettings {
        adapter: AdapterId(0),
        protocol: IpProtocol::V4,
        dhcp,
        addresses: address("10.0.0.7"),
        subnets: address("255.255.255.0"),
        gateways: Vec::new(),
        dns_servers: Vec::new(),
    }
}
