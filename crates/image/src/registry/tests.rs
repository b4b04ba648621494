//! Tests of the machines: answers in, requests out.

mod harness;
mod parsing;
mod pulls;
mod pushes;
