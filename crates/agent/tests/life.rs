//! Each path of an update, by what the device does and what it says.

mod support;

use support::{Device, Fault, app, id};
use thimble_protocol::report::{DeploymentState, Phase};

#[test]
fn an_app_is_installed_updated_and_removed() {
    let mut device = Device::new();
    let first = device.publish(&app(1, "1"), Fault::None);
    device.declare(std::slice::from_ref(&first));
    assert_eq!(
        device.take_log(),
        [
            "fetch 300",
            "fetch 200",
            "fetch 10001",
            "verify 1 1",
            "apply 1 1"
        ]
    );
    assert_eq!(
        device.phase(id(1)),
        (DeploymentState::Installing, Phase::Probation, None)
    );
    device.pass_polling(120, 30);
    assert_eq!(
        device.phase(id(1)),
        (DeploymentState::Installed, Phase::Idle, None)
    );
    assert_eq!(device.agent.status(device.now).committed.0, 1);
}
