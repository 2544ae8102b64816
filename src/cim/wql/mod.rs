//! WQL: the language of queries, as text, as a tree, and as a test of instances.
//!
//! [Microsoft's pages] say what the language has; here is all of it but `GROUP WITHIN`, which
//! batches events, and queries of the schema itself (`meta_class`).
//!
//! ```
//! use hyperv_replica::cim::{Instance, Schema, wql::{Query, parse}};
//!
//! let schema = Schema::virtualization();
//! let query = parse("select * from Msvm_ComputerSystem where ElementName = 'web'", schema)?;
//! let Query::Select(select) = &query else { unreachable!() };
//!
//! let vm = Instance::new("Msvm_ComputerSystem").with("ElementName", "WEB");
//! assert!(select.selects(&vm, schema)); // Strings are compared without regard to case.
//! assert_eq!(query.to_string(), r#"SELECT * FROM Msvm_ComputerSystem WHERE ElementName = "web""#);
//!
//! let error = parse("select * from Msvm_Computer", schema).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "WBEM_E_INVALID_CLASS (0x80041010): line 1, column 15: there is no class `Msvm_Computer`",
//! );
//! # Ok::<(), hyperv_replica::cim::wql::QueryError>(())
//! ```
//!
//! [Microsoft's pages]: https://learn.microsoft.com/windows/win32/wmisdk/wql-sql-for-wmi

mod ast;
mod like;
mod parse;
mod print;
mod select;

pub use ast::{
    Associators, Condition, Constant, Operand, Operator, Projection, PropertyPath, Query,
    References, Select, Yields,
};
pub use like::Pattern;
pub use parse::{parse, parse_unchecked};

use super::{Error, Position, WbemStatus};
use std::fmt;

/// Why a text is no query of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What WMI answers: `WBEM_E_INVALID_QUERY`, `WBEM_E_INVALID_CLASS` for a class that is not
    /// there, or `WBEM_E_QUOTA_VIOLATION` for a text beyond what is read.
    pub status: WbemStatus,
    /// Where the part at fault begins.
    pub position: Position,
    /// What is wrong with it, as a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.status, self.position, self.message)
    }
}

impl std::error::Error for QueryError {}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        Self::status(error.status, format!("{}: {}", error.position, error.message))
    }
}
