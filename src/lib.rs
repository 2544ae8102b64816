//! A faithful, deterministic simulator of Hyper-V Replica's WMI service.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod model;

pub mod error;
pub use error::{Error, Result};

pub mod service;
pub use service::{Outcome, ReplicationService, ReplicationServiceExt};

pub mod rules;

pub mod engine;

pub mod sim;

/// What a test usually needs.
pub mod prelude {
    pub use crate::error::{Error, Result};
    pub use crate::model::time::{days, hours, minutes, seconds};
    pub use crate::model::{
        ErrorCode, InitialReplication, Leg, RelationshipId, ReplicationHealth, ReplicationMode,
        ReplicationState, Settings, SimTime,
    };
    pub use crate::service::{Outcome, ReplicationService, ReplicationServiceExt};
}
