//! The pages: one file each, a view in, HTML out.

pub mod agency;
pub mod crisis;
pub mod finance;
pub mod frame;
pub mod fund;
pub mod home;
pub mod job;
pub mod login;
pub mod operator;
mod part;
pub mod problem;
pub mod project;
pub mod why;
