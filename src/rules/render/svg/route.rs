//! How an edge finds its way: the cheapest of a few curves, then the freest spot for its label.
//!
//! Greedy and deterministic. What an edge must not do costs much, what it should not do costs
//! little; ties go to the first candidate.

/// A point.
pub(super) type Point = (f64, f64);

/// A rectangle.
#[derive(Clone, Copy)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    pub(super) fn around((x, y): Point, (half_width, half_height): (f64, f64)) -> Self {
        Self {
            left: x - half_width,
            top: y - half_height,
            right: x + half_width,
            bottom: y + half_height,
        }
    }

    fn contains(&self, (x, y): Point, margin: f64) -> bool {
        x > self.left - margin
            && x < self.right + margin
            && y > self.top - margin
            && y < self.bottom + margin
    }

    fn overlaps(&self, other: &Self, margin: f64) -> bool {
        self.left < other.right + margin
            && other.left < self.right + margin
            && self.top < other.bottom + margin
            && other.top < self.bottom + margin
    }
}

/// A quadratic curve between the borders of two boxes, and the middle of its label.
pub(super) struct Route {
    pub(super) start: Point,
    pub(super) control: Point,
    pub(super) end: Point,
    pub(super) label: Point,
}

/// Where edges run.
pub(super) struct Place<'a> {
    /// What they avoid.
    pub(super) boxes: &'a [Rect],
    /// Half the size of a box.
    pub(super) half: (f64, f64),
    /// What they stay in.
    pub(super) area: Rect,
}

const STEPS: u8 = 40;
/// How far a curve's control point may lie off the straight line, nearest first.
const BULGES: [f64; 17] = [
    18.0, -18.0, 0.0, 30.0, -30.0, 45.0, -45.0, 65.0, -65.0, 95.0, -95.0, 130.0, -130.0, 180.0,
    -180.0, 240.0, -240.0,
];

/// How close two curves may come.
const NEAR: f64 = 15.0;

impl Route {
    fn at(&self, step: u8) -> Point {
        let t = f64::from(step) / f64::from(STEPS);
        let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
        (
            a * self.start.0 + b * self.control.0 + c * self.end.0,
            a * self.start.1 + b * self.control.1 + c * self.end.1,
        )
    }

    fn points(&self) -> impl Iterator<Item = Point> + '_ {
        (0..=STEPS).map(|step| self.at(step))
    }
}

impl Place<'_> {
    /// A route for each edge: from, to, and half the size of its label.
    pub(super) fn routes(&self, edges: &[(Point, Point, (f64, f64))]) -> Vec<Route> {
        let mut shortest: Vec<_> = (0..edges.len()).collect();
        shortest.sort_by(|a, b| span(edges[*a]).total_cmp(&span(edges[*b])));
        let mut placed: Vec<Option<Route>> = edges.iter().map(|_| None).collect();
        for edge in shortest {
            let (from, to, _) = edges[edge];
            let candidates = BULGES.iter().map(|bulge| self.curve(from, to, *bulge));
            let route = cheapest(candidates, |route| self.cost(route, (from, to), &placed));
            placed[edge] = route;
        }
        let mut routes: Vec<_> = placed.into_iter().flatten().collect();
        self.label(&mut routes, edges);
        routes
    }

    /// The curve between two boxes with this bulge, cut at their borders.
    fn curve(&self, from: Point, to: Point, bulge: f64) -> Route {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt().max(1.0);
        let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        let control = (middle.0 + dy / length * bulge, middle.1 - dx / length * bulge);
        let (start, end) = (self.border(from, control, 1.0), self.border(to, control, 3.0));
        Route { start, control, end, label: middle }
    }

    /// Where a line from the middle of a box leaves it.
    fn border(&self, middle: Point, towards: Point, gap: f64) -> Point {
        let (dx, dy) = (towards.0 - middle.0, towards.1 - middle.1);
        let (half_width, half_height) = (self.half.0 + gap, self.half.1 + gap);
        let scale = (half_width / dx.abs()).min(half_height / dy.abs());
        (middle.0 + dx * scale, middle.1 + dy * scale)
    }

    fn cost(&self, route: &Route, (from, to): (Point, Point), placed: &[Option<Route>]) -> f64 {
        let own = |it: &&Rect| it.contains(from, 0.0) || it.contains(to, 0.0);
        let foreign: Vec<_> = self.boxes.iter().filter(|it| !own(it)).collect();
        let mut cost = span((from, route.control, (0.0, 0.0))) * 0.1;
        cost += span((route.control, to, (0.0, 0.0))) * 0.1;
        for point in route.points() {
            cost += 60.0 * count(foreign.iter().filter(|it| it.contains(point, 8.0)));
            cost += if self.area.contains(point, 0.0) { 0.0 } else { 200.0 };
            for other in placed.iter().flatten() {
                let near = other.points().any(|it| span((it, point, (0.0, 0.0))) < NEAR);
                cost += if near { 4.0 } else { 0.0 };
            }
        }
        cost
    }

    /// Puts every label on its curve, the largest first, where it hides least.
    fn label(&self, routes: &mut [Route], edges: &[(Point, Point, (f64, f64))]) {
        let mut largest: Vec<_> = (0..routes.len()).collect();
        largest.sort_by(|a, b| edges[*b].2.0.total_cmp(&edges[*a].2.0));
        let mut taken: Vec<Rect> = Vec::new();
        for edge in largest {
            let half = edges[edge].2;
            let spots = (4..=STEPS - 4).map(|step| routes[edge].at(step));
            let spot = cheapest(spots, |spot| {
                let rect = Rect::around(*spot, half);
                let middle = routes[edge].at(STEPS / 2);
                span((*spot, middle, (0.0, 0.0))) * 0.05 + self.hidden(&rect, edge, routes, &taken)
            });
            if let Some(spot) = spot {
                taken.push(Rect::around(spot, half));
                routes[edge].label = spot;
            }
        }
    }

    /// What a label would hide: boxes and other labels count most, other curves less.
    fn hidden(&self, label: &Rect, edge: usize, routes: &[Route], taken: &[Rect]) -> f64 {
        let boxes = count(self.boxes.iter().filter(|it| it.overlaps(label, 3.0)));
        let labels = count(taken.iter().filter(|it| it.overlaps(label, 2.0)));
        let inside = self.area.contains((label.left, label.top), 0.0)
            && self.area.contains((label.right, label.bottom), 0.0);
        let others = routes.iter().enumerate().filter(|(at, _)| *at != edge);
        let crossed = others.flat_map(|(_, it)| it.points()).filter(|it| label.contains(*it, 1.0));
        let outside = if inside { 0.0 } else { 500.0 };
        boxes * 300.0 + labels * 300.0 + count(crossed) * 3.0 + outside
    }
}

/// The length of the straight line between the ends of an edge.
fn span((from, to, _): (Point, Point, (f64, f64))) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    (dx * dx + dy * dy).sqrt()
}

fn count(items: impl Iterator) -> f64 {
    u32::try_from(items.count()).map_or(f64::MAX, f64::from)
}

/// The first candidate of least cost.
fn cheapest<T>(candidates: impl Iterator<Item = T>, cost: impl Fn(&T) -> f64) -> Option<T> {
    let priced = candidates.map(|it| (cost(&it), it));
    priced.min_by(|a, b| a.0.total_cmp(&b.0)).map(|it| it.1)
}
