//! Layouts of the socket extension (`__wasi_addr_t` and friends), as WAMR defines them.
