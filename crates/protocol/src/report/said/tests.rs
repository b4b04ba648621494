//! What is made of every state and phase that a device can report.

use alloc::vec;
use alloc::vec::Vec;

use thimble_image::Digest;

use super::{Change, Goal, Said};
use crate::ids::{DeploymentId, StateVersion};
use crate::report::{
    ContainerStatus, DeploymentState as State, DeploymentStatus, Phase, Reason, ReasonCode, Report,
};

const DEPLOYMENT: DeploymentId = DeploymentId([1; 16]);

fn status(state: State, phase: Phase, code: Option<ReasonCode>) -> DeploymentStatus {
    DeploymentStatus {
        deployment: DEPLOYMENT,
        manifest: Digest::of(b"new"),
        running: None,
        state,
        phase,
        reason: code.map(|code| Reason {
            code,
            text: "the press is closed".into(),
        }),
        containers: Vec::new(),
    }
}

fn report(adopted: u64, deployments: Option<Vec<DeploymentStatus>>) -> Report {
    Report {
        adopted: StateVersion(adopted),
        deployments,
        ..Report::default()
    }
}

fn change(goal: Goal) -> Change {
    Change {
        deployment: DEPLOYMENT,
        goal,
        version: StateVersion(5),
        newest: StateVersion(9),
    }
}

#[test]
fn what_was_said_before_is_about_something_else() {
    let done = status(State::Installed, Phase::Idle, None);
    let install = change(Goal::Installed(Some(Digest::of(b"new"))));
    let says = |adopted, deployments| {
        let report = report(adopted, deployments);
        matches!(report.says_of(&install), Said::Nothing)
    };
    assert!(says(4, Some(vec![done.clone()])));
    assert!(says(5, None));
    assert!(says(5, Some(Vec::new())));
    assert!(!says(5, Some(vec![done])));
}

#[test]
fn an_install_is_done_when_its_own_manifest_is_in_force() {
    let why = Some("the press is closed");
    for (state, phase, code, said) in [
        (State::Pending, Phase::Idle, None, Said::Working),
        (State::Installing, Phase::Probation, None, Said::Working),
        (State::Installed, Phase::Idle, None, Said::Done),
        (State::Failed, Phase::Idle, None, Said::Failed { why: None }),
        (State::Failed, Phase::RollingBack, None, Said::Working),
        (
            State::Installed,
            Phase::RolledBack,
            Some(ReasonCode::Crashed),
            Said::Failed { why },
        ),
        (State::Pending, Phase::Vetoed, None, Said::Vetoed),
        (State::Pending, Phase::Waiting, None, Said::Waiting),
        (
            State::Pending,
            Phase::Waiting,
            Some(ReasonCode::OutsideWindow),
            Said::Waiting,
        ),
        (
            State::Pending,
            Phase::Waiting,
            Some(ReasonCode::Held),
            Said::Held,
        ),
    ] {
        let report = report(5, Some(vec![status(state, phase, code)]));
        for manifest in [None, Some(Digest::of(b"new"))] {
            let install = change(Goal::Installed(manifest));
            assert_eq!(report.says_of(&install), said, "{state:?} {phase:?}");
        }
        let other = change(Goal::Installed(Some(Digest::of(b"other"))));
        assert_eq!(report.says_of(&other), Said::Working, "{state:?} {phase:?}");
    }
}

#[test]
fn a_removal_is_done_when_nothing_is_said_of_it_any_more() {
    let removal = change(Goal::Removed);
    let says = |deployments| {
        let report = report(5, Some(deployments));
        let said = report.says_of(&removal);
        (
            said == Said::Done,
            said == Said::Vetoed,
            matches!(said, Said::Failed { .. }),
        )
    };
    let one = |state, phase| vec![status(state, phase, None)];
    assert_eq!(says(Vec::new()), (true, false, false));
    assert_eq!(says(one(State::Removed, Phase::Idle)), (true, false, false));
    assert_eq!(says(one(State::Failed, Phase::Idle)), (false, false, true));
    assert_eq!(
        says(one(State::Removing, Phase::Vetoed)),
        (false, true, false)
    );
    assert_eq!(
        says(one(State::Removing, Phase::Switching)),
        (false, false, false)
    );
    let early = report(4, Some(Vec::new()));
    assert_eq!(early.says_of(&removal), Said::Nothing);
    let of_another_life = report(10, Some(Vec::new()));
    assert_eq!(of_another_life.says_of(&removal), Said::Nothing);
}

#[test]
fn what_may_be_down_is_known() {
    let with = |state: &str, health: &str| {
        let mut status = status(State::Installed, Phase::Idle, None);
        status.containers.push(ContainerStatus {
            name: "main".into(),
            state: state.into(),
            health: health.into(),
            restarts: 0,
            last_end: None,
        });
        status.is_unhealthy()
    };
    assert!(with("failed", "none") && with("running", "unhealthy"));
    assert!(!with("running", "healthy") && !with("created", "starting"));
    for (state, phase, is_retrying) in [
        (State::Installed, Phase::Idle, false),
        (State::Failed, Phase::Idle, true),
        (State::Failed, Phase::RolledBack, false),
        (State::Pending, Phase::Fetching, true),
        (State::Pending, Phase::Waiting, true),
        (State::Installing, Phase::Probation, true),
    ] {
        assert_eq!(
            status(state, phase, None).is_retrying(),
            is_retrying,
            "{phase:?}"
        );
    }
}
