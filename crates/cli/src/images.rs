//! The commands about images.

mod archive;
mod build;
mod credentials;
pub(crate) mod fetch;
pub(crate) mod list;
mod maintain;
mod names;
pub(crate) mod opened;
pub(crate) mod progress;
pub(crate) mod push;
pub(crate) mod sign;
pub(crate) mod table;

use std::process::ExitCode;

use crate::arguments::ImageCommand;
use crate::failure::Failure;

/// Carries out a command about images.
pub(crate) fn run(command: &ImageCommand) -> Result<ExitCode, Failure> {
    match command {
        ImageCommand::Build(arguments) => build::build(arguments),
        ImageCommand::Push(arguments) => push::push(arguments),
        ImageCommand::Pull(arguments) => fetch::pull(arguments),
        ImageCommand::Images(arguments) => list::images(arguments),
        ImageCommand::Tag(arguments) => names::tag(arguments),
        ImageCommand::Rmi(arguments) => names::remove(arguments),
        ImageCommand::Save(arguments) => archive::save(arguments),
        ImageCommand::Load(arguments) => archive::load(arguments),
        ImageCommand::Prune(arguments) => maintain::prune(arguments),
        ImageCommand::Fsck(arguments) => maintain::check(arguments),
        ImageCommand::Sign(arguments) => sign::sign(arguments),
        ImageCommand::Verify(arguments) => sign::verify(arguments),
        ImageCommand::Login(arguments) => credentials::login(arguments),
        ImageCommand::Logout(arguments) => credentials::logout(arguments),
    }?;
    Ok(ExitCode::SUCCESS)
}
