//! Registries over HTTP: drives the pull and push machines of `thimble-image`.
