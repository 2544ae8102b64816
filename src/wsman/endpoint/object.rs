//! Requests about one object: Get, Put, and its methods.

use super::{Asked, Endpoint, Target, metadata, unsupported};
use crate::cim::wql::Select;
use crate::cim::{CimClient, CimClientExt, Error, Keys, ObjectPath, WbemStatus};
use crate::wsman::fault::{Fault, Operation, Subcode};
use crate::wsman::names::{CIM_NAMESPACE, CONFIG, TRANSFER};
use crate::wsman::resource::{Resource, Selected, Selectors, path_of};
use crate::wsman::soap::Family;

impl<C: CimClient + Send + Sync + 'static> Endpoint<C> {
    pub(super) fn get(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        let action = format!("{TRANSFER}/GetResponse");
        match asked.resource()? {
            Resource::Config => {
                let size = (self.limits.envelope_bytes >> 10).to_string();
                Ok(self.reply(asked, Family::Transfer, &action, |it| {
                    it.element("cfg:Config", &[("xmlns:cfg", CONFIG)], |it| {
                        it.leaf("cfg:MaxEnvelopeSizekb", &size);
                    });
                }))
            }
            Resource::Metadata => self.get_class(asked, &action),
            Resource::All(..) | Resource::Other => Err(asked.no_resource()),
            Resource::Class(_) => {
                let target = self.target(asked)?;
                let path = self.object(asked, &target)?;
                let path = path.ok_or_else(Fault::insufficient_selectors)?;
                let found = target.place.client.get(&path);
                let found =
                    found.map_err(|it| Fault::of(&it, Operation::GetObject, &path.to_string()))?;
                let text = self.reply(asked, Family::Transfer, &action, |it| {
                    target.codec.instance(it, &found);
                });
                self.fitting(asked, text)
            }
        }
    }

    /// The declaration of a class, which the selector `ClassName` names.
    fn get_class(&self, asked: &Asked<'_>, action: &str) -> Result<String, Fault> {
        let target = self.target(asked)?;
        let name = asked.header.selectors.0.iter().find_map(|(name, value)| match value {
            Selected::Text(text) if name.eq_ignore_ascii_case("ClassName") => Some(text.trim()),
            _ => None,
        });
        let name = name.ok_or_else(Fault::insufficient_selectors)?;
        let class = target.declared(name, Operation::GetObject)?;
        let text = self.reply(asked, Family::Transfer, action, |it| metadata::class(it, class));
        self.fitting(asked, text)
    }

    /// No class of Hyper-V is written in this way: what they offer are methods. A request is
    /// refused for what is wrong with it first.
    pub(super) fn put(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        let target = self.target(asked)?;
        if target.class.is_none() {
            return Err(asked.no_resource());
        }
        let path = self.object(asked, &target)?.ok_or_else(Fault::insufficient_selectors)?;
        let about = path.to_string();
        let refuse = |error: &Error| Fault::of(error, Operation::PutInstance, &about);
        target.place.client.get(&path).map_err(|it| refuse(&it))?;
        let not_valid = |why: String| Fault::new(Subcode::InvalidRepresentation, why);
        let body = asked.body.ok_or_else(|| not_valid("the body is empty".to_owned()))?;
        let new = target.codec.read_instance(body).map_err(|it| not_valid(it.to_string()))?;
        if new.class != path.class {
            return Err(not_valid(format!("expected `{}`, found `{}`", path.class, new.class)));
        }
        let why = "the provider does not write instances";
        Err(refuse(&Error::status(WbemStatus::PROVIDER_NOT_CAPABLE, why)))
    }

    pub(super) fn invoke(&self, asked: &Asked<'_>, action: &str) -> Result<String, Fault> {
        let uri = asked.header.resource.as_deref().ok_or_else(|| asked.no_resource())?;
        let method = action.split_at_checked(uri.len()).and_then(|(head, rest)| {
            head.eq_ignore_ascii_case(uri).then_some(rest)?.strip_prefix('/')
        });
        let method = method.ok_or_else(|| unsupported(action))?;
        let target = self.target(asked)?;
        let Some(class) = target.class.as_deref() else { return Err(asked.no_resource()) };
        let class = target.declared(class, Operation::ExecMethod)?;
        let about = format!("{}::{method}", class.name);
        let refuse = |error: &Error| Fault::of(error, Operation::ExecMethod, &about);
        let Some(method) = class.method(method) else {
            let why = format!("{} has no method `{method}`", class.name);
            return Err(refuse(&Error::status(WbemStatus::INVALID_METHOD, why)));
        };
        let flawed = |why: String| Fault::new(Subcode::SchemaValidation, why);
        let body = asked
            .body
            .filter(|it| it.local().eq_ignore_ascii_case(&format!("{}_INPUT", method.name)));
        let body = body.ok_or_else(|| flawed(format!("the body is no `{}_INPUT`", method.name)))?;
        let arguments =
            target.codec.read_arguments(body, method).map_err(|it| flawed(it.to_string()))?;
        let Some(path) = self.object(asked, &target)? else {
            let why = format!("{} is a method of an instance, and none is named", method.name);
            return Err(refuse(&Error::status(WbemStatus::INVALID_METHOD_PARAMETERS, why)));
        };
        let reply = target.place.client.invoke(&path, method.name.as_str(), &arguments);
        let reply = reply.map_err(|it| refuse(&it))?;
        let reply = method.reply(reply.value, reply.out);
        let text = self.reply(asked, Family::Transfer, &format!("{action}Response"), |it| {
            target.codec.output(it, class.name.as_str(), method, &reply);
        });
        self.fitting(asked, text)
    }

    /// The path of the object that the selectors name, some keys of it at least; `None` if they name
    /// none and the class has keys.
    fn object(
        &self,
        asked: &Asked<'_>,
        target: &Target<'_, C>,
    ) -> Result<Option<ObjectPath>, Fault> {
        let Some(name) = target.class.as_deref() else { return Err(asked.no_resource()) };
        let schema = target.place.schema;
        let class = schema.class(name);
        let mut selectors = asked.header.selectors.clone();
        if let Some(class) = class {
            let is_key = |name: &str| {
                let is_namespace = name.eq_ignore_ascii_case(CIM_NAMESPACE);
                is_namespace || class.property(name).is_some_and(|it| it.is_key)
            };
            let Selectors(all) = &mut selectors;
            if self.is_lenient {
                all.retain(|(name, _)| is_key(name));
            } else if let Some((name, _)) = all.iter().find(|(name, _)| !is_key(name)) {
                return Err(Fault::unexpected_selector(name));
            }
        }
        let not_valid = || {
            let fault = Fault::new(Subcode::InvalidSelectors, "a selector is no value of its key");
            fault.detail("TypeMismatch").code(0x8033_805C)
        };
        let path = path_of(schema, class.map_or(name, |it| it.name.as_str()), &selectors)
            .ok_or_else(not_valid)?;
        let has_keys = class.is_some_and(|it| it.keys().next().is_some());
        match (&path.keys, has_keys) {
            (Keys::Class, true) if self.is_lenient => Ok(only(target, name)),
            (Keys::Class, true) => Ok(None),
            // A class that nobody declares is the service's to refuse.
            _ => Ok(Some(path)),
        }
    }

    /// The reply, if it is not larger than the client takes.
    pub(super) fn fitting(&self, asked: &Asked<'_>, text: String) -> Result<String, Fault> {
        if text.len() <= self.largest(asked) {
            return Ok(text);
        }
        let fault = Fault::new(Subcode::EncodingLimit, "the reply is larger than the client takes");
        Err(fault.detail("MaxEnvelopeSize").code(0x8033_8048))
    }
}

/// The only instance of a class, if there is but one.
fn only<C: CimClient>(target: &Target<'_, C>, class: &str) -> Option<ObjectPath> {
    let found = target.place.client.find(Select::all(class)).ok()?;
    match &found[..] {
        [only] => only.path.clone().or_else(|| target.place.schema.path_of(only)),
        _ => None,
    }
}
