//! Things named on the command line: by id, or by a name that a list resolves.

use std::convert::Infallible;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::failure::Failure;
use crate::session::{Session, read};

/// An id, or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// The id itself.
    Id(Uuid),
    /// Something to look up.
    Name(String),
}

impl FromStr for Reference {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
    }
}

/// A row of a list that has an id and names.
pub(crate) trait Named: DeserializeOwned {
    /// The noun, one and several of it.
    const NOUN: (&'static str, &'static str);
    /// Where the list is.
    const LIST: &'static str;

    /// The id.
    fn id(&self) -> Uuid;

    /// True if people call it that.
    fn is_called(&self, name: &str) -> bool;
}

/// The id that is meant; looks a name up in the list of those the person may see.
pub(crate) async fn find<T: Named>(
    session: &Session,
    reference: &Reference,
) -> Result<Uuid, Failure> {
    let name = match reference {
        Reference::Id(id) => return Ok(*id),
        Reference::Name(name) => name,
    };
    let rows: Vec<T> = read(&session.client.get(T::LIST).await?)?;
    choose(&rows, name)
}

/// The one row of that name.
fn choose<T: Named>(rows: &[T], name: &str) -> Result<Uuid, Failure> {
    let called = rows.iter().filter(|row| row.is_called(name)).map(T::id);
    choose_among(called, T::NOUN, name)
}

/// The one id of those that are called `name`.
pub(crate) fn choose_among(
    mut called: impl Iterator<Item = Uuid>,
    (noun, nouns): (&'static str, &'static str),
    name: &str,
) -> Result<Uuid, Failure> {
    match (called.next(), called.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Failure::NoSuchName { noun, nouns, name: name.to_owned() }),
        (Some(_), Some(_)) => Err(Failure::NameTwice { nouns, name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Thing(Uuid, String);

    impl Named for Thing {
        const NOUN: (&'static str, &'static str) = ("thing", "things");
        const LIST: &'static str = "/v1/things";

        fn id(&self) -> Uuid {
            self.0
        }

        fn is_called(&self, name: &str) -> bool {
            self.1 == name
        }
    }

    #[test]
    fn a_reference_is_an_id_or_a_name() {
        let id = Uuid::from_u128(7);
        assert_eq!(id.to_string().parse(), Ok(Reference::Id(id)));
        assert_eq!("gene".parse(), Ok(Reference::Name("gene".to_owned())));
    }

    #[test]
    fn a_name_must_mean_exactly_one_thing() {
        let thing = |n, name: &str| Thing(Uuid::from_u128(n), name.to_owned());
        let things = [thing(1, "a"), thing(2, "b"), thing(3, "b")];
        assert_eq!(choose(&things, "a").unwrap(), Uuid::from_u128(1));
        assert!(matches!(choose(&things, "b"), Err(Failure::NameTwice { .. })));
        assert!(matches!(choose(&things, "c"), Err(Failure::NoSuchName { .. })));
    }
}
