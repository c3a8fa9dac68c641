//! A connection to slurmdbd, and the rows that come over it.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::error::SlurmError;
use crate::session::Session;
use crate::sys;

/// One open connection.
///
/// It belongs to the thread that opened it: two threads on one connection end the process
/// (measured), so this is neither `Send` nor `Sync`.
///
/// Invariant: `raw` came from `shim_db_open` and has not been closed.
pub struct Database {
    raw: NonNull<sys::shim_db>,
    thread_bound: PhantomData<*const ()>,
}

impl Database {
    /// Opens a connection; may block for as long as slurmdbd stalls.
    pub fn open(_session: Session) -> Result<Self, SlurmError> {
        const CALL: &str = "slurmdb_connection_get";
        let mut raw = ptr::null_mut();
        // SAFETY: libslurm is initialised; `raw` is a live out-pointer.
        let code = unsafe { sys::shim_db_open(&mut raw) };
        SlurmError::check(CALL, code)?;
        let raw = NonNull::new(raw).ok_or(SlurmError::NullReply { call: CALL })?;
        Ok(Self { raw, thread_bound: PhantomData })
    }

    pub(crate) fn raw(&self) -> *mut sys::shim_db {
        self.raw.as_ptr()
    }

    /// Keeps what was written over this connection, or undoes it.
    pub(crate) fn commit(&self, keep: bool) -> Result<(), SlurmError> {
        // SAFETY: the connection is open and of this thread.
        let code = unsafe { sys::shim_db_commit(self.raw(), i32::from(keep)) };
        SlurmError::check("slurmdb_connection_commit", code)
    }

    /// slurmdbd's own settings, as `Name = value` lines.
    pub fn settings(&self) -> Result<String, SlurmError> {
        const CALL: &str = "slurmdb_config_get";
        let mut text = ptr::null_mut();
        // SAFETY: the connection is open and of this thread; `text` is a live out-pointer.
        let code = unsafe { sys::shim_db_settings(self.raw(), &mut text) };
        SlurmError::check(CALL, code)?;
        let text = NonNull::new(text).ok_or(SlurmError::NullReply { call: CALL })?;
        // SAFETY: on success the shim returns a NUL-terminated text, freed only below.
        let copy =
            unsafe { std::ffi::CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned();
        // SAFETY: the text came from the shim and is not used after this.
        unsafe { sys::shim_free_text(text.as_ptr()) };
        Ok(copy)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: by the invariant the connection is open, and it is closed only here.
        unsafe { sys::shim_db_close(self.raw.as_ptr()) }
    }
}

/// Rows from slurmdbd, of one kind; read by index with that kind's view function.
///
/// Invariant: `raw` came from a `shim_db_*` call that succeeded, and has not been freed.
pub(crate) struct Rows {
    raw: NonNull<sys::shim_rows>,
}

impl Rows {
    /// Runs one query.
    pub(crate) fn read(
        call: &'static str,
        query: impl FnOnce(&mut *mut sys::shim_rows) -> i32,
    ) -> Result<Self, SlurmError> {
        let mut raw = ptr::null_mut();
        SlurmError::check(call, query(&mut raw))?;
        Ok(Self { raw: NonNull::new(raw).ok_or(SlurmError::NullReply { call })? })
    }

    pub(crate) fn count(&self) -> usize {
        // SAFETY: by the invariant the rows are live, and `&self` keeps `Drop` from running.
        unsafe { sys::shim_row_count(self.raw.as_ptr()) }
    }

    pub(crate) fn raw(&self) -> *const sys::shim_rows {
        self.raw.as_ptr()
    }

    /// Numbers that `fill` writes into a buffer it is given the room of; it says how many there are.
    pub(crate) fn numbers(&self, fill: impl Fn(*mut u32, usize) -> usize) -> Vec<u32> {
        let mut numbers = vec![0; 8];
        loop {
            let count = fill(numbers.as_mut_ptr(), numbers.len());
            if count <= numbers.len() {
                numbers.truncate(count);
                return numbers;
            }
            numbers.resize(count, 0);
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // SAFETY: by the invariant this is the only owner; the shim destroys the list with the
        // destructor that libslurm gave it.
        unsafe { sys::shim_free_rows(self.raw.as_ptr()) }
    }
}
