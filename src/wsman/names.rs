//! Namespaces and the other addresses that are only names.

/// SOAP 1.2.
pub(super) const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
/// WS-Addressing, the version of August 2004.
pub(super) const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
/// WS-Transfer: Get, Put, Create, Delete.
pub(super) const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
/// WS-Enumeration: Enumerate, Pull, Release.
pub(super) const ENUMERATION: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
/// WS-Eventing: Subscribe, Renew, Unsubscribe.
pub(super) const EVENTING: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing";
/// WS-Management itself.
pub(super) const WSMAN: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
/// Microsoft's headers.
pub(super) const MICROSOFT: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd";
/// The binding of CIM: filters by association.
pub(super) const CIM_BINDING: &str = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd";
/// Simple types of CIM.
pub(super) const CIM: &str = "http://schemas.dmtf.org/wbem/wscim/1/common";
/// `xsi:nil`, `xsi:type`.
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The detail of Microsoft's faults.
pub(super) const WSMAN_FAULT: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault";
/// The configuration of the service, a resource.
pub(super) const CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";
/// Identify.
pub(super) const IDENTITY: &str = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";
/// Identify, as [MS-WSMV] prints it.
pub(super) const IDENTITY_MS: &str =
    "http://schemas.dmtf.org/wbem/wsman/identify/1/wsmanidentity.xsd";
/// Where a reply goes that goes back on the connection.
pub(super) const ANONYMOUS: &str =
    "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
/// In front of a namespace and a class of WMI.
pub(super) const WMI: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";
/// In front of a class, whose namespace is a selector.
pub(super) const DMTF: &str = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
/// All classes, whose namespace is a selector: where queries are asked.
pub(super) const DMTF_ALL: &str = "http://schemas.dmtf.org/wbem/wscim/1/*";
/// Classes themselves, as CIM-XML.
pub(super) const CIM_XML: &str = "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/";
/// In front of what exactly is wrong.
pub(super) const FAULT_DETAIL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/";
/// The selector that names a namespace.
pub(super) const CIM_NAMESPACE: &str = "__cimnamespace";

/// The dialect of filters that is WQL.
pub(super) const WQL: &str = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
/// The dialect of filters that is DMTF's query language, of which WQL is nearly a subset.
pub(super) const CQL: &str = "http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf";
/// The dialect of filters that follows associations.
pub(super) const ASSOCIATION_FILTER: &str =
    "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter";
/// The dialect of filters that is a set of selectors.
pub(super) const SELECTOR_FILTER: &str =
    "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter";
/// Delivery of events by pulling them.
pub(super) const PULL_DELIVERY: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull";
