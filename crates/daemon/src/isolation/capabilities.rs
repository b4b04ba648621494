//! Capabilities: all but one are given up.

use caps::{CapSet, Capability, CapsHashSet};

use super::{IsolationError, LowPorts, Report};

/// Gives up all capabilities, in all sets, but the one for low ports if it is there and wanted.
pub(super) fn give_up(low_ports: LowPorts, report: &mut Report) -> Result<(), IsolationError> {
    let permitted = read(CapSet::Permitted, "permitted")?;
    let kept: CapsHashSet = permitted
        .iter()
        .copied()
        .filter(|capability| {
            low_ports == LowPorts::Keep && *capability == Capability::CAP_NET_BIND_SERVICE
        })
        .collect();
    // The bounding set first: it is CAP_SETPCAP that allows it, which does not count unless it is effective.
    let bounded = read(CapSet::Effective, "effective")?.contains(&Capability::CAP_SETPCAP);
    if bounded {
        shrink_bounding(&kept)?;
    }
    if caps::runtime::ambient_set_supported().is_ok() {
        caps::clear(None, CapSet::Ambient).map_err(|error| failed("ambient", error))?;
    }
    // Children need none: what they execute is this program, and it needs none there.
    for (set, name, value) in [
        (CapSet::Inheritable, "inheritable", &CapsHashSet::new()),
        (CapSet::Effective, "effective", &kept),
        (CapSet::Permitted, "permitted", &kept),
    ] {
        caps::set(None, set, value).map_err(|error| failed(name, error))?;
    }
    // Where the bounding set could not be shrunk it gives nothing: what is executed gains nothing from it
    // without new privileges.
    let words = if kept.is_empty() {
        "no capabilities"
    } else {
        "no capabilities but that for low ports"
    };
    report.done(words);
    Ok(())
}

fn shrink_bounding(kept: &CapsHashSet) -> Result<(), IsolationError> {
    for capability in read(CapSet::Bounding, "bounding")?.difference(kept) {
        caps::drop(None, CapSet::Bounding, *capability)
            .map_err(|error| failed("bounding", error))?;
    }
    Ok(())
}

fn read(set: CapSet, name: &'static str) -> Result<CapsHashSet, IsolationError> {
    caps::read(None, set).map_err(|error| failed(name, error))
}

fn failed(set: &'static str, error: caps::errors::CapsError) -> IsolationError {
    IsolationError::Capabilities { set, error }
}
