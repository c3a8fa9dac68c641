//! Against the real things: OpenSSH's client, its server, the program `mimer-mover`, PostgreSQL.

mod links;
mod mover;
mod support;
mod transfers;
