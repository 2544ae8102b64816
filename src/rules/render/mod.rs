//! The rule book, printed: Markdown, the matrix, state diagrams, and the census of evidence.
//!
//! Everything here is computed from [`RULES`](super::RULES) and
//! [`TRANSITIONS`](super::TRANSITIONS). The repository keeps the results under `docs/`, and a test
//! rewrites what is stale and fails.

mod page;
pub use page::{markdown, operation, refusals};

mod matrix;
pub use matrix::matrix;

mod census;
pub use census::census;

mod diagram;
pub use diagram::mermaid;

mod svg;
pub use svg::svg;
