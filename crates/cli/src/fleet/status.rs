//! `thimble fleet status`.

use clap::Args;

use crate::arguments::Shape;
use crate::device::Rows;
use crate::failure::Failure;
use crate::output::Output;

use super::fields::SUMMARY;
use super::session::Session;

#[derive(Args)]
pub(super) struct StatusArguments {
    #[command(flatten)]
    shape: Shape,
}

/// Shows the fleet in numbers.
pub(super) fn status(arguments: &StatusArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, SUMMARY)?;
    let summary = session.ask(session.client.status())?;
    output.one(&summary, || {
        let mut rows = Rows::default();
        rows.add("hub", &session.hub);
        rows.add("active", summary.active.to_string());
        rows.add("out of date", summary.out_of_date.to_string());
        let pending = match summary.pending {
            0 => "0".to_owned(),
            count => format!("{count}; `thimble fleet enrol pending` lists them"),
        };
        rows.add("pending", pending);
        rows.add("revoked", summary.revoked.to_string());
        rows.add("retired", summary.retired.to_string());
        rows.text()
    })
}
