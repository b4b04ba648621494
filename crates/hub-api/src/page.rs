//! Lists, a page at a time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Items of a page at most.
pub const PAGE_ITEMS_MAX: u32 = 1000;
/// Items of a page if nothing is said.
pub const PAGE_ITEMS: u32 = 100;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// What to ask with as `after` for those that follow; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
