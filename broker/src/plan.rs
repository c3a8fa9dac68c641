//! Job plans: what a person asks to run, the decision, and each attempt to run it.

mod admit;
mod again;
pub mod attempt;
mod error;
pub mod extend;
pub mod in_use;
pub mod keep;
pub mod need;
pub mod permit;
mod retry;
mod spec;
pub mod suspend;
pub mod task;
pub mod wish;
mod write;

pub(crate) use admit::would_be_refused;
pub use admit::{Admission, Ask, Quote, begin, quote, submit};
pub use again::again;
pub(crate) use again::ask_of;
pub use error::PlanError;
pub use retry::{RetryError, retry};

#[cfg(test)]
mod tests;
