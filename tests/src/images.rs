//! Images from end to end: built, run, pushed to and pulled from a real registry, signed, saved, loaded, and killed
//! in the middle of everything.

mod archive;
mod build;
mod device;
mod foreign;
mod kill;
mod registry;
mod trust;
