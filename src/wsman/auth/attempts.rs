//! How often somebody may guess.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// How many wrong guesses a network may make at once.
const BURST: u32 = 20;
/// How long it takes until one of them is forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(1);
/// How many networks are remembered; the one that guessed least lately gives way.
const MAX_NETWORKS: usize = 1024;

/// The wrong guesses of each network. What time it is, is an argument.
#[derive(Debug, Default)]
pub(super) struct Attempts(BTreeMap<IpAddr, Guesses>);

/// The wrong guesses of a network that are not forgiven yet.
#[derive(Clone, Copy, Debug)]
struct Guesses {
    count: u32,
    since: Duration,
}

impl Guesses {
    fn at(self, now: Duration) -> Self {
        let forgiven = now.saturating_sub(self.since).as_secs() / FORGIVEN_AFTER.as_secs();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        let since = self.since.saturating_add(FORGIVEN_AFTER.saturating_mul(forgiven));
        Self { count: self.count.saturating_sub(forgiven), since }
    }
}

/// What counts as one: an address, or the network that a household has of the newer ones.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

impl Attempts {
    /// Whether somebody at this address may guess.
    pub(super) fn may_guess(&self, address: IpAddr, now: Duration) -> bool {
        self.0.get(&network(address)).is_none_or(|it| it.at(now).count < BURST)
    }

    /// Notes a wrong guess.
    pub(super) fn failed(&mut self, address: IpAddr, now: Duration) {
        let address = network(address);
        if !self.0.contains_key(&address) && self.0.len() >= MAX_NETWORKS {
            let least = self.0.iter().min_by_key(|(_, it)| (it.at(now).count, it.since));
            if let Some(least) = least.map(|(address, _)| *address) {
                self.0.remove(&least);
            }
        }
        let before = self.0.get(&address).map(|it| it.at(now)).filter(|it| it.count > 0);
        let Guesses { count, since } = before.unwrap_or(Guesses { count: 0, since: now });
        self.0.insert(address, Guesses { count: count.saturating_add(1), since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn second(number: u64) -> Duration {
        NOW + Duration::from_secs(number)
    }

    #[test]
    fn who_guesses_too_often_waits() {
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|it| it.parse::<IpAddr>().unwrap());
        let mut attempts = Attempts::default();
        for _ in 0..BURST {
            assert!(attempts.may_guess(one, NOW));
            attempts.failed(one, NOW);
        }
        assert!(!attempts.may_guess(one, NOW));
        assert!(attempts.may_guess(other, NOW));
        assert!(attempts.may_guess(one, second(1)));
        attempts.failed(one, second(1));
        assert!(!attempts.may_guess(one, second(1)));
        assert!(attempts.may_guess(one, second(2)));
        // The clock may be set back.
        assert!(!attempts.may_guess(one, Duration::ZERO));
    }

    #[test]
    fn a_household_is_one_however_many_addresses_it_has() {
        let mut attempts = Attempts::default();
        for last in 0..BURST {
            attempts.failed(format!("2001:db8::{last:x}").parse().unwrap(), NOW);
        }
        assert!(!attempts.may_guess("2001:db8::ffff".parse().unwrap(), NOW));
        assert!(attempts.may_guess("2001:db8:0:1::1".parse().unwrap(), NOW));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut attempts = Attempts::default();
        let worst = "192.0.2.1".parse().unwrap();
        for _ in 0..BURST {
            attempts.failed(worst, NOW);
        }
        for number in 0..3 * u32::try_from(MAX_NETWORKS).unwrap() {
            attempts.failed(std::net::Ipv4Addr::from_bits(number).into(), NOW);
        }
        assert_eq!(attempts.0.len(), MAX_NETWORKS);
        assert!(!attempts.may_guess(worst, NOW));
    }
}
