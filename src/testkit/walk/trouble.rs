//! Disturbances and changes to machines.

use super::{Pick, nth};
use crate::engine::{
    Disturbance, Glance, HostChange, HostSpec, HostTrouble, Input, VmTrouble, Weakness, World,
};
use crate::model::{AdapterId, Certificate, Disk, DiskId, HostId, Plug, VmId, WindowsBuild};
use crate::script::Verb;
use crate::testkit::beginning::{PROVIDER, THUMBPRINT, provider};

/// A disturbance of this kind; `None` if there is nothing that it could happen to.
pub(in crate::testkit) fn disturbance(
    world: &World,
    verb: Verb,
    pick: Pick,
) -> Option<Disturbance> {
    let host = nth(world.host_ids(), pick.host.into())?;
    let how = pick.how;
    Some(match verb {
        Verb::Crash => Disturbance::CrashHost(host),
        Verb::ShutDown => Disturbance::ShutDownHost(host),
        Verb::Boot => Disturbance::BootHost(host),
        Verb::Cut | Verb::Mute | Verb::Slow | Verb::Lossy | Verb::Heal => {
            of_link(verb, host, other(world, host, pick)?, how)
        }
        Verb::Trouble | Verb::Relieve => {
            let begins = verb == Verb::Trouble;
            let kinds = HostTrouble::ALL.len() + VmTrouble::ALL.len();
            let kind = usize::from(how) % kinds;
            match kind.checked_sub(HostTrouble::ALL.len()) {
                None if begins => Disturbance::TroubleHost(host, HostTrouble::ALL[kind]),
                None => Disturbance::RelieveHost(host, HostTrouble::ALL[kind]),
                Some(kind) => {
                    let vm = vm(world, host, pick)?;
                    if begins {
                        Disturbance::TroubleVm(host, vm, VmTrouble::ALL[kind])
                    } else {
                        Disturbance::RelieveVm(host, vm, VmTrouble::ALL[kind])
                    }
                }
            }
        }
        Verb::ChangeDisks => Disturbance::ChangeDisks(host, vm(world, host, pick)?),
        Verb::CorruptLog => Disturbance::CorruptLog(host, vm(world, host, pick)?),
        Verb::CorruptUndoLog => {
            let vm = vm(world, host, pick)?;
            let points = world.recovery_points(host, vm)?;
            let point = points.get(usize::from(how).checked_rem(points.len())?)?;
            Disturbance::CorruptUndoLog(host, vm, point.id)
        }
        Verb::Delete => Disturbance::DeleteVm(host, vm(world, host, pick)?),
        Verb::Migrate => {
            let to = nth(world.host_ids().filter(|it| *it != host), how.into())?;
            Disturbance::MigrateVm(host, vm(world, host, pick)?, to)
        }
        Verb::Resize => {
            let capacity_bytes = [1 << 29, 1 << 30, 40 << 30, 80 << 30][usize::from(how % 4)];
            let disk = Disk { id: DiskId(0), capacity_bytes, used_bytes: 1 << 20 };
            Disturbance::ResizeDisk(host, vm(world, host, pick)?, disk)
        }
        Verb::Plug => {
            let plug = Plug { connected: how & 1 == 0, test_switch: how & 2 != 0 };
            Disturbance::PlugAdapter(host, vm(world, host, pick)?, AdapterId(0), plug)
        }
    })
}

/// What repairs a disturbance from outside; `None` if replication itself has to.
pub(in crate::testkit) const fn opposite(what: Disturbance) -> Option<Disturbance> {
    Some(match what {
        Disturbance::CutLink(a, b)
        | Disturbance::CutOneWay(a, b)
        | Disturbance::WeakenLink(a, b, _) => Disturbance::HealLink(a, b),
        Disturbance::CrashHost(host) | Disturbance::ShutDownHost(host) => {
            Disturbance::BootHost(host)
        }
        Disturbance::TroubleHost(host, it) => Disturbance::RelieveHost(host, it),
        Disturbance::TroubleVm(host, vm, it) => Disturbance::RelieveVm(host, vm, it),
        Disturbance::PlugAdapter(host, vm, adapter, plug) => {
            let plug = Plug { connected: !plug.connected, test_switch: plug.test_switch };
            Disturbance::PlugAdapter(host, vm, adapter, plug)
        }
        Disturbance::MigrateVm(from, vm, to) => Disturbance::MigrateVm(to, vm, from),
        _ => return None,
    })
}

fn of_link(verb: Verb, a: HostId, b: HostId, how: u16) -> Disturbance {
    match verb {
        Verb::Cut => Disturbance::CutLink(a, b),
        Verb::Mute => Disturbance::CutOneWay(a, b),
        Verb::Slow => Disturbance::WeakenLink(a, b, Weakness::Slow(1 << (14 + 2 * (how % 5)))),
        Verb::Lossy => Disturbance::WeakenLink(a, b, Weakness::Lossy(1 + u32::from(how % 5))),
        _ => Disturbance::HealLink(a, b),
    }
}

/// The other end of a link.
fn other(world: &World, host: HostId, pick: Pick) -> Option<HostId> {
    nth(world.host_ids().filter(|it| *it != host), pick.vm.into())
}

fn vm(world: &World, host: HostId, pick: Pick) -> Option<VmId> {
    nth(world.glance_at(host), pick.vm.into()).map(Glance::id)
}

/// A change to a machine, of which most repair what others break.
pub(super) fn change(world: &World, pick: Pick) -> Option<Input> {
    let host = nth(world.host_ids(), pick.host.into())?;
    let folder = || r"D:\Replica".to_owned();
    let change = match pick.how % 13 {
        0 => HostChange::RemoveCertificate(THUMBPRINT.to_owned()),
        1 => HostChange::InstallCertificate(Certificate::of(world.host_name(host)?, THUMBPRINT)),
        2 => HostChange::OccupyPort(80),
        3 => HostChange::ReleasePort(80),
        4 => HostChange::OccupyPort(443),
        5 => HostChange::ReleasePort(443),
        6 => HostChange::CloseFolder(folder()),
        7 => HostChange::OpenFolder(folder()),
        8 => HostChange::RemoveProvider(PROVIDER),
        9 => HostChange::RegisterProvider(provider()),
        10 => HostChange::LimitTransfers(1),
        11 => HostChange::LimitTransfers(HostSpec::MAX_ACTIVE_TRANSFERS),
        _ => HostChange::Upgrade(WindowsBuild::Server2022),
    };
    Some(Input::Configure { host, change })
}
