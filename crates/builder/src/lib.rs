//! Makes images: packs modules, reads recipes, checks what is asked for against what is used.
//!
//! Owns the way from what a developer has (a module, a recipe) to the documents and blobs of an image. Reads files
//! and writes none; the caller puts the blobs into a store. The same input always gives the same image.

#![forbid(unsafe_code)]

pub mod grants;
pub mod image;
pub mod module;
pub mod pack;
pub mod recipe;
pub mod units;
pub mod yaml;
