//! WS-Management, as clients and servers speak it.

mod auth;
