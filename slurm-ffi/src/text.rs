//! Strings across the border: copied out of Slurm's memory, lent into it.

use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::ptr;

use crate::error::SlurmError;

/// Copies the strings of one reply, and cannot outlive it.
pub(crate) struct Lender<'reply> {
    reply: PhantomData<&'reply ()>,
}

impl<'reply> Lender<'reply> {
    /// Vouches for the pointers of one reply.
    ///
    /// # Safety
    /// Every pointer later given to [`Lender::copy`] must be null or a NUL-terminated string that
    /// lives as long as `reply` does.
    pub(crate) unsafe fn of<T: ?Sized>(_reply: &'reply T) -> Self {
        Self { reply: PhantomData }
    }

    /// Copies one field. Slurm writes "not set" as null or as an empty string: both are `None`.
    pub(crate) fn copy(&self, field: *const c_char) -> Option<String> {
        if field.is_null() {
            return None;
        }
        // SAFETY: not null (checked above), and `Lender::of` had it promised that the string is
        // NUL-terminated and lives as long as the borrow in `self`.
        let field = unsafe { CStr::from_ptr(field) };
        let text = field.to_string_lossy();
        (!text.is_empty()).then(|| text.into_owned())
    }
}

/// The strings that one call lends to libslurm; they live until the call is over.
#[derive(Default)]
pub(crate) struct Loan {
    strings: Vec<CString>,
}

impl Loan {
    /// Keeps a copy of `text` and returns its address, which stays valid while `self` lives.
    pub(crate) fn lend(
        &mut self,
        field: &'static str,
        text: impl Into<Vec<u8>>,
    ) -> Result<*const c_char, SlurmError> {
        let string = CString::new(text).map_err(|_| SlurmError::NulInside { field })?;
        // The bytes are on the heap: pushing the CString moves its handle, not its bytes.
        let address = string.as_ptr();
        self.strings.push(string);
        Ok(address)
    }

    /// Like [`Loan::lend`]; null stands for `None`.
    pub(crate) fn lend_option(
        &mut self,
        field: &'static str,
        text: Option<&str>,
    ) -> Result<*const c_char, SlurmError> {
        text.map_or(Ok(ptr::null()), |text| self.lend(field, text))
    }
}

impl Loan {
    /// Lends numbers as texts. The addresses live as long as `self`, their array as long as itself.
    pub(crate) fn lend_numbers(
        &mut self,
        field: &'static str,
        numbers: &[u32],
    ) -> Result<Vec<*const c_char>, SlurmError> {
        numbers.iter().map(|number| self.lend(field, number.to_string())).collect()
    }
}

/// Reads a NUL-terminated text from a buffer that a shim function filled.
pub(crate) fn from_buffer(buffer: &[u8]) -> String {
    CStr::from_bytes_until_nul(buffer)
        .map(|text| text.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_string_stays_where_it_is_when_more_are_lent() {
        let mut loan = Loan::default();
        let first = loan.lend("name", "first").unwrap();
        for _ in 0..100 {
            loan.lend("name", "another").unwrap();
        }
        // SAFETY: `loan` is alive and keeps every string it lent.
        let lender = unsafe { Lender::of(&loan) };
        assert_eq!(lender.copy(first).as_deref(), Some("first"));
    }

    #[test]
    fn null_and_empty_are_both_not_set() {
        let mut loan = Loan::default();
        let empty = loan.lend("name", "").unwrap();
        // SAFETY: as above.
        let lender = unsafe { Lender::of(&loan) };
        assert_eq!(lender.copy(empty), None);
        assert_eq!(lender.copy(ptr::null()), None);
    }

    #[test]
    fn a_nul_inside_is_refused_by_the_name_of_its_field() {
        let refused = Loan::default().lend("script", "a\0b");
        assert!(matches!(refused, Err(SlurmError::NulInside { field: "script" })));
    }

    #[test]
    fn a_buffer_ends_at_its_first_nul() {
        assert_eq!(from_buffer(b"node07\0rubbish"), "node07");
        assert_eq!(from_buffer(b"no end"), "");
    }
}
