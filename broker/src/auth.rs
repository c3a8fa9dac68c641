//! Who is calling, and whether they may.
//!
//! Every route stands in one table ([`table::RULES`]); a route that is not in the table is refused
//! to everybody, so that nobody can forget a check. Roles decide which routes a person may use;
//! membership of an agency or a project, checked by the handlers, decides on which objects.

mod caller;
mod gate;
mod key;
mod role;
pub mod table;

pub use caller::Caller;
pub use gate::CallingNode;
pub use gate::authorize;
pub(crate) use gate::{COOKIE, cookie};
pub use key::{AccessKey, digest};
pub use role::{Role, RoleError, RoleHeld, give, roles_of};
