//! WS-Management, in which Windows hosts speak WMI over HTTP.

pub mod auth;
