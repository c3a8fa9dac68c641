//! The simulated nodes' GPUs: which are free, and who gets which.

/// Nodes with a fixed number of GPUs each; `true` is taken.
#[derive(Debug)]
pub(crate) struct Gpus {
    nodes: Vec<Vec<bool>>,
}

/// GPUs of one job: a node's name and its indexes there.
pub(crate) type Assigned = Vec<(String, u32)>;

/// What a job asks of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) count: u32,
    /// Nobody else may be there, and all of the node's GPUs are the job's.
    pub(crate) whole_node: bool,
}

impl Gpus {
    pub(crate) fn new(nodes: usize, per_node: u32) -> Self {
        Self { nodes: vec![vec![false; per_node as usize]; nodes] }
    }

    /// The nodes' names.
    pub(crate) fn names(&self) -> Vec<String> {
        (0..self.nodes.len()).map(node_name).collect()
    }

    /// Takes GPUs on the first node that has them free and that `may_use` allows.
    pub(crate) fn take(
        &mut self,
        wanted: Wanted,
        may_use: impl Fn(&str) -> bool,
    ) -> Option<Assigned> {
        let fits = |node: &Vec<bool>| wanted.fits(free(node), node.len());
        let at =
            (0..self.nodes.len()).find(|at| fits(&self.nodes[*at]) && may_use(&node_name(*at)))?;
        let name = node_name(at);
        let count = if wanted.whole_node { self.nodes[at].len() } else { wanted.count as usize };
        let node = self.nodes[at].iter_mut().zip(0..).filter(|(taken, _)| !**taken).take(count);
        Some(
            node.map(|(taken, index)| (std::mem::replace(taken, true), index))
                .map(|(_, index)| (name.clone(), index))
                .collect(),
        )
    }

    /// True if the node would have room once `given_back` more of its GPUs were free.
    pub(crate) fn would_fit(&self, node: &str, wanted: Wanted, given_back: usize) -> bool {
        self.at(node).is_some_and(|at| {
            let node = &self.nodes[at];
            wanted.fits(free(node) + given_back, node.len())
        })
    }

    /// Gives them back.
    pub(crate) fn give_back(&mut self, assigned: &Assigned) {
        for (name, index) in assigned {
            let slot = self.at(name).and_then(|at| self.nodes[at].get_mut(*index as usize));
            if let Some(taken) = slot {
                *taken = false;
            }
        }
    }

    fn at(&self, name: &str) -> Option<usize> {
        (0..self.nodes.len()).find(|at| node_name(*at) == *name)
    }
}

impl Wanted {
    fn fits(self, free: usize, all: usize) -> bool {
        let needed = if self.whole_node { all } else { self.count as usize };
        free >= needed.max(self.count as usize)
    }
}

fn free(node: &[bool]) -> usize {
    node.iter().filter(|taken| !**taken).count()
}

fn node_name(at: usize) -> String {
    format!("node{:02}", at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: u32) -> Wanted {
        Wanted { count, whole_node: false }
    }

    #[test]
    fn a_job_gets_its_gpus_on_one_node() {
        let mut gpus = Gpus::new(2, 4);
        let first = gpus.take(some(3), |_| true).unwrap();
        let second = gpus.take(some(2), |_| true).unwrap();
        assert_eq!(first.iter().map(|(_, index)| *index).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(second, [("node02".to_owned(), 0), ("node02".to_owned(), 1)]);
        assert_eq!(gpus.take(some(3), |_| true), None);
        gpus.give_back(&first);
        assert_eq!(gpus.take(some(4), |_| true).map(|assigned| assigned.len()), Some(4));
    }

    #[test]
    fn a_whole_node_is_empty_before_and_full_after() {
        let mut gpus = Gpus::new(2, 4);
        let whole = Wanted { count: 1, whole_node: true };
        gpus.take(some(1), |_| true).unwrap();
        assert_eq!(gpus.take(whole, |_| true).map(|assigned| assigned.len()), Some(4));
        assert_eq!(gpus.take(whole, |_| true), None);
        assert!(gpus.would_fit("node01", whole, 1));
    }
}
