//! The greater priority wins, equals change nothing, dependencies come first, and nothing is placed where it does not fit.

use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::{Deployment, Misfit, Needs, Offer, Placer, Verdict};
use crate::ids::DeploymentId;
use crate::label::Labels;
use crate::selector::Selector;

fn deployment(id: u8, app: &str, selector: &str, priority: i32) -> Deployment {
    Deployment {
        id: DeploymentId([id; 16]),
        app: app.to_owned(),
        selector: Selector::parse(selector).unwrap(),
        priority,
        needs: Needs {
            ram_bytes: 100,
            containers: 1,
            ..Needs::default()
        },
        depends_on: Vec::new(),
    }
}

fn offer(ram_bytes: u64) -> Offer {
    Offer {
        architecture: "thumbv7em".to_owned(),
        ram_bytes,
        storage_bytes: 1000,
        containers_max: 3,
        grants: vec!["gpio".to_owned(), "net:tcp".to_owned()],
    }
}

fn verdict(deployments: &[Deployment], offer: Option<&Offer>, id: u8) -> Verdict {
    let labels = Labels::new([("line".to_owned(), "1".to_owned())]).unwrap();
    let verdicts = Placer::new(deployments).unwrap().place(&labels, offer);
    verdicts
        .get(&DeploymentId([id; 16]))
        .cloned()
        .unwrap_or_default()
}

#[test]
fn the_greater_priority_wins_and_equals_change_nothing() {
    let offer = offer(1000);
    let with = DeploymentId([2; 16]);
    let mut deployments = vec![
        deployment(1, "app", "line=1", 0),
        deployment(2, "app", "", 1),
        deployment(3, "app", "line=2", 9),
        deployment(4, "other", "line=1", 0),
    ];
    let check = |deployments: &[Deployment], expected: [Verdict; 4]| {
        for (id, expected) in (1..).zip(expected) {
            assert_eq!(verdict(deployments, Some(&offer), id), expected, "{id}");
        }
    };
    check(
        &deployments,
        [
            Verdict::Superseded { by: with },
            Verdict::Placed,
            Verdict::NotSelected,
            Verdict::Placed,
        ],
    );
    deployments[1].priority = 0;
    check(
        &deployments,
        [
            Verdict::Conflict { with },
            Verdict::Conflict {
                with: DeploymentId([1; 16]),
            },
            Verdict::NotSelected,
            Verdict::Placed,
        ],
    );
}

#[test]
fn a_deployment_needs_those_that_it_depends_on() {
    let offer = offer(250);
    let mut deployments = vec![
        deployment(1, "a", "", 5),
        deployment(2, "b", "", 0),
        deployment(3, "c", "", 1),
    ];
    deployments[0].depends_on = vec![DeploymentId([2; 16])];
    // Two fit: the dependency comes with the one that needs it, before what has less priority.
    assert_eq!(verdict(&deployments, Some(&offer), 1), Verdict::Placed);
    assert_eq!(verdict(&deployments, Some(&offer), 2), Verdict::Placed);
    assert_eq!(
        verdict(&deployments, Some(&offer), 3),
        Verdict::DoesNotFit(Misfit::Ram {
            needed_bytes: 100,
            free_bytes: 50
        })
    );
    deployments[1].selector = Selector::parse("line=9").unwrap();
    let missing = Verdict::MissingDependency {
        deployment: DeploymentId([2; 16]),
    };
    assert_eq!(verdict(&deployments, Some(&offer), 1), missing);
    deployments.remove(1);
    assert_eq!(verdict(&deployments, Some(&offer), 1), missing);
}

#[test]
fn a_circle_is_named() {
    let mut deployments = vec![
        deployment(1, "a", "", 5),
        deployment(2, "b", "", 0),
        deployment(3, "c", "", 1),
    ];
    deployments[0].depends_on = vec![DeploymentId([2; 16])];
    deployments[1].depends_on = vec![DeploymentId([3; 16])];
    deployments[2].depends_on = vec![DeploymentId([2; 16])];
    let error = Placer::new(&deployments).unwrap_err().to_string();
    assert_eq!(
        error,
        "deployments depend on each other in a circle: b (02020202-0202-0202-0202-020202020202) needs \
         c (03030303-0303-0303-0303-030303030303) needs b (02020202-0202-0202-0202-020202020202)"
    );
}

#[test]
fn nothing_is_placed_where_it_does_not_fit() {
    let offer = offer(1000);
    let check = |needs: Needs, expected: &str| {
        let mut one = deployment(1, "a", "", 0);
        one.needs = needs;
        match verdict(&[one], Some(&offer), 1) {
            Verdict::DoesNotFit(misfit) => assert_eq!(misfit.to_string(), expected),
            Verdict::Placed => assert_eq!("placed", expected),
            other => panic!("{other:?}"),
        }
    };
    let none = Needs::default;
    let grants = |grant: &str| Needs {
        grants: vec![grant.to_owned()],
        ..none()
    };
    check(none(), "placed");
    check(grants("gpio:led0"), "placed");
    check(grants("net:tcp"), "placed");
    check(grants("net"), "the device does not offer net");
    check(grants("gpios"), "the device does not offer gpios");
    let architectures = vec!["x86_64".to_owned()];
    check(
        Needs {
            architectures,
            ..none()
        },
        "not built for the architecture thumbv7em",
    );
    check(
        Needs {
            storage_bytes: 1001,
            ..none()
        },
        "needs 1001 bytes of storage, 1000 are left",
    );
    check(
        Needs {
            containers: 4,
            ..none()
        },
        "needs 4 containers, 3 are left",
    );
    assert_eq!(
        verdict(&[deployment(1, "a", "", 0)], None, 1),
        Verdict::DoesNotFit(Misfit::Unknown)
    );
}
