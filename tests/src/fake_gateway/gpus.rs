//! The simulated nodes' GPUs: which are free, and who gets which.

/// Nodes with a fixed number of GPUs each; `true` is taken.
#[derive(Debug)]
pub(crate) struct Gpus {
    nodes: Vec<Vec<bool>>,
}

/// GPUs of one job: a node's name and its indexes there.
pub(crate) type Assigned = Vec<(String, u32)>;

impl Gpus {
    pub(crate) fn new(nodes: usize, per_node: u32) -> Self {
        Self { nodes: vec![vec![false; per_node as usize]; nodes] }
    }

    /// Takes `count` GPUs on the first node that has them free.
    pub(crate) fn take(&mut self, count: u32) -> Option<Assigned> {
        let wanted = count as usize;
        let free = |node: &Vec<bool>| node.iter().filter(|taken| !**taken).count();
        let at = self.nodes.iter().position(|node| free(node) >= wanted)?;
        let name = node_name(at);
        let node = self.nodes[at].iter_mut().zip(0..).filter(|(taken, _)| !**taken).take(wanted);
        Some(
            node.map(|(taken, index)| (std::mem::replace(taken, true), index))
                .map(|(_, index)| (name.clone(), index))
                .collect(),
        )
    }

    /// Gives them back.
    pub(crate) fn give_back(&mut self, assigned: &Assigned) {
        for (name, index) in assigned {
            let node = (0..self.nodes.len()).find(|at| node_name(*at) == *name);
            let slot = node.and_then(|at| self.nodes[at].get_mut(*index as usize));
            if let Some(taken) = slot {
                *taken = false;
            }
        }
    }
}

fn node_name(at: usize) -> String {
    format!("node{:02}", at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_gets_its_gpus_on_one_node() {
        let mut gpus = Gpus::new(2, 4);
        let first = gpus.take(3).unwrap();
        let second = gpus.take(2).unwrap();
        assert_eq!(first.iter().map(|(_, index)| *index).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(second, [("node02".to_owned(), 0), ("node02".to_owned(), 1)]);
        assert_eq!(gpus.take(3), None);
        gpus.give_back(&first);
        assert_eq!(gpus.take(4).map(|assigned| assigned.len()), Some(4));
    }
}
