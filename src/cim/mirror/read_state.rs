//! What virtual machines, relationships, recovery points and hosts are, of their instances.

use super::names;
use super::read::{Read, Record};
use crate::model::{
    EnabledState, Guid, RecoveryPoint, RecoveryPointKind, Relationship, RelationshipId,
    ReplicationHealth, ReplicationMode, ReplicationProvider, ReplicationState, ReplicationType,
    RequestedState, Vm, VmId, WindowsBuild,
};

/// The virtual machine that a row of `Msvm_ComputerSystem` is; `None` of the host's own row, whose
/// `Name` is no GUID. Descriptions tell them apart as well, but each Windows has its own language.
pub(crate) fn vm_id(it: Record<'_>) -> Read<Option<VmId>> {
    Ok(it.text("Name")?.and_then(|name| name.parse().ok()))
}

/// A virtual machine, without its test replica, which is linked with it.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem>
pub(crate) fn vm(it: Record<'_>, test_replica: Option<VmId>) -> Read<Vm> {
    Ok(Vm {
        id: vm_id(it)?.ok_or_else(|| it.wrong("Name", "the GUID of a virtual machine"))?,
        name: it.text("ElementName")?.unwrap_or_default().into(),
        mode: it.known("ReplicationMode")?.unwrap_or(ReplicationMode::None),
        // Of a virtual machine that has lost its storage, of one that is being saved fast: pages
        // number such states differently.
        power: it.known_or("EnabledState", EnabledState::Other)?.unwrap_or(EnabledState::Unknown),
        requested: requested(it)?,
        health: it.known("HealthState")?.unwrap_or_default(),
        test_replica,
    })
}

/// The power that was asked for: 5 is “no change”, 12 “not applicable”.
fn requested(it: Record<'_>) -> Read<Option<RequestedState>> {
    match it.number::<u32>("RequestedState")? {
        None | Some(5 | 12) => Ok(None),
        Some(_) => it.known("RequestedState"),
    }
}

/// A relationship. Before Windows Server 2012 R2 the virtual machine itself has these properties,
/// but for `LastApplyTime`.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship>
pub(crate) fn relationship(it: Record<'_>, id: RelationshipId) -> Read<Relationship> {
    let kind =
        |property| Ok::<_, super::Unreadable>(it.known(property)?.unwrap_or(ReplicationType::None));
    Ok(Relationship {
        id,
        state: it.given("ReplicationState", |it, property| {
            it.known_or(property, ReplicationState::Unknown)
        })?,
        health: it.known("ReplicationHealth")?.unwrap_or(ReplicationHealth::NotApplicable),
        failed_over: kind("FailedOverReplicationType")?,
        last_type: kind("LastReplicationType")?,
        last_replication: it.time("LastReplicationTime")?,
        last_apply: it.time("LastApplyTime")?,
        last_application_consistent: it.time("LastApplicationConsistentReplicationTime")?,
    })
}

/// What every type of a recovery point begins with; other snapshots have other types.
const OF_REPLICA: &str = "Microsoft:Hyper-V:Snapshot:Replica:";

/// A recovery point; `None` of a checkpoint, which is of the same class. How far the guest's writes
/// reach in it no property tells: 0.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-virtualsystemsettingdata>
pub(crate) fn recovery_point(it: Record<'_>) -> Read<Option<RecoveryPoint>> {
    let kind = it.text("VirtualSystemType")?.unwrap_or_default();
    let known = RecoveryPointKind::ALL.iter().find(|it| it.label().eq_ignore_ascii_case(&kind));
    let Some(kind) = known else {
        let begins = kind.get(..OF_REPLICA.len());
        return match begins {
            Some(head) if head.eq_ignore_ascii_case(OF_REPLICA) => {
                Err(it.wrong("VirtualSystemType", "the type of a recovery point"))
            }
            _ => Ok(None),
        };
    };
    let id = |it: Record<'_>, property: &str| {
        let expected = "`Microsoft:` and a GUID";
        it.parsed(property, expected, |text| names::bare(text)?.parse().ok())
    };
    Ok(Some(RecoveryPoint {
        id: it.given("InstanceID", id)?,
        kind: *kind,
        created: it.given("CreationTime", Record::time)?,
        position: 0,
    }))
}

/// A provider.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationprovider>
pub(crate) fn provider(it: Record<'_>) -> Read<ReplicationProvider> {
    let guid = |it: Record<'_>, property: &str| {
        it.parsed(property, "a GUID", |text| text.parse::<Guid>().ok())
    };
    Ok(ReplicationProvider {
        name: it.given("Name", guid)?,
        element_name: it.string_or_empty("ElementName")?,
    })
}

/// The Windows of a host. What replication can do came with the Windows that have names here, so
/// that one between two of them is the older.
///
/// <https://learn.microsoft.com/windows/win32/cimwin32prov/win32-operatingsystem>
pub(crate) fn build(it: Record<'_>) -> Read<WindowsBuild> {
    let number: u32 = it.given("BuildNumber", Record::number)?;
    let known = WindowsBuild::ALL.iter().rev().find(|it| u32::from(it.to_wire()) <= number);
    known.copied().ok_or_else(|| it.wrong("BuildNumber", "9200, Windows Server 2012, or later"))
}
