//! Registries: the pull and push machines (OCI distribution specification 1.1).
