//! NTLM, version 2, as [MS-NLMP] has it: three messages, then a session that seals.
//!
//! ```
//! use hyperv_replica::wsman::auth::{Credentials, OsEntropy, Users, ntlm::*};
//!
//! let users = Users::default().with("admin", "secret");
//! let now = FileTime(133_500_000_000_000_000);
//!
//! let (client, negotiate) = Initiator::begin(Credentials::new("admin", "secret"));
//! let (server, challenge) = Acceptor::challenge(&negotiate, "tokyo", now, &mut OsEntropy)?;
//! let (mut client, authenticate) = client.answer(&challenge, now, &mut OsEntropy)?;
//! let accepted = server.check(&authenticate, &users)?;
//!
//! let mut server = accepted.session.expect("the client asked for one");
//! let (signature, sealed) = client.seal(b"hello");
//! assert_eq!(server.unseal(&signature, &sealed)?, b"hello");
//! # Ok::<(), hyperv_replica::wsman::auth::AuthError>(())
//! ```
//!
//! What is deliberately absent: version 1 and LM, whose answers can be turned into passwords; keys
//! below 128 bits; anonymous users; datagrams. Whoever insists on them is not let in.
//!
//! [MS-NLMP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/b38c36ed-2804-4868-a9ff-8dd3182128e4

mod acceptor;
mod crypto;
mod initiator;
mod message;
mod session;

pub use acceptor::{Accepted, Acceptor};
pub use crypto::NtHash;
pub use initiator::Initiator;
pub use session::{Session, Signature};

/// A time as Windows counts: in 100 ns since 1601-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileTime(pub u64);

/// What a message begins with: NTLM, not wrapped.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    bytes.starts_with(message::SIGNATURE)
}
