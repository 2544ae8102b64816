//! Faults: what is wrong, as SOAP says it, and as a [`CimClient`](crate::cim::CimClient) does.
//!
//! The subcodes are those of DSP0226 and of the specifications it stands on. The numbers beside them
//! are those of `WsmErr.h`, which Windows puts into the detail; some clients read nothing else.

use super::names::{
    ADDRESSING, CIM, CIM_BINDING, DMTF, ENUMERATION, EVENTING, FAULT_DETAIL, SOAP, TRANSFER, WSMAN,
    WSMAN_FAULT, XSI,
};
use super::soap::{self, Family};
use super::xml::Xml;
use crate::cim::text::xml::Element;
use crate::cim::{Error, WbemStatus};

/// Declares the subcodes once: who is to blame, the qualified name, Windows's number, a sentence.
macro_rules! subcodes {
    ($($(#[$doc:meta])* $variant:ident = $role:literal, $name:literal, $code:literal, $why:literal;)+) => {
        /// What kind of thing is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Subcode {
            $($(#[$doc])* $variant,)+
        }

        impl Subcode {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            const fn role(self) -> &'static str {
                match self { $(Self::$variant => $role,)+ }
            }

            /// The qualified name, with the prefix that envelopes of faults declare.
            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            const fn code(self) -> u32 {
                match self { $(Self::$variant => $code,)+ }
            }

            const fn reason(self) -> &'static str {
                match self { $(Self::$variant => $why,)+ }
            }
        }
    };
}

subcodes! {
    /// A header that must be understood is not.
    MustUnderstand = "s:MustUnderstand", "", 0x8033_8010, "A header that must be understood is not.";
    InvalidHeader = "s:Sender", "a:InvalidMessageInformationHeader", 0x8033_800F, "A header is not valid.";
    HeaderRequired = "s:Sender", "a:MessageInformationHeaderRequired", 0x8033_8011, "A header is missing.";
    DestinationUnreachable = "s:Sender", "a:DestinationUnreachable", 0x8033_8000, "There is no resource with this URI and these selectors.";
    ActionNotSupported = "s:Sender", "a:ActionNotSupported", 0x8033_8013, "The action is not supported.";
    InvalidRepresentation = "s:Sender", "x:InvalidRepresentation", 0x8033_8015, "The object that was handed in is not valid.";
    FilterDialectUnavailable = "s:Sender", "n:FilterDialectRequestedUnavailable", 0x8033_8019, "The dialect of the filter is not supported.";
    CannotProcessFilter = "s:Sender", "n:CannotProcessFilter", 0x8033_801A, "The filter is missing or not valid.";
    InvalidEnumerationContext = "s:Sender", "n:InvalidEnumerationContext", 0x8033_801B, "There is no such enumeration, or no longer.";
    DeliveryModeUnavailable = "s:Sender", "e:DeliveryModeRequestedUnavailable", 0x8033_801E, "Events are not delivered in this way.";
    InvalidExpirationTime = "s:Sender", "e:InvalidExpirationTime", 0x8033_801F, "The time of expiry is not valid.";
    UnableToRenew = "s:Receiver", "e:UnableToRenew", 0x8033_8024, "There is no such subscription, or no longer.";
    InvalidMessage = "s:Sender", "e:InvalidMessage", 0x8033_8025, "The message of eventing is not valid.";
    TimedOut = "s:Receiver", "w:TimedOut", 0x8033_8029, "The operation did not complete within its time.";
    Concurrency = "s:Sender", "w:Concurrency", 0x8033_8032, "The resource is in use by another operation.";
    EncodingLimit = "s:Sender", "w:EncodingLimit", 0x8033_8035, "A limit of the encoding is exceeded.";
    InvalidParameter = "s:Sender", "w:InvalidParameter", 0x8033_803A, "A parameter of the operation is not valid.";
    InvalidSelectors = "s:Sender", "w:InvalidSelectors", 0x8033_803D, "The selectors are not those of the resource.";
    QuotaLimit = "s:Sender", "w:QuotaLimit", 0x8033_81A5, "A limit of the service is reached.";
    SchemaValidation = "s:Sender", "w:SchemaValidationError", 0x8033_8041, "The XML is not what the schema declares.";
    UnsupportedFeature = "s:Sender", "w:UnsupportedFeature", 0x8033_8042, "The feature is not supported.";
    AccessDenied = "s:Sender", "w:AccessDenied", 5, "Access is denied.";
    InternalError = "s:Receiver", "w:InternalError", 0x8033_8102, "The service cannot process the request.";
}

/// Prefixes of subcodes with their namespaces, and the action of a fault of each family.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("a", ADDRESSING, "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault"),
    ("x", TRANSFER, "http://schemas.xmlsoap.org/ws/2004/09/transfer/fault"),
    ("n", ENUMERATION, "http://schemas.xmlsoap.org/ws/2004/09/enumeration/fault"),
    ("e", EVENTING, "http://schemas.xmlsoap.org/ws/2004/08/eventing/fault"),
    ("w", WSMAN, "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"),
];

impl Subcode {
    fn split(self) -> (&'static str, &'static str) {
        self.name().split_once(':').unwrap_or(("a", ""))
    }

    fn action(self) -> &'static str {
        let prefix = self.split().0;
        FAMILIES.iter().find(|(it, _, _)| *it == prefix).map_or("", |(_, _, action)| *action)
    }

    fn named(namespace: Option<&str>, local: &str) -> Option<Self> {
        let (prefix, _, _) = FAMILIES.iter().find(|(_, it, _)| Some(*it) == namespace)?;
        Self::ALL.iter().copied().find(|it| it.split() == (*prefix, local) && !local.is_empty())
    }
}

/// What an operation of WMI is called in the extended status of its failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    GetObject,
    ExecQuery,
    PutInstance,
    ExecMethod,
    ExecNotificationQuery,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::GetObject => "GetObject",
            Self::ExecQuery => "ExecQuery",
            Self::PutInstance => "PutInstance",
            Self::ExecMethod => "ExecMethod",
            Self::ExecNotificationQuery => "ExecNotificationQuery",
        }
    }
}

/// A fault that is to be said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    subcode: Subcode,
    /// What exactly, of those that the specification lists.
    detail: Option<&'static str>,
    code: u32,
    why: String,
    provider: Option<Provider>,
}

/// What WMI said.
#[derive(Clone, Debug, PartialEq)]
struct Provider {
    status: WbemStatus,
    operation: Operation,
    /// What the operation was about: a path or a query.
    parameter: String,
    /// Whether Windows says it by an instance of `MSFT_WmiError`, as newer ones do.
    is_instance: bool,
}

impl Fault {
    /// A fault of the protocol; `why` is a sentence without a full stop.
    pub(super) fn new(subcode: Subcode, why: impl Into<String>) -> Self {
        let code = subcode.code();
        Self { subcode, detail: None, code, why: why.into(), provider: None }
    }

    /// The same with what exactly is wrong, of those that DSP0226 lists.
    #[must_use]
    pub(super) fn detail(self, detail: &'static str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// The same with a more specific number.
    #[must_use]
    pub(super) fn code(self, code: u32) -> Self {
        Self { code, ..self }
    }

    /// A selector that is none of the resource's keys.
    pub(super) fn unexpected_selector(name: &str) -> Self {
        let fault = Self::new(Subcode::InvalidSelectors, format!("`{name}` is no key"));
        fault.detail("UnexpectedSelectors").code(0x8033_805B)
    }

    /// A resource that nobody can tell from others by the selectors that are there.
    pub(super) fn insufficient_selectors() -> Self {
        let fault = Self::new(Subcode::InvalidSelectors, "no selector names a key");
        fault.detail("InsufficientSelectors").code(0x8033_805A)
    }

    /// What an operation of WMI failed with.
    pub(super) fn of(error: &Error, operation: Operation, parameter: &str) -> Self {
        let (status, why) = match error {
            Error::Status { status, why } => (*status, why.clone()),
            Error::Transport(source) => return Self::new(Subcode::TimedOut, source.to_string()),
            Error::Malformed(source) => {
                return Self::new(Subcode::InternalError, source.to_string());
            }
        };
        let is_query = matches!(operation, Operation::ExecQuery | Operation::ExecNotificationQuery);
        let (subcode, detail) = match status {
            WbemStatus::ACCESS_DENIED => (Subcode::AccessDenied, None),
            WbemStatus::QUOTA_VIOLATION => (Subcode::QuotaLimit, None),
            _ if is_query && Self::is_of_the_query(status) => (Subcode::CannotProcessFilter, None),
            WbemStatus::NOT_FOUND | WbemStatus::INVALID_CLASS | WbemStatus::INVALID_NAMESPACE => {
                (Subcode::DestinationUnreachable, Some("InvalidResourceURI"))
            }
            WbemStatus::INVALID_OBJECT_PATH => {
                (Subcode::InvalidSelectors, Some("UnexpectedSelectors"))
            }
            _ => (Subcode::InternalError, None),
        };
        let is_instance =
            matches!(status, WbemStatus::QUOTA_VIOLATION | WbemStatus::INVALID_NAMESPACE);
        let parameter = parameter.to_owned();
        let provider = Some(Provider { status, operation, parameter, is_instance });
        Self { detail, provider, ..Self::new(subcode, why) }
    }

    /// Whether a query fails so because of what it says.
    fn is_of_the_query(status: WbemStatus) -> bool {
        matches!(
            status,
            WbemStatus::INVALID_CLASS
                | WbemStatus::INVALID_NAMESPACE
                | WbemStatus::INVALID_PROPERTY
                | WbemStatus::INVALID_QUERY
                | WbemStatus::INVALID_QUERY_TYPE
                | WbemStatus::NOT_FOUND
                | WbemStatus::UNPARSABLE_QUERY
        )
    }

    /// Writes the whole message. `machine` is the host as it calls itself.
    pub(super) fn write(
        &self,
        message_id: &str,
        relates_to: Option<&str>,
        machine: &str,
    ) -> String {
        soap::reply(Family::Fault, self.subcode.action(), message_id, relates_to, |it| {
            it.element("s:Fault", &[], |it| {
                it.element("s:Code", &[], |it| {
                    it.leaf("s:Value", self.subcode.role());
                    if !self.subcode.name().is_empty() {
                        it.element("s:Subcode", &[], |it| it.leaf("s:Value", self.subcode.name()));
                    }
                });
                it.element("s:Reason", &[], |it| {
                    let language = [("xml:lang", "en-US")];
                    it.element("s:Text", &language, |it| it.text(self.subcode.reason()));
                });
                it.element("s:Detail", &[], |it| {
                    if let Some(detail) = self.detail {
                        it.leaf("w:FaultDetail", &format!("{FAULT_DETAIL}{detail}"));
                    }
                    match &self.provider {
                        Some(provider) if provider.is_instance => self.wmi_error(it, provider),
                        _ => self.wsman_fault(it, machine),
                    }
                });
            });
        })
    }

    fn wsman_fault(&self, xml: &mut Xml, machine: &str) {
        let code = self.code.to_string();
        let attributes = [("xmlns:f", WSMAN_FAULT), ("Code", &*code), ("Machine", machine)];
        xml.element("f:WSManFault", &attributes, |it| {
            it.element("f:Message", &[], |it| match &self.provider {
                None => it.text(&self.why),
                Some(provider) => self.provider_fault(it, provider, machine),
            });
        });
    }

    fn provider_fault(&self, xml: &mut Xml, provider: &Provider, machine: &str) {
        let path = r"%systemroot%\system32\WsmWmiPl.dll";
        let attributes = [("provider", "WMI Provider"), ("path", path)];
        // What has a number of its own in this protocol keeps it; else WMI's stands here.
        let code = match self.subcode {
            Subcode::InternalError => provider.status.0,
            _ => self.code,
        };
        let code = code.to_string();
        xml.element("f:ProviderFault", &attributes, |it| {
            let attributes = [("xmlns:f", WSMAN_FAULT), ("Code", &*code), ("Machine", machine)];
            it.element("f:WSManFault", &attributes, |it| it.leaf("f:Message", &self.why));
            it.element("f:ExtendedError", &[], |it| Self::extended_status(it, provider));
        });
    }

    /// <https://learn.microsoft.com/windows/win32/wmisdk/--extendedstatus>
    fn extended_status(xml: &mut Xml, provider: &Provider) {
        let uri = format!("{DMTF}__ExtendedStatus");
        let attributes = [
            ("xmlns:xsi", XSI),
            ("xmlns:p", &*uri),
            ("xmlns:cim", CIM),
            ("xsi:type", "p:__ExtendedStatus_Type"),
        ];
        let string = [("xsi:type", "cim:cimString")];
        xml.element("p:__ExtendedStatus", &attributes, |it| {
            it.empty(&["p:Description"], &[("xsi:nil", "true"), string[0]]);
            it.element("p:Operation", &string, |it| it.text(provider.operation.name()));
            it.element("p:ParameterInfo", &string, |it| it.text(&provider.parameter));
            it.element("p:ProviderName", &string, |it| it.text("WinMgmt"));
            let number = [("xsi:type", "cim:cimUnsignedInt")];
            it.element("p:StatusCode", &number, |it| it.raw(&provider.status.0.to_string()));
        });
    }

    fn wmi_error(&self, xml: &mut Xml, provider: &Provider) {
        let uri = format!("{DMTF}MSFT_WmiError");
        let attributes = [
            ("b:IsCIM_Error", "true"),
            ("xmlns:b", CIM_BINDING),
            ("xmlns:cim", CIM),
            ("xmlns:p", &*uri),
            ("xsi:type", "p:MSFT_WmiError_Type"),
            ("xmlns:xsi", XSI),
        ];
        xml.element("p:MSFT_WmiError", &attributes, |it| {
            let string = |it: &mut Xml, name: &str, text: &str| {
                it.element(name, &[("xsi:type", "cim:cimString")], |it| it.text(text));
            };
            let number = |it: &mut Xml, name: &str, number: u32| {
                let of = [("xsi:type", "cim:cimUnsignedInt")];
                it.element(name, &of, |it| it.raw(&number.to_string()));
            };
            string(it, "p:Message", &self.why);
            string(it, "p:MessageID", &format!("HRESULT 0x{:08x}", provider.status.0));
            number(it, "p:error_Code", self.code);
            string(it, "p:error_Type", "HRESULT");
            string(it, "p:error_WindowsErrorMessage", self.subcode.reason());
        });
    }

    /// What a fault that came back means to who asked: the number of WMI if it has one, else what
    /// its subcode or the number beside it stands for.
    pub(super) fn read(fault: &Element<'_>) -> Error {
        let value = |code: &Element<'_>| {
            let value = code.child(SOAP, "Value")?;
            let (namespace, local) = value.resolve(value.text.trim());
            Subcode::named(namespace, local)
        };
        let code = fault.child(SOAP, "Code").and_then(|it| it.child(SOAP, "Subcode"));
        let subcode = code.and_then(value);
        let detail = fault.child(SOAP, "Detail").map(Detail::read).unwrap_or_default();
        let reason = fault.child(SOAP, "Reason").and_then(|it| it.child(SOAP, "Text"));
        let why =
            detail.message.or_else(|| reason.map(|it| it.text.to_string())).unwrap_or_default();
        let why = why.trim().trim_end_matches('.').to_owned();
        let by_code = || {
            let is_it = |it: &&Subcode| detail.codes.first() == Some(&it.code());
            Subcode::ALL.iter().find(is_it).copied()
        };
        let status = detail.status.or_else(|| {
            let of_wmi = |code: &&u32| *code >> 16 == 0x8004;
            detail.codes.iter().rev().find(of_wmi).copied().map(WbemStatus)
        });
        match (status, subcode.or_else(by_code)) {
            (Some(status), _) => Error::status(status, why),
            (None, Some(Subcode::TimedOut)) => Error::Transport(why.into()),
            (None, Some(subcode)) => Error::status(subcode.status(), why),
            (None, None) => Error::status(WbemStatus::FAILED, why),
        }
    }
}

impl Subcode {
    /// What it means when nothing more specific is said.
    const fn status(self) -> WbemStatus {
        match self {
            Self::DestinationUnreachable => WbemStatus::NOT_FOUND,
            Self::CannotProcessFilter => WbemStatus::INVALID_QUERY,
            Self::FilterDialectUnavailable => WbemStatus::INVALID_QUERY_TYPE,
            Self::InvalidSelectors => WbemStatus::INVALID_OBJECT_PATH,
            Self::AccessDenied => WbemStatus::ACCESS_DENIED,
            Self::QuotaLimit => WbemStatus::QUOTA_VIOLATION,
            Self::SchemaValidation => WbemStatus::INVALID_METHOD_PARAMETERS,
            Self::InvalidRepresentation => WbemStatus::INVALID_OBJECT,
            Self::InvalidParameter => WbemStatus::INVALID_PARAMETER,
            Self::ActionNotSupported | Self::UnsupportedFeature | Self::DeliveryModeUnavailable => {
                WbemStatus::NOT_SUPPORTED
            }
            _ => WbemStatus::FAILED,
        }
    }
}

/// What the detail of a fault says, whichever of its forms it has.
#[derive(Debug, Default)]
struct Detail {
    /// The numbers of Microsoft's faults, the outer one first.
    codes: Vec<u32>,
    status: Option<WbemStatus>,
    /// The innermost message.
    message: Option<String>,
}

impl Detail {
    fn read(element: &Element<'_>) -> Self {
        let mut detail = Self::default();
        detail.visit(element);
        detail
    }

    /// The depth of what was read is bounded already.
    fn visit(&mut self, element: &Element<'_>) {
        let text = element.text.trim();
        let number = || text.parse::<u32>().ok();
        match element.local() {
            "WSManFault" => {
                let code = element.local_attribute("Code").map(|it| it.trim().parse::<u32>());
                self.codes.extend(code.and_then(Result::ok));
            }
            "Message" if !text.is_empty() => self.message = Some(text.to_owned()),
            "error_WindowsErrorMessage" if self.message.is_none() => {
                self.message = Some(text.to_owned());
            }
            "StatusCode" => self.status = number().map(WbemStatus).or(self.status),
            "MessageID" => {
                let hex = text.strip_prefix("HRESULT 0x");
                let code = hex.and_then(|it| u32::from_str_radix(it, 16).ok());
                self.codes.extend(code);
            }
            "error_Code" => self.codes.extend(number()),
            _ => {}
        }
        element.children.iter().for_each(|it| self.visit(it));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::soap::Envelope;

    fn there_and_back(error: &Error, operation: Operation) -> Error {
        let message = Fault::of(error, operation, "it").write("uuid:1", Some("uuid:0"), "TOKYO");
        let envelope = Envelope::read(&message).expect("an envelope");
        Fault::read(&envelope.body.expect("a fault"))
    }

    /// Whatever WMI says arrives as it was said, whatever the protocol makes of it.
    #[test]
    fn every_status_travels() {
        use Operation::{ExecMethod, ExecNotificationQuery, ExecQuery, GetObject};
        for status in WbemStatus::NAMED {
            for operation in [GetObject, ExecQuery, ExecMethod, ExecNotificationQuery] {
                let error = Error::status(*status, "`a` < \"b\" & c");
                let back = there_and_back(&error, operation);
                assert_eq!(back.to_string(), error.to_string(), "{operation:?}");
            }
        }
    }

    #[test]
    fn what_may_have_happened_stays_so() {
        let back = there_and_back(&Error::Transport("gone".into()), Operation::ExecMethod);
        assert!(matches!(back, Error::Transport(_)), "{back}");
    }

    /// The faults that Windows is known to say, without anything of WMI in them, by DSP0226's names.
    #[test]
    fn a_subcode_alone_says_something() {
        for (name, namespace, status) in [
            ("AccessDenied", WSMAN, WbemStatus::ACCESS_DENIED),
            ("InvalidSelectors", WSMAN, WbemStatus::INVALID_OBJECT_PATH),
            ("DestinationUnreachable", ADDRESSING, WbemStatus::NOT_FOUND),
            ("CannotProcessFilter", ENUMERATION, WbemStatus::INVALID_QUERY),
            ("Nonsense", WSMAN, WbemStatus::FAILED),
        ] {
            let text = format!(
                r#"<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value>
                   <s:Subcode><s:Value xmlns:q="{namespace}">q:{name}</s:Value></s:Subcode></s:Code>
                   <s:Reason><s:Text xml:lang="en">No.</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"#
            );
            let envelope = Envelope::read(&text).expect("an envelope");
            let error = Fault::read(&envelope.body.expect("a fault"));
            assert_eq!(error.to_string(), format!("{status}: No"));
        }
    }
}
