//! Limits: what bounds use besides the grants themselves.
//!
//! A [`use_limit`] says how many GPUs and jobs an agency or a project may have at once. A [`policy`]
//! is what an agency has decided to do when its use reaches a share of what it was granted. Both are
//! versioned data: a change is a new row, and the newest counts.

pub mod policy;
pub mod use_limit;
