//! The state machine as a self-contained SVG, for the README and the crate's front page.
//!
//! States stand at fixed places. Edges are drawn from the table of transitions and find their way
//! by themselves, so that a new transition needs no drawing: see [`route`].

mod route;

use super::diagram::{Reason, edges, removable};
use crate::evidence::EvidenceKind;
use crate::model::ReplicationState;
use crate::rules::Side;
use route::{Place, Point, Rect, Route};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

const WIDTH: f64 = 1200.0;
/// Half the size of a state's box.
const HALF: (f64, f64) = (86.0, 22.0);
const LINE: f64 = 13.0;

/// One end's part of the picture.
struct Panel {
    side: Side,
    title: &'static str,
    top: f64,
    height: f64,
    places: &'static [(ReplicationState, f64, f64)],
}

use ReplicationState as S;

const PANELS: [Panel; 2] = [
    Panel {
        side: Side::Sender,
        title: "Sender: a primary, or a replica towards its extended replica",
        top: 50.0,
        height: 810.0,
        places: &[
            (S::Disabled, 110.0, 60.0),
            (S::Ready, 400.0, 60.0),
            (S::WaitingForInitialReplication, 800.0, 60.0),
            (S::Recovered, 110.0, 190.0),
            (S::Committed, 110.0, 300.0),
            (S::Replicating, 600.0, 300.0),
            (S::Synced, 1090.0, 95.0),
            (S::DiskUpdateInProgress, 1090.0, 225.0),
            (S::DiskUpdateCritical, 1090.0, 465.0),
            (S::Suspended, 270.0, 450.0),
            (S::Critical, 890.0, 440.0),
            (S::ResynchronizationSuspended, 130.0, 720.0),
            (S::Resynchronizing, 490.0, 580.0),
            (S::WaitingForResynchronization, 860.0, 740.0),
            (S::RepurposeInProgress, 1090.0, 620.0),
        ],
    },
    Panel {
        side: Side::Receiver,
        title: "Receiver: a replica, or an extended replica",
        top: 875.0,
        height: 630.0,
        places: &[
            (S::Disabled, 110.0, 60.0),
            (S::RepurposeInProgress, 110.0, 190.0),
            (S::WaitingForInitialReplication, 450.0, 60.0),
            (S::Synced, 840.0, 60.0),
            (S::DiskUpdateInProgress, 780.0, 450.0),
            (S::Replicating, 640.0, 230.0),
            (S::FailoverInProgress, 910.0, 330.0),
            (S::Recovered, 1090.0, 190.0),
            (S::Committed, 970.0, 450.0),
            (S::Suspended, 270.0, 300.0),
            (S::Critical, 420.0, 570.0),
            (S::ResynchronizationSuspended, 120.0, 450.0),
            (S::Resynchronizing, 600.0, 450.0),
            (S::FailbackInProgress, 1090.0, 570.0),
            (S::FailbackComplete, 780.0, 570.0),
        ],
    },
];

/// Writes a line of the picture.
macro_rules! put {
    ($out:expr, $($arg:tt)+) => {
        writeln!($out, $($arg)+).expect("a String takes everything")
    };
}

/// The state machine of both ends, as an SVG that is readable on a light and on a dark page.
pub fn svg() -> String {
    let height = PANELS.iter().map(|it| it.top + it.height).fold(0.0, f64::max) + 10.0;
    let mut out = String::new();
    put!(out, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">"#);
    put!(out, "<title>The states of a replication relationship, on either end</title>");
    out.push_str(STYLE);
    for kind in EvidenceKind::ALL {
        head(&mut out, class(kind));
    }
    rect(&mut out, "page", (0.0, 0.0), (WIDTH, height), 10.0);
    legend(&mut out);
    for panel in &PANELS {
        panel.draw(&mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// The head of an arrow.
fn head(out: &mut String, class: &str) {
    put!(out, r#"<marker id="{class}" viewBox="0 0 8 8" refX="7" refY="4" orient="auto""#);
    put!(out, r#" markerWidth="7" markerHeight="7">"#);
    put!(out, r#"<path class="head {class}" d="M0 0.8 L8 4 L0 7.2 z"/></marker>"#);
}

fn arrow(out: &mut String, class: &str, data: impl fmt::Display) {
    put!(out, r#"<path class="edge {class}" marker-end="url(#{class})" d="{data}"/>"#);
}

fn text(out: &mut String, class: &str, (x, y): Point, content: impl fmt::Display) {
    put!(out, r#"<text class="{class}" x="{x:.0}" y="{y:.0}">{content}</text>"#);
}

fn rect(out: &mut String, class: &str, at: Point, size: (f64, f64), radius: f64) {
    put!(out, r#"<rect class="{class}" x="{:.0}" y="{:.0}""#, at.0, at.1);
    put!(out, r#" width="{:.0}" height="{:.0}" rx="{radius}"/>"#, size.0, size.1);
}

const STYLE: &str = "\
<style>
text { font: 11px 'Segoe UI', system-ui, 'DejaVu Sans', sans-serif; }
text { fill: #1f2328; text-anchor: middle; }
.page { fill: #ffffff; } .panel { fill: #f6f8fa; stroke: #d0d7de; }
.title { font-size: 15px; font-weight: 600; }
.start { text-anchor: start; } .end { text-anchor: end; }
.box { fill: #ffffff; stroke: #57606a; stroke-width: 1.2; }
.guest { stroke-dasharray: 4 3; } .number { font-size: 15px; font-weight: 700; }
.edge { fill: none; stroke-width: 1.4; } .ground { fill: #f6f8fa; }
.event { font-style: italic; }
.edge.documented { stroke: #0969da; } text.documented, .head.documented { fill: #0969da; }
.edge.observed { stroke: #1a7f37; } text.observed, .head.observed { fill: #1a7f37; }
.edge.client { stroke: #9a6700; } text.client, .head.client { fill: #9a6700; }
.edge.assumed { stroke: #8250df; stroke-dasharray: 5 3; }
text.assumed, .head.assumed { fill: #8250df; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .page { fill: #0d1117; } .panel { fill: #161b22; stroke: #30363d; }
.box { fill: #21262d; stroke: #8b949e; } .ground { fill: #161b22; }
.edge.documented { stroke: #58a6ff; } text.documented, .head.documented { fill: #58a6ff; }
.edge.observed { stroke: #3fb950; } text.observed, .head.observed { fill: #3fb950; }
.edge.client { stroke: #d29922; } text.client, .head.client { fill: #d29922; }
.edge.assumed { stroke: #bc8cff; } text.assumed, .head.assumed { fill: #bc8cff; }
}
</style>
";

const fn class(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::Documented => "documented",
        EvidenceKind::Observed => "observed",
        EvidenceKind::Client => "client",
        EvidenceKind::Assumed => "assumed",
    }
}

/// What the colours, the slant and the dashes mean, above the panels.
fn legend(out: &mut String) {
    let mut x = 20.0;
    for kind in EvidenceKind::ALL {
        let class = class(kind);
        arrow(out, class, format_args!("M{x} 26 h34"));
        text(out, &format!("start {class}"), (x + 42.0, 30.0), kind.label());
        x += 150.0;
    }
    text(out, "start", (x, 30.0), "a call");
    text(out, "start event", (x + 60.0, 30.0), "a happening");
    text(out, "start", (x + 150.0, 30.0), "a dashed box: the state before the roles changed");
}

impl Panel {
    fn draw(&self, out: &mut String) {
        let Self { side, title, top, height, places } = self;
        let edges = edges(*side);
        put!(out, r#"<g transform="translate(0 {top})">"#);
        rect(out, "panel", (10.0, 0.0), (WIDTH - 20.0, *height), 8.0);
        text(out, "title start", (24.0, 24.0), title);
        // As edges the ends of a relationship would hide everything else.
        let ended = format!("“remove” leads to 0 from {}.", removable(*side));
        text(out, "end", (WIDTH - 24.0, 24.0), ended);
        let occurs = |state| edges.keys().any(|(from, to)| *from == state || *to == state);
        let placed = places.iter().filter(|(state, ..)| occurs(*state));
        let boxes: BTreeMap<_, _> = placed.map(|(state, x, y)| (*state, (*x, *y + 30.0))).collect();
        let drawn: Vec<_> = edges
            .iter()
            .filter_map(|((from, to), why)| Some((*boxes.get(from)?, *boxes.get(to)?, why)))
            .collect();
        let ends: Vec<_> = drawn.iter().map(|(from, to, why)| (*from, *to, extent(why))).collect();
        let rects: Vec<_> = boxes.values().map(|at| Rect::around(*at, HALF)).collect();
        let area = Rect { left: 16.0, top: 32.0, right: WIDTH - 16.0, bottom: height - 6.0 };
        let routes = Place { boxes: &rects, half: HALF, area }.routes(&ends);
        for ((_, _, why), route) in drawn.iter().zip(&routes) {
            arrow(out, why.iter().map(|it| it.kind).min().map_or("", class), route);
        }
        for (state, at) in &boxes {
            let lives_here = edges.keys().any(|(_, to)| to == state);
            state_box(out, *state, *at, lives_here);
        }
        for ((_, _, why), route) in drawn.iter().zip(&routes) {
            label(out, why, route.label);
        }
        out.push_str("</g>\n");
    }
}

/// Half the size of an edge's label.
fn extent(why: &[Reason]) -> (f64, f64) {
    let count = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    let widest = why.iter().map(|it| it.text.chars().count()).max().unwrap_or_default();
    (count(widest) * 3.1 + 3.0, count(why.len()) * LINE / 2.0)
}

/// The causes of an edge, each on a ground of its own, so that no curve crosses a word.
fn label(out: &mut String, why: &[Reason], (x, y): Point) {
    let mut top = y - extent(why).1;
    for reason in why {
        let (half, _) = extent(std::slice::from_ref(reason));
        rect(out, "ground", (x - half, top), (half * 2.0, LINE), 0.0);
        let event = if reason.is_call { "" } else { " event" };
        let class = format!("{}{event}", class(reason.kind));
        text(out, &class, (x, top + LINE - 3.0), reason.text);
        top += LINE;
    }
}

/// A state: its number at the left, its name in one or two lines.
fn state_box(out: &mut String, state: ReplicationState, (x, y): Point, lives_here: bool) {
    let class = if lives_here { "box" } else { "box guest" };
    rect(out, class, (x - HALF.0, y - HALF.1), (HALF.0 * 2.0, HALF.1 * 2.0), 7.0);
    text(out, "number", (x - HALF.0 + 18.0, y + 5.0), state.to_wire());
    let lines = halves(state.label());
    let mut base = y + 4.0 - if lines.len() > 1 { LINE / 2.0 } else { 0.0 };
    for line in lines {
        text(out, "", (x + 15.0, base), line);
        base += LINE;
    }
}

/// A name in two lines, if it is long: broken at the space nearest to its middle.
fn halves(name: &str) -> Vec<&str> {
    let middle = name.len() / 2;
    let spaces = name.match_indices(' ').map(|(at, _)| at);
    match spaces.min_by_key(|at| at.abs_diff(middle)) {
        Some(at) if name.len() > 22 => vec![&name[..at], &name[at + 1..]],
        _ => vec![name],
    }
}

impl fmt::Display for Route {
    /// As the data of a path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, control, end, .. } = self;
        write!(f, "M{:.1} {:.1} ", start.0, start.1)?;
        write!(f, "Q{:.1} {:.1} {:.1} {:.1}", control.0, control.1, end.0, end.1)
    }
}
