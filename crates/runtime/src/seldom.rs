//! State that few containers have: it takes a pointer until it is first changed.

use alloc::boxed::Box;
use core::ops::{Deref, DerefMut};

/// A value that can be looked at before there is one.
pub(crate) trait Unused: Default + 'static {
    /// What it is as long as nobody has changed it: the default.
    const UNUSED: &'static Self;
}

/// A value in a box, which is made when it is first changed.
#[derive(Debug, Default)]
pub(crate) struct Seldom<T>(Option<Box<T>>);

impl<T> Seldom<T> {
    /// One that has been changed.
    pub(crate) fn used(value: T) -> Self {
        Self(Some(Box::new(value)))
    }
}

impl<T: Unused> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::UNUSED)
    }
}

impl<T: Unused> DerefMut for Seldom<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}
