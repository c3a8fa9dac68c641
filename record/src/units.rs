//! The two integer units of the product: GPU-seconds and µSEK.
//!
//! Both are whole and never negative. A correction is a new ledger entry in the other direction,
//! not a minus sign, and no float touches either.

use std::fmt;

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// Accepts `amount` if it is not negative.
            pub const fn new(amount: i64) -> Option<Self> {
                if amount >= 0 { Some(Self(amount)) } else { None }
            }

            /// The amount as the database keeps it.
            pub const fn get(self) -> i64 {
                self.0
            }

            /// `self + other`, or `None` above the range of a `bigint`.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// `self - other`, or `None` below zero.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                Self::new(self.0 - other.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let amount = i64::deserialize(input)?;
                Self::new(amount)
                    .ok_or_else(|| serde::de::Error::custom(concat!($unit, " cannot be negative")))
            }
        }
    };
}

amount! {
    /// Time on one allocation unit of a GPU class, in seconds.
    GpuSeconds, "GPU-seconds"
}

amount! {
    /// Money inside the broker, in millionths of a krona.
    MicroSek, "µSEK"
}

impl MicroSek {
    /// One krona.
    pub const KRONA: Self = Self(1_000_000);

    /// One öre, the smallest money on paper.
    pub const ORE: Self = Self(10_000);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_below_zero_does_not_exist() {
        assert_eq!(GpuSeconds::new(-1), None);
        assert!(serde_json::from_str::<MicroSek>("-1").is_err());
    }

    #[test]
    fn subtraction_below_zero_is_refused_not_clipped() {
        let (one, two) = (GpuSeconds::new(1).unwrap(), GpuSeconds::new(2).unwrap());
        assert_eq!(one.checked_sub(two), None);
    }
}
