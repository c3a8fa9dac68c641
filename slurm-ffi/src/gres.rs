//! Which GPUs a job holds on a node, read from Slurm's GRES detail.
//!
//! Slurm writes `gpu:h200:3(IDX:0,2-3),nic:1(IDX:0)`, one text per allocated node. The index is
//! the position in gres.conf's `File=` list, which is the minor number of `/dev/nvidiaN`.

/// The GPU indexes in one node's GRES detail, ascending as Slurm wrote them.
pub(crate) fn gpu_indexes(detail: &str) -> Vec<u32> {
    entries(detail).filter(|entry| is_gpu(entry)).flat_map(indexes).collect()
}

/// Cuts at the commas that are not inside parentheses.
fn entries(detail: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    detail.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => (),
        }
        letter == ',' && depth == 0
    })
}

/// The GPU types in a node's GRES as slurm.conf has it: `h200` of `gpu:h200:8(S:0-1)`.
pub(crate) fn gpu_types(gres: &str) -> Vec<String> {
    entries(gres)
        .filter(|entry| is_gpu(entry))
        .filter_map(gpu_type)
        .map(ToOwned::to_owned)
        .collect()
}

/// What stands between the name and the count; a lone number is a count.
fn gpu_type(entry: &str) -> Option<&str> {
    let entry = entry.split_once('(').map_or(entry, |(entry, _)| entry);
    let word = entry.split(':').nth(1)?;
    (!word.is_empty() && !word.bytes().all(|byte| byte.is_ascii_digit())).then_some(word)
}

fn is_gpu(entry: &str) -> bool {
    entry == "gpu" || entry.starts_with("gpu:") || entry.starts_with("gpu(")
}

fn indexes(entry: &str) -> Vec<u32> {
    let Some((_, rest)) = entry.split_once("(IDX:") else {
        return Vec::new();
    };
    rest.trim_end_matches(')').split(',').flat_map(range).collect()
}

/// `3` or `0-2`; anything else (Slurm writes `N/A` for a count without files) names no GPU.
fn range(text: &str) -> Vec<u32> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse::<u32>(), last.parse::<u32>()) {
        // A node with more GPUs than this is a garbled text, not a node.
        (Ok(first), Ok(last)) if last < 4096 => (first..=last).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_names_every_gpu_in_it() {
        assert_eq!(gpu_indexes("gpu:h200:3(IDX:3-5)"), [3, 4, 5]);
    }

    #[test]
    fn single_gpus_and_ranges_mix() {
        assert_eq!(gpu_indexes("gpu:h200:4(IDX:0,2-3,7)"), [0, 2, 3, 7]);
    }

    #[test]
    fn a_type_stands_between_name_and_count() {
        assert_eq!(gpu_types("gpu:h200:8(S:0-1),nic:mlx:2"), ["h200"]);
        assert_eq!(gpu_types("gpu:1g.18gb:7,gpu:a40:2"), ["1g.18gb", "a40"]);
        assert_eq!(gpu_types("gpu:8,gpu"), [] as [&str; 0]);
    }

    #[test]
    fn other_devices_are_not_gpus() {
        assert_eq!(gpu_indexes("nic:1(IDX:0),gpu:h200:1(IDX:6),gpumem:2(IDX:1)"), [6]);
    }

    #[test]
    fn two_types_on_one_node_add_up() {
        assert_eq!(gpu_indexes("gpu:h200:1(IDX:1),gpu:a40:2(IDX:4-5)"), [1, 4, 5]);
    }

    #[test]
    fn what_cannot_be_read_names_no_gpu() {
        for text in [
            "",
            "gpu:h200:2",
            "gpu:2(CNT:2)",
            "gpu:1(IDX:N/A)",
            "gpu:1(IDX:",
            "gpu:(IDX:0-4294967295)",
        ] {
            assert_eq!(gpu_indexes(text), [] as [u32; 0], "{text}");
        }
    }
}
