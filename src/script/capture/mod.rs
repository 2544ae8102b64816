//! Capturing hosts: what can be read of them, and a script that brings simulated ones there.

mod difference;
mod inventory;
mod plan;
mod reenact;

pub use inventory::{HostRecord, Inventory, LegRecord, VmRecord};

use super::ast::{Line, Script};
use crate::engine::World;
use crate::sim::Lab;
use plan::Plan;
use reenact::Reenactment;

/// A script that re-enacts an inventory, and how near it comes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Captured {
    /// The script: what differs first, as comments, then how to get there.
    pub script: Script,
    /// The world in its end.
    pub world: World,
    /// What the hosts show and that world does not, in sentences without a full stop.
    pub differences: Vec<String>,
}

/// How often a script is made of what the one before came to, until nothing changes.
const ROUNDS: usize = 8;

/// What every script says of itself.
const HEAD: [&str; 3] = [
    " Captured from hosts, and re-enacted: the same roles, states, settings and recovery points.",
    " Times, statistics and health are those of the re-enactment. What the service does not tell,",
    " the sizes of disks and what guests write, are the defaults of this language.",
];

impl Inventory {
    /// A script that brings simulated hosts to where these are, by calls as far as calls get there.
    ///
    /// What cannot be re-enacted – an operation at work, a relationship whose other side is gone in
    /// a way that nothing here leads to – is replaced by the nearest that can, and said in a
    /// comment. Captured again, what the script comes to gives the same statements.
    ///
    /// ```
    /// use hyperv_replica::{prelude::*, script::Inventory, sim::Lab};
    ///
    /// let lab = Lab::new(["tokyo", "osaka"]);
    /// let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    /// let web = lab.vm("web").on("tokyo").running().create();
    /// tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka"))?)?;
    ///
    /// let captured = Inventory::read(&[&tokyo, &osaka])?.capture();
    /// assert_eq!(captured.differences, [] as [String; 0]);
    /// let text = captured.script.to_string();
    /// assert!(text.contains("tokyo CreateReplicationRelationship web to=osaka  => 4096"), "{text}");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn capture(&self) -> Captured {
        let mut target = self.clone();
        let mut done = Reenactment::of(&Plan::of(&target));
        for _ in 0..ROUNDS {
            target = self.seen_in(&done.world());
            let again = Reenactment::of(&Plan::of(&target));
            let settled = again.lines == done.lines;
            done = again;
            if settled {
                break;
            }
        }
        let world = done.world();
        let differences = difference::between(self, &self.seen_in(&world));
        let told = differences.iter().map(|it| format!(" Not as captured: {it}."));
        let head = HEAD.iter().map(ToString::to_string).chain(told);
        let mut lines: Vec<_> = head.map(|it| Line::comment(&it)).collect();
        lines.push(Line::default());
        lines.extend(done.lines);
        Captured { script: Script { lines }, world, differences }
    }

    /// The same hosts as they are in a world. Those that are not there, or down, are left out.
    fn seen_in(&self, world: &World) -> Self {
        let lab = Lab::over(world.clone(), 0);
        let named = self.hosts.iter().filter_map(|it| lab.find_host(&it.host.name));
        Self { hosts: named.filter_map(|it| HostRecord::read(&it).ok()).collect() }
    }
}
