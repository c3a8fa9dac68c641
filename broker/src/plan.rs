//! Job plans: what a person asks to run, the decision, and each attempt to run it.

mod admit;
pub mod attempt;
pub mod permit;
mod spec;

pub use admit::{Admission, Ask, PlanError, Quote, quote, submit};

#[cfg(test)]
mod tests;
