//! In which order deployments are installed.

use alloc::vec::Vec;

use thimble_protocol::DeploymentId;

/// Sorts so that each comes after those it depends on, else as they were. Dependencies on others than these do not count.
/// The second list are those that cannot be sorted: they depend on themselves, or on one that does.
pub(crate) fn sort(
    nodes: &[(DeploymentId, &[DeploymentId])],
) -> (Vec<DeploymentId>, Vec<DeploymentId>) {
    let mut sorted: Vec<DeploymentId> = Vec::with_capacity(nodes.len());
    let is_one = |id: &DeploymentId| nodes.iter().any(|(node, _)| node == id);
    loop {
        let next = nodes.iter().find(|(node, needs)| {
            let is_met = |need: &DeploymentId| !is_one(need) || sorted.contains(need);
            !sorted.contains(node) && needs.iter().all(is_met)
        });
        match next {
            Some((node, _)) => sorted.push(*node),
            None => break,
        }
    }
    let stuck = nodes
        .iter()
        .map(|(node, _)| *node)
        .filter(|node| !sorted.contains(node))
        .collect();
    (sorted, stuck)
}

#[cfg(test)]
mod tests;
