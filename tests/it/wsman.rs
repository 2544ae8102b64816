//! WS-Management, as clients and servers speak it.

mod auth;
mod auth_guard;
mod client;
mod client_responder;
mod client_stack;
