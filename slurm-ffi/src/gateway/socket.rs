//! The Unix socket: made anew at every start; the kernel says who calls.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::fs::FlockOperation;
use slurm_wire::RefusalCode;

use super::admission::{Doorstep, Known};
use super::desk::Desk;
use crate::bounds::refusal;

/// Owner and group may connect; who of them may call is the bounds file's to say.
const MODE: u32 = 0o660;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another gateway serves it.
    #[error("another gateway serves {path}; stop it first, or name another socket")]
    Served {
        /// The socket.
        path: PathBuf,
    },
    /// It could not be made.
    #[error(
        "the socket {path} could not be made: does its directory exist, and may we write there?"
    )]
    NotMade {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

pub(super) struct Listener {
    listener: UnixListener,
    /// Held for life; the kernel lets go of it when the process dies, however it dies.
    _lock: File,
}

impl Listener {
    /// Puts a new socket in the place of whatever an earlier gateway left there.
    pub(super) fn bind(path: &Path, gid: Option<u32>) -> Result<Self, SocketError> {
        let not_made = |source| SocketError::NotMade { path: path.to_owned(), source };
        let lock = File::create(with_suffix(path, ".lock")).map_err(not_made)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| SocketError::Served { path: path.to_owned() })?;
        // Made aside and moved into place: nobody finds it missing or with other permissions.
        let aside = with_suffix(path, ".new");
        let listener = Self::bind_aside(&aside, gid).map_err(not_made)?;
        fs::rename(&aside, path).map_err(not_made)?;
        Ok(Self { listener, _lock: lock })
    }

    fn bind_aside(aside: &Path, gid: Option<u32>) -> io::Result<UnixListener> {
        match fs::remove_file(aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let listener = UnixListener::bind(aside)?;
        std::os::unix::fs::chown(aside, None, gid)?;
        fs::set_permissions(aside, Permissions::from_mode(MODE))?;
        Ok(listener)
    }

    /// Accepts callers for ever.
    pub(super) fn serve(&self, desk: &Arc<Desk>) -> ! {
        let doorstep = Doorstep::default();
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let asked = Arc::clone(desk);
                    doorstep.receive(desk, move || {
                        let known = may_call(&asked, &stream)?;
                        Ok((stream, known))
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: let some callers leave.
                    tracing::error!(error = %error, "a caller could not be accepted");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }
}

fn may_call(desk: &Desk, stream: &UnixStream) -> io::Result<Known> {
    let uid = rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw();
    if desk.may_call(uid) {
        return Ok(Ok(()));
    }
    tracing::warn!(caller.uid = uid, "a caller was turned away");
    let sentence = format!("uid {uid} is not among the callers of the bounds file");
    Ok(Err(refusal(RefusalCode::CallerNotAllowed, sentence)))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_gateways_socket_is_replaced_and_a_living_ones_is_not() {
        let disk = tempfile::tempdir().unwrap();
        let path = disk.path().join("gateway.sock");
        fs::write(&path, "left behind").unwrap();
        let first = Listener::bind(&path, None).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert!(matches!(Listener::bind(&path, None), Err(SocketError::Served { .. })));
        drop(first);
        assert!(Listener::bind(&path, None).is_ok());
    }
}
