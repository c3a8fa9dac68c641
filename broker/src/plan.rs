//! Job plans: what a person asks to run, the decision, and each attempt to run it.

mod admit;
mod again;
pub mod attempt;
pub mod in_use;
pub mod permit;
mod spec;
mod write;

pub use admit::{Admission, Ask, PlanError, Quote, quote, submit};
pub use again::again;
pub(crate) use again::ask_of;

#[cfg(test)]
mod tests;
