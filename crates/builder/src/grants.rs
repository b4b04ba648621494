//! Compares what a recipe asks for with what its module imports.
//!
//! A call that is imported need not be made, and a grant's scope cannot be told from an import: so what is found here
//! is for people to weigh. Only a grant that nobody can read is an error.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use thimble_abi::calls::{Call, SockCall, WasiCall};
use thimble_abi::{CallSpec, GrantKind};
use thimble_image::ImageConfig;
use thimble_runtime::grant::{Grant, GrantError, Grants};
use thimble_runtime::module::Module;

/// What does not fit between a recipe and its module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantReport {
    /// What imports need and nobody asks for.
    pub missing: Vec<Missing>,
    /// What is asked for and no import can use.
    pub superfluous: Vec<Superfluous>,
}

/// Calls that always fail, because no grant that they need is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The grants of which one is enough, the usual one first.
    pub grants: &'static [GrantKind],
    /// The calls, as the module imports them.
    pub calls: Vec<&'static str>,
}

/// Something that is asked for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Superfluous {
    /// A grant, as it was written.
    Grant(String),
    /// A volume, by its path.
    Volume(String),
}

/// Compares what a configuration asks for with what a module imports. A volume brings the grant `fs` with it.
///
/// # Errors
/// [`GrantError`] names the first grant that cannot be read, and says what would be right.
pub fn check(config: &ImageConfig, module: &Module) -> Result<GrantReport, GrantError> {
    let mut granted = Grants::parse(config.grants.iter().map(String::as_str))?;
    if !config.volumes.is_empty() {
        granted.add(Grant::Files);
    }
    let imports: Vec<_> = module.imports().iter().map(|import| import.spec).collect();
    let mut superfluous = Vec::new();
    for text in &config.grants {
        let grants = Grants::parse([text.as_str()])?;
        let kinds: Vec<_> = grants.as_slice().iter().map(Grant::kind).collect();
        // `console` gives nothing that is not there anyway, and Ocre's recipes have it.
        if !kinds.is_empty() && !kinds.iter().any(|kind| is_usable(*kind, &imports)) {
            superfluous.push(Superfluous::Grant(text.clone()));
        }
    }
    if !is_usable(GrantKind::Files, &imports) {
        superfluous.extend(config.volumes.iter().cloned().map(Superfluous::Volume));
    }
    Ok(GrantReport {
        missing: missing(&granted, &imports),
        superfluous,
    })
}

impl GrantReport {
    /// Whether everything fits.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.superfluous.is_empty()
    }

    /// What does not fit, each in one line.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let missing = self.missing.iter().map(ToString::to_string);
        missing.chain(self.superfluous.iter().map(ToString::to_string))
    }
}

fn missing(granted: &Grants, imports: &[&'static CallSpec]) -> Vec<Missing> {
    let mut calls: BTreeMap<&'static [GrantKind], Vec<&'static str>> = BTreeMap::new();
    for spec in imports {
        let grants = enough(spec);
        if grants.is_empty() || grants.iter().any(|kind| granted.any(*kind)) {
            continue;
        }
        let calls = calls.entry(grants).or_default();
        if !calls.contains(&spec.name) {
            calls.push(spec.name);
        }
    }
    calls
        .into_iter()
        .map(|(grants, calls)| Missing { grants, calls })
        .collect()
}

/// The grants of which a call needs one; empty if it can do without.
fn enough(spec: &CallSpec) -> &'static [GrantKind] {
    match spec.call {
        // The call table names one grant for a call; these do with either of two, or depend on the socket.
        Call::Sock(SockCall::Bind) => &[GrantKind::NetListen, GrantKind::NetConnect],
        Call::Sock(SockCall::Listen) => &[GrantKind::NetListen],
        Call::Sock(SockCall::SendTo) => &[GrantKind::NetConnect, GrantKind::NetListen],
        Call::Sock(SockCall::AddrResolve) => &[GrantKind::NetResolve, GrantKind::NetConnect],
        _ => spec.needs.map_or(&[], alone),
    }
}

/// A list of one.
const fn alone(kind: GrantKind) -> &'static [GrantKind] {
    match kind {
        GrantKind::Files => &[GrantKind::Files],
        GrantKind::Network => &[GrantKind::Network],
        GrantKind::NetListen => &[GrantKind::NetListen],
        GrantKind::NetConnect => &[GrantKind::NetConnect],
        GrantKind::NetResolve => &[GrantKind::NetResolve],
        GrantKind::BusPublish => &[GrantKind::BusPublish],
        GrantKind::BusSubscribe => &[GrantKind::BusSubscribe],
        GrantKind::Gpio => &[GrantKind::Gpio],
        GrantKind::Sensor => &[GrantKind::Sensor],
        GrantKind::Timer => &[GrantKind::Timer],
        GrantKind::KeyValue => &[GrantKind::KeyValue],
        _ => &[],
    }
}

/// Whether some import can do with this grant what it cannot do without.
fn is_usable(kind: GrantKind, imports: &[&'static CallSpec]) -> bool {
    imports.iter().any(|spec| {
        // A mount's own folder can be listed without opening a path.
        let lists = spec.call == Call::Wasi(WasiCall::FdReaddir) && kind == GrantKind::Files;
        lists || enough(spec).contains(&kind)
    })
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |names: &[&str], word: &str| {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(word)
        };
        let grants: Vec<_> = self.grants.iter().map(|kind| kind.name()).collect();
        write!(
            formatter,
            "{} {} the grant {}, which is not asked for",
            quoted(&self.calls, ", "),
            if self.calls.len() == 1 {
                "needs"
            } else {
                "need"
            },
            quoted(&grants, " or ")
        )
    }
}

impl fmt::Display for Superfluous {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant(text) => write!(
                formatter,
                "the grant `{text}` is asked for, but no import of the module can use it"
            ),
            Self::Volume(path) => write!(
                formatter,
                "the volume `{path}` is asked for, but no import of the module can use files"
            ),
        }
    }
}
