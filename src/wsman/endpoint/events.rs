//! Subscriptions: Subscribe, Renew, Unsubscribe, and pulling events.
//!
//! A [`Subscription`] borrows its client and stays on its thread, because one over COM has to. So each
//! has a thread of its own, which it never leaves, and which ends when nobody can ask it any more.

use super::enumerate::{fill, no_context};
use super::filter::{filter_of, wql_of};
use super::{Asked, Endpoint, Limits, lock};
use crate::cim::text::xml::Element;
use crate::cim::{CimClient, Error, Instance, Subscription, WbemStatus};
use crate::wsman::encode::{Codec, Style, time};
use crate::wsman::fault::{Fault, Operation, Subcode};
use crate::wsman::names::{ANONYMOUS, ENUMERATION, EVENTING, PULL_DELIVERY};
use crate::wsman::resource::Dialect;
use crate::wsman::soap::Family;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

/// The subscriptions of all users.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(BTreeMap<String, Live>);

#[derive(Debug)]
struct Live {
    user: String,
    expires: Duration,
    feed: Arc<Feed>,
}

/// Where the events of a subscription come from.
#[derive(Debug)]
struct Feed {
    /// The namespace, by its place among those of the endpoint.
    place: usize,
    dialect: Dialect,
    style: Style,
    /// Locked while somebody pulls, and only by one at a time.
    pulling: Mutex<Pulling>,
}

#[derive(Debug)]
struct Pulling {
    orders: Sender<Order>,
    /// Events that a reply had no room for.
    waiting: VecDeque<Instance>,
}

/// A wish for events: at least one, if there is one within the time.
#[derive(Debug)]
struct Order {
    timeout: Duration,
    max: usize,
    answer: Sender<Result<Vec<Instance>, Error>>,
}

impl Subscriptions {
    /// Ends a subscription of a user; false if there is none.
    pub(super) fn end(&mut self, id: &str, user: &str, now: Duration) -> bool {
        self.live(id, user, now).is_some() && self.0.remove(id).is_some()
    }

    /// A subscription of a user, which lives on at least as long as it always has when it is used.
    fn live(&mut self, id: &str, user: &str, now: Duration) -> Option<&mut Live> {
        self.0.retain(|_, it| it.expires > now);
        self.0.get_mut(id).filter(|it| it.user == user)
    }
}

/// Subscribes, and takes orders for as long as somebody can give one.
fn run<C: CimClient>(
    client: &C,
    wql: &str,
    opened: &Sender<Result<(), Error>>,
    orders: &Receiver<Order>,
) {
    let mut subscription = match client.subscribe(wql) {
        Ok(subscription) => subscription,
        Err(error) => {
            // Whoever asked is still there: it waits for this.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let _ = opened.send(Ok(()));
    while let Ok(order) = orders.recv() {
        let _ = order.answer.send(gather(&mut *subscription, &order));
    }
}

fn gather(subscription: &mut dyn Subscription, order: &Order) -> Result<Vec<Instance>, Error> {
    let mut found = Vec::new();
    let mut timeout = order.timeout;
    while found.len() < order.max {
        match subscription.next(timeout) {
            Ok(Some(event)) => found.push(event),
            Ok(None) => break,
            // What was found is not lost; the next order meets the error.
            Err(_) if !found.is_empty() => break,
            Err(error) => return Err(error),
        }
        timeout = Duration::ZERO;
    }
    Ok(found)
}

/// That the thread of a subscription is gone: it panicked, or there could be none.
fn gone() -> Fault {
    Fault::new(Subcode::InternalError, "the subscription is broken")
}

impl<C: CimClient + Send + Sync + 'static> Endpoint<C> {
    pub(super) fn subscribe(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        let body = asked.body(EVENTING, "Subscribe")?;
        let mode = body.child(EVENTING, "Delivery").and_then(|it| it.local_attribute("Mode"));
        // The others deliver to an address that the request names.
        if mode.map(str::trim) != Some(PULL_DELIVERY) {
            let why = "events are delivered by pulling them only";
            return Err(Fault::new(Subcode::DeliveryModeUnavailable, why));
        }
        let expires = self.lifetime(body)?;
        let target = self.target(asked)?;
        let missing = || Fault::new(Subcode::InvalidMessage, "a query is missing");
        let wql = wql_of(filter_of(body).ok_or_else(missing)?)?.to_owned();
        let place = self.places.iter().position(|it| std::ptr::eq(it, target.place));

        let (orders, taken) = channel();
        self.admit(asked, &wql)?;
        let (opened, is_open) = channel();
        let (client, query) = (Arc::clone(&target.place.client), wql.clone());
        let thread = std::thread::Builder::new().name("wsman subscription".to_owned());
        // It is never joined: it ends when the last order is answered and the sender is gone.
        let thread = thread.spawn(move || run(&*client, &query, &opened, &taken));
        thread.map_err(|_| gone())?;
        let open = is_open.recv().map_err(|_| gone())?;
        open.map_err(|it| Fault::of(&it, Operation::ExecNotificationQuery, &wql))?;

        let id = self.new_id();
        let pulling = Mutex::new(Pulling { orders, waiting: VecDeque::new() });
        let (dialect, style) = (target.codec.dialect, target.codec.style);
        let feed = Feed { place: place.unwrap_or_default(), dialect, style, pulling };
        let live = Live {
            user: asked.user.to_owned(),
            expires: asked.now.saturating_add(expires),
            feed: Arc::new(feed),
        };
        lock(&self.subscriptions).0.insert(id.clone(), live);
        let uri = asked.header.resource.as_deref().unwrap_or_default();
        let action = format!("{EVENTING}/SubscribeResponse");
        Ok(self.reply(asked, Family::Eventing, &action, |it| {
            it.element("e:SubscribeResponse", &[], |it| {
                it.element("e:SubscriptionManager", &[], |it| {
                    it.leaf("a:Address", ANONYMOUS);
                    it.element("a:ReferenceParameters", &[], |it| {
                        it.leaf("w:ResourceURI", uri);
                        it.leaf("e:Identifier", &id);
                    });
                });
                it.leaf("e:Expires", &time::write_duration(expires));
                it.leaf("n:EnumerationContext", &id);
            });
        }))
    }

    /// Whether the user may have one more subscription.
    fn admit(&self, asked: &Asked<'_>, wql: &str) -> Result<(), Fault> {
        let mut all = lock(&self.subscriptions);
        all.0.retain(|_, it| it.expires > asked.now);
        let own = all.0.values().filter(|it| it.user == asked.user).count();
        if own < self.limits.subscriptions {
            return Ok(());
        }
        let why = format!("a user has at most {own} subscriptions");
        let error = Error::status(WbemStatus::QUOTA_VIOLATION, why);
        Err(Fault::of(&error, Operation::ExecNotificationQuery, wql))
    }

    /// How long a subscription lives without being renewed: as the request says, but not longer than
    /// everything here.
    fn lifetime(&self, body: &Element<'_>) -> Result<Duration, Fault> {
        let Limits { time_to_live, .. } = self.limits;
        let Some(expires) = body.child(EVENTING, "Expires") else { return Ok(time_to_live) };
        match time::read_duration(&expires.text) {
            Some(wanted) if !wanted.is_zero() => Ok(wanted.min(time_to_live)),
            _ => {
                let why = format!("`{}` is no length of time", expires.text.trim());
                Err(Fault::new(Subcode::InvalidExpirationTime, why))
            }
        }
    }

    pub(super) fn renew(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        let expires = self.lifetime(asked.body(EVENTING, "Renew")?)?;
        let id = asked.header.subscription.as_deref().unwrap_or_default();
        match lock(&self.subscriptions).live(id, asked.user, asked.now) {
            Some(live) => live.expires = asked.now.saturating_add(expires),
            None => return Err(no_subscription()),
        }
        let action = format!("{EVENTING}/RenewResponse");
        Ok(self.reply(asked, Family::Eventing, &action, |it| {
            it.element("e:RenewResponse", &[], |it| {
                it.leaf("e:Expires", &time::write_duration(expires));
            });
        }))
    }

    pub(super) fn unsubscribe(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        asked.body(EVENTING, "Unsubscribe")?;
        let id = asked.header.subscription.as_deref().unwrap_or_default();
        if !lock(&self.subscriptions).end(id, asked.user, asked.now) {
            return Err(no_subscription());
        }
        let action = format!("{EVENTING}/UnsubscribeResponse");
        Ok(self.reply(asked, Family::Eventing, &action, |_| {}))
    }

    /// Pulls events, and waits for one if there is none.
    pub(super) fn pull_events(
        &self,
        asked: &Asked<'_>,
        body: &Element<'_>,
        id: &str,
        max: usize,
    ) -> Result<String, Fault> {
        let feed = lock(&self.subscriptions)
            .live(id, asked.user, asked.now)
            .map(|it| Arc::clone(&it.feed));
        let feed = feed.ok_or_else(no_context)?;
        let mut pulling = match feed.pulling.try_lock() {
            Ok(pulling) => pulling,
            Err(TryLockError::Poisoned(it)) => it.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let why = "another request pulls from the same subscription";
                return Err(Fault::new(Subcode::Concurrency, why));
            }
        };
        if pulling.waiting.is_empty() {
            let max_time = body.child(ENUMERATION, "MaxTime");
            let max_time = max_time.and_then(|it| time::read_duration(&it.text));
            let timeout = max_time.or(asked.header.timeout).unwrap_or(self.limits.wait);
            let (answer, answered) = channel();
            let order = Order { timeout: timeout.min(self.limits.wait), max, answer };
            pulling.orders.send(order).map_err(|_| gone())?;
            let found = answered.recv().map_err(|_| gone())?;
            let found = found.map_err(|it| Fault::of(&it, Operation::ExecNotificationQuery, ""))?;
            pulling.waiting.extend(found);
        }
        if pulling.waiting.is_empty() {
            return Err(Fault::new(Subcode::TimedOut, "there was no event within the time"));
        }
        let place = &self.places[feed.place];
        let codec = Codec {
            schema: place.schema,
            dialect: feed.dialect,
            namespace: place.namespace.as_str(),
            style: feed.style,
        };
        let items = fill(&mut pulling.waiting, max, self.room(asked), |xml, event| {
            codec.instance(xml, event);
        })?;
        Ok(self.pulled(asked, Some(id), &items))
    }
}

fn no_subscription() -> Fault {
    Fault::new(Subcode::UnableToRenew, "there is no such subscription, or no longer")
}
