//! Hosts over COM: this machine, or another one that trusts who runs this.

use hyperv_replica::cim::CimService;
use hyperv_replica::wmi::{Client, Options};

/// Hyper-V Replica of a host over COM.
pub(super) type OverCom = CimService<Client>;

/// A client of a host, by default of this machine.
pub(super) fn connect(host: Option<&str>) -> Result<OverCom, String> {
    let options = host.map_or_else(Options::local, Options::remote);
    let client = Client::connect(options).map_err(|error| {
        let host = host.unwrap_or("this machine");
        format!("{host} cannot be reached over COM: {error}")
    })?;
    Ok(CimService::new(client))
}
