//! Who may call, and what Windows does not implement.

use super::*;

behaviours! { "Rights";
    a_stranger_is_refused:
        "who is no administrator is refused with 32769",
        Documented(LEARN_FAILOVER), [Stranger];
    the_service_itself_is_not_controlled:
        "StartService, StopService and RequestStateChange of the service return 1",
        Assumed("the pages list 0 and 1 alone, and 1 says “not supported”");
}

pub(crate) fn a_stranger_is_refused(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let stranger = t.fixture().stranger(Place::First)?;
    let site = Site::new(stranger, Place::First, t.fixture().patience());
    let denied = &[ErrorCode::AccessDenied];
    site.refuses(site.suspend_replication(id), denied)?;
    site.refuses(site.remove_replication_relationship(id), denied)?;
    site.refuses(site.start_vm(id.vm), denied)?;
    t.first().is_still(id, ReplicationState::Replicating)
}

pub(crate) fn the_service_itself_is_not_controlled(t: &Trial<'_>) -> Checked {
    let calls =
        [Call::StartService, Call::StopService, Call::RequestServiceStateChange { requested: 3 }];
    for call in calls {
        match t.first().call(&call) {
            Err(Error::NotImplemented(_)) => {}
            Ok(outcome) => {
                let seen = outcome.return_value();
                return t.first().deviates(call.operation(), "1, not supported", seen);
            }
            Err(error) => return t.first().deviates(call.operation(), "1, not supported", error),
        }
    }
    let status = t.first().host()?.status;
    t.first().same("OperationalStatus", &crate::model::ServiceStatus::Ok, &status)
}
