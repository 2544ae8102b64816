//! Events, pulled one page after the other.

use super::Client;
use super::message::{self, expect, is_timeout, not_a_fault};
use crate::cim::{Error, Instance, Result, Subscription};
use crate::wsman::names::{ADDRESSING, ENUMERATION, EVENTING, WMI};
use crate::wsman::xml::Xml;
use std::collections::VecDeque;
use std::time::Duration;

/// How long a subscription lasts of which nobody takes leave.
const EXPIRES: Duration = Duration::from_secs(3600);

/// The longest a reply is waited for; a longer wait is several of these.
const LONGEST: Duration = Duration::from_secs(30);

/// A subscription.
#[derive(Debug)]
pub(super) struct Events<'a> {
    client: &'a Client,
    resource: String,
    /// By what more can be asked for; none when it is over.
    context: Option<String>,
    /// By what it is called off.
    identifier: Option<String>,
    /// What has come and was not asked for yet.
    come: VecDeque<Instance>,
}

impl<'a> Events<'a> {
    pub(super) fn subscribe(client: &'a Client, wql: &str) -> Result<Self> {
        let call = client.call(&client.namespace);
        let resource = format!("{WMI}{}/*", client.namespace.replace('\\', "/"));
        let action = format!("{EVENTING}/Subscribe");
        let subscribe = |it: &mut Xml| message::subscribe(it, wql, EXPIRES);
        let (context, identifier) = call.ask(
            &action,
            &resource,
            |_| {},
            subscribe,
            |body| {
                let body = expect(body, "SubscribeResponse")?;
                let context = body.child(ENUMERATION, "EnumerationContext");
                let manager = body.child(EVENTING, "SubscriptionManager");
                let parameters = manager.and_then(|it| it.child(ADDRESSING, "ReferenceParameters"));
                let identifier = parameters.and_then(|it| it.child(EVENTING, "Identifier"));
                Ok([context, identifier].map(|it| it.map(|it| it.text.to_string())).into())
            },
        )?;
        if context.is_none() {
            return Err(Error::malformed("the subscription cannot be pulled"));
        }
        Ok(Self { client, resource, context, identifier, come: VecDeque::new() })
    }

    /// Asks for what has come, and waits so long for it if nothing has. Whether that is too long
    /// for the server, it says by a fault.
    fn pull(&mut self, wait: Duration) -> Result<()> {
        let over = || Error::malformed("the subscription is over");
        let context = self.context.take().ok_or_else(over)?;
        let mut call = self.client.call(&self.client.namespace);
        call.within = wait;
        let action = format!("{ENUMERATION}/Pull");
        let pull = |it: &mut Xml| message::pull(it, &context, Some(wait));
        let page = call.ask_or_fault(
            &action,
            &self.resource,
            |_| {},
            pull,
            |body| match body {
                Some(fault) if is_timeout(&fault) => Ok(None),
                body => call.page(not_a_fault(body)?, "PullResponse", None).map(Some),
            },
        )?;
        match page {
            None => self.context = Some(context),
            Some(page) => {
                self.come.extend(page.found);
                self.context = page.context;
            }
        }
        Ok(())
    }
}

impl Subscription for Events<'_> {
    fn next(&mut self, timeout: Duration) -> Result<Option<Instance>> {
        let mut left = timeout;
        loop {
            if let Some(event) = self.come.pop_front() {
                return Ok(Some(event));
            }
            let wait = left.min(LONGEST);
            self.pull(wait)?;
            left -= wait;
            if left.is_zero() {
                return Ok(self.come.pop_front());
            }
        }
    }
}

impl Drop for Events<'_> {
    /// Takes leave; if that fails, the subscription ends of itself.
    fn drop(&mut self) {
        let Some(identifier) = self.identifier.take().filter(|_| self.context.is_some()) else {
            return;
        };
        let call = self.client.call(&self.client.namespace);
        let action = format!("{EVENTING}/Unsubscribe");
        let which = |it: &mut Xml| it.leaf("e:Identifier", &identifier);
        let unsubscribe = |it: &mut Xml| it.empty(&["e:Unsubscribe"], &[]);
        let _ = call.ask(&action, &self.resource, which, unsubscribe, |_| Ok(()));
    }
}
