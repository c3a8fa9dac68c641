//! Free TCP ports on loopback.
//!
//! Slurm wants its ports in a file before it starts, so they are found first and bound later. They
//! are drawn at random from below the range that the kernel gives to outgoing connections, and a
//! port is never given twice by one process.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below Linux' usual `ip_local_port_range` (32768–60999).
const RANGE: Range<u16> = 20_000..32_000;

static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port that nobody listens on now and that this process has not been given before.
pub fn free() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    let width = u64::from(RANGE.end - RANGE.start);
    for attempt in 0..2_000_u32 {
        let drawn = RandomState::new().hash_one(attempt) % width;
        let port = RANGE.start + u16::try_from(drawn)?;
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("found no free TCP port between {} and {} on 127.0.0.1", RANGE.start, RANGE.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: HashSet<u16> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
    }
}
