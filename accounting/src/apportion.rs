//! Apportioning a whole among its parts by largest remainder.
//!
//! An invoice line is rounded once, over its sum. Its runs share that figure: each gets its exact
//! share rounded down, and what is left over goes one by one to the largest remainders. The shares
//! add up to the whole, always, and none is a unit or more away from its exact value.

/// Shares `whole` in proportion to `weights`; ties go to the earlier part.
///
/// `None` if a figure is negative, or if there is something to share and nothing to share it by.
pub fn by_largest_remainder(whole: i64, weights: &[i64]) -> Option<Vec<i64>> {
    if whole < 0 || weights.iter().any(|&weight| weight < 0) {
        return None;
    }
    let total: i128 = weights.iter().copied().map(i128::from).sum();
    if total == 0 {
        return (whole == 0).then(|| vec![0; weights.len()]);
    }
    let mut shares = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut left = whole;
    for (index, &weight) in weights.iter().enumerate() {
        let exact = i128::from(whole) * i128::from(weight);
        let share = i64::try_from(exact / total).ok()?;
        left -= share;
        shares.push(share);
        remainders.push((exact % total, index));
    }
    remainders.sort_by_key(|&(remainder, index)| (std::cmp::Reverse(remainder), index));
    for (_, index) in remainders.into_iter().take(usize::try_from(left).ok()?) {
        shares[index] += 1;
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, prop_assume, proptest};

    use super::*;

    #[test]
    fn a_krona_among_three_gives_the_odd_ore_to_the_first() {
        assert_eq!(by_largest_remainder(100, &[1, 1, 1]), Some(vec![34, 33, 33]));
    }

    #[test]
    fn the_largest_remainder_comes_first() {
        // Exact shares 1.2, 2.8 and 6.0 of ten.
        assert_eq!(by_largest_remainder(10, &[12, 28, 60]), Some(vec![1, 3, 6]));
    }

    #[test]
    fn nothing_can_be_shared_by_nothing_but_something_cannot() {
        assert_eq!(by_largest_remainder(0, &[0, 0]), Some(vec![0, 0]));
        assert_eq!(by_largest_remainder(1, &[0, 0]), None);
        assert_eq!(by_largest_remainder(1, &[]), None);
        assert_eq!(by_largest_remainder(-1, &[1]), None);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_stay_within_one_of_exact(
            whole in 0..=i64::MAX,
            weights in proptest::collection::vec(0..=i64::MAX, 1..40),
        ) {
            let total: i128 = weights.iter().copied().map(i128::from).sum();
            prop_assume!(total > 0);
            let shares = by_largest_remainder(whole, &weights).unwrap();
            prop_assert_eq!(shares.iter().copied().map(i128::from).sum::<i128>(), i128::from(whole));
            for (&share, &weight) in shares.iter().zip(&weights) {
                let floor = i128::from(whole) * i128::from(weight) / total;
                prop_assert!((floor..=floor + 1).contains(&i128::from(share)));
            }
        }
    }
}
