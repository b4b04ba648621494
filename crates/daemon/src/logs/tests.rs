//! What logs promise.
