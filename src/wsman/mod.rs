//! WS-Management: WMI over SOAP over HTTP, as Windows hosts speak it.
//!
//! | What | Here |
//! |---|---|
//! | What a request is answered with, without any I/O | [`Endpoint`] |
//! | The same on a port, for several hosts | [`Server`] |
//! | Who may ask, and how messages are sealed | [`Authenticate`], [`Authenticator`] |
//! | Basic, NTLM and sealed bodies | [`auth`] |
//! | TLS, for either side | [`tls`] |
//! | A client of a host, real or simulated | [`Client`] |
//!
//! The protocol is DMTF's [DSP0226] with the encoding of instances of [DSP0230]; what Windows makes of
//! both is in [MS-WSMV]. Where the three leave room, replies look as those of Windows do, down to the
//! prefixes of namespaces: clients evaluate paths with fixed ones.
//!
//! Nothing here opens a connection that a request names. Delivery of events by push is refused, and
//! an address to reply to is only ever the anonymous one.
//!
//! [DSP0226]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0226_1.2.0.pdf
//! [DSP0230]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0230_1.1.0.pdf
//! [MS-WSMV]: https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv/

mod names;

mod xml;

mod soap;

mod resource;

mod encode;

mod fault;

mod endpoint;
pub use endpoint::{Endpoint, Limits, Request, Response};

mod seam;
pub use seam::{Accepting, Authenticate, Authenticator, Encrypt, Peer, Respond, Stream, Verdict};

mod server;
pub use server::{Host, HttpLimits, Server, ServerError, random_ids};

pub mod auth;

pub mod tls;

mod client;
pub use client::{Client, Options, Scheme, Waiting};
