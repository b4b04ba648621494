//! The calls, one for each path and method.

mod fleet;
mod people;
mod plans;

use crate::device::DeviceState;

use super::Call;

/// Which part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paged {
    /// What the page before gave as `next`.
    pub after: Option<String>,
    /// Items at most.
    pub limit: Option<u32>,
}

/// Which devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceQuery {
    /// Labels: `line=1, site in (a, b)`.
    pub selector: Option<String>,
    /// Whether it is one of the fleet.
    pub state: Option<DeviceState>,
    /// The hardware type.
    pub model: Option<String>,
    /// What its name or serial number contains.
    pub text: Option<String>,
    /// Only those that do not have yet what they are to have.
    pub out_of_date: bool,
}

impl Paged {
    fn on<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.with("after", self.after.as_ref())
            .with("limit", self.limit)
    }
}

impl DeviceQuery {
    fn on<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.with("selector", self.selector.as_ref())
            .with("state", self.state.map(DeviceState::name))
            .with("model", self.model.as_ref())
            .with("text", self.text.as_ref())
            .with("out_of_date", self.out_of_date.then_some("true"))
    }
}
