//! The devices' listener: TLS 1.3 with devices' certificates, HTTP/1.1, and what is behind it.
//!
//! Everything that comes in is hostile until its certificate and its form were checked, and nothing of it costs more than the
//! limits in [`Settings`]. Polls are answered from [`versions`] without the store; everything else passes a [`gate`]. Which
//! version a device is to have, and who may be one of the fleet, is decided elsewhere: behind [`Fleet`].

pub mod answer;
mod blob;
mod body;
mod connection;
mod counts;
mod enrol;
pub mod fleet;
pub mod gate;
mod guard;
pub mod listener;
pub mod pace;
mod park;
mod report;
mod route;
pub mod seen;
pub mod settings;
pub mod side;
mod state;
pub mod stored;
pub mod versions;

pub use fleet::{
    Answer, ByteStream, EnrolDecision, EnrolRefused, Enrolment, Fleet, FleetError, Reported,
    StoredState,
};
pub use listener::{Listener, ListenerError};
pub use settings::Settings;
pub use side::{Clock, DeviceSide, Parts};
pub use stored::{BlobSource, StoredFleet};
pub use versions::{Known, KnownDevice, Versions};

#[cfg(test)]
mod tests;
