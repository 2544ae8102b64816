//! Reading the host, its replica server, and whom that lets in.

use super::{Cim, CimService, understood, unread};
use crate::cim::CimClientExt;
use crate::cim::mirror::names::class;
use crate::cim::mirror::read::Record;
use crate::cim::mirror::{read_settings, read_state};
use crate::cim::{CimClient, Instance, Keys, Namespace, ObjectPath, WbemStatus};
use crate::error::{Missing, Result};
use crate::model::{AuthorizationEntry, Host, ServiceSettings};

/// The namespace that describes a computer and its Windows.
const COMPUTER: &str = r"root\cimv2";

fn of_computer(class: &str, keys: Keys) -> ObjectPath {
    let namespace = Namespace { host: None, name: COMPUTER.into() };
    ObjectPath { namespace: Some(namespace), keys, ..ObjectPath::class(class) }
}

impl<C: CimClient> CimService<C> {
    pub(super) fn read_host(&self) -> Result<Host> {
        let missing = || unread(Missing::Host);
        let service = self.only(class::SERVICE).map_err(missing())?;
        let windows = of_computer(class::OPERATING_SYSTEM, Keys::Singleton);
        let windows = self.client.get(&windows).map_err(missing())?;
        let providers = self.all(class::PROVIDER).map_err(missing())?;

        let it = Record::of(&service);
        let name = understood(it.given("SystemName", Record::string))?;
        let status = understood(it.given("OperationalStatus", Record::first_known))?;
        let build = understood(read_state::build(Record::of(&windows)))?;
        let utc_offset_min = understood(Record::of(&windows).number("CurrentTimeZone"))?;
        let providers = providers.iter().map(|it| read_state::provider(Record::of(it)));
        let mut providers = understood(providers.collect::<std::result::Result<Vec<_>, _>>())?;
        providers.sort();
        let name = self.full_name(name).map_err(missing())?.into();
        let utc_offset_min = utc_offset_min.unwrap_or(0);
        Ok(Host { name, build, utc_offset_min, status, providers: providers.into() })
    }

    /// The name by which other hosts know a host, of the one it has by itself: with its domain, if
    /// it is in one and whoever answers knows.
    ///
    /// <https://learn.microsoft.com/windows/win32/cimwin32prov/win32-computersystem>
    fn full_name(&self, name: String) -> Cim<String> {
        if name.contains('.') {
            return Ok(name);
        }
        let of_name = ObjectPath::class(class::COMPUTER).with("Name", name.as_str()).keys;
        let computer = match self.client.get(&of_computer(class::COMPUTER, of_name)) {
            Ok(computer) => computer,
            Err(error) if is_unknown(&error) => return Ok(name),
            Err(error) => return Err(error),
        };
        let it = Record::of(&computer);
        let text = |property| it.string_or_empty(property).map_err(crate::cim::Error::malformed);
        let in_domain = it.flag("PartOfDomain").map_err(crate::cim::Error::malformed)?;
        let (host, domain) = (text("DNSHostName")?, text("Domain")?);
        Ok(match in_domain {
            Some(true) if !host.is_empty() && !domain.is_empty() => format!("{host}.{domain}"),
            _ => name,
        })
    }

    pub(super) fn read_service_settings(&self) -> Result<ServiceSettings> {
        let shown = self.only(class::SERVICE_SETTINGS).map_err(unread(Missing::Host))?;
        let over = ServiceSettings::default();
        understood(read_settings::service_settings(Record::of(&shown), over))
    }

    pub(super) fn read_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        let shown = self.client.enumerate(class::AUTHORIZATION).map_err(unread(Missing::Host))?;
        let entries = shown.iter().map(entry);
        let mut entries = entries.collect::<Result<Vec<_>>>()?;
        entries.sort_by_cached_key(|it| it.allowed_primary.to_lowercase());
        Ok(entries)
    }
}

fn entry(shown: &Instance) -> Result<AuthorizationEntry> {
    let none = AuthorizationEntry {
        allowed_primary: String::new(),
        trust_group: String::new(),
        storage_location: String::new(),
    };
    understood(read_settings::entry(Record::of(shown), none))
}

/// Whether nobody there knows of it: not of the object, its class or its namespace.
fn is_unknown(error: &crate::cim::Error) -> bool {
    matches!(
        error.wbem_status(),
        Some(
            WbemStatus::NOT_FOUND
                | WbemStatus::INVALID_CLASS
                | WbemStatus::INVALID_NAMESPACE
                | WbemStatus::NOT_SUPPORTED
        )
    )
}
