use alloc::vec::Vec;

use thimble_protocol::DeploymentId;

use super::sort;

const fn id(number: u8) -> DeploymentId {
    DeploymentId([number; 16])
}

fn check(nodes: &[(u8, &[u8])], sorted: &[u8], stuck: &[u8]) {
    let needs: Vec<Vec<DeploymentId>> = nodes
        .iter()
        .map(|(_, needs)| needs.iter().map(|need| id(*need)).collect())
        .collect();
    let given: Vec<(DeploymentId, &[DeploymentId])> = nodes
        .iter()
        .zip(&needs)
        .map(|((node, _), needs)| (id(*node), needs.as_slice()))
        .collect();
    let ids = |numbers: &[u8]| numbers.iter().map(|number| id(*number)).collect::<Vec<_>>();
    assert_eq!(sort(&given), (ids(sorted), ids(stuck)), "{nodes:?}");
}

#[test]
fn dependencies_come_first_and_the_order_stays_otherwise() {
    check(&[], &[], &[]);
    check(&[(3, &[]), (1, &[]), (2, &[])], &[3, 1, 2], &[]);
    check(&[(1, &[3]), (2, &[]), (3, &[2])], &[2, 3, 1], &[]);
    check(
        &[(1, &[2, 3]), (2, &[4]), (3, &[4]), (4, &[])],
        &[4, 2, 3, 1],
        &[],
    );
    check(&[(1, &[9]), (2, &[])], &[1, 2], &[]);
}

#[test]
fn circles_and_what_depends_on_them_are_told() {
    check(&[(1, &[1]), (2, &[])], &[2], &[1]);
    check(
        &[(1, &[2]), (2, &[1]), (3, &[1]), (4, &[])],
        &[4],
        &[1, 2, 3],
    );
}
