//! What a container may use at most.

/// Limits of one container. Breaking one harms only that container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Table elements.
    pub table_elements: u32,
    /// Bytes of operands and frames, for engines that run modules in place: none for what the engine gives each guest.
    /// Other engines have a measure of their own.
    pub stack_bytes: Option<u32>,
    /// Open descriptors, standard streams and mounts included.
    pub descriptors: u32,
    /// Open sockets among them.
    pub sockets: u32,
    /// Timers, Ocre's and our own each.
    pub timers: u32,
    /// Bus subscriptions.
    pub subscriptions: u32,
    /// Messages that wait to be received.
    pub queue_messages: u32,
    /// Bytes of the messages that wait to be received.
    pub queue_bytes: u32,
    /// Bytes of one message's payload.
    pub message_bytes: u32,
    /// Bytes of all keys and values in the container's store.
    pub store_bytes: u64,
    /// Bytes of the files in the container's own storage, what the file system needs for them included.
    pub storage_bytes: u64,
    /// Files, directories and links in the container's own storage.
    pub storage_files: u64,
    /// Bytes of output that are kept for the exit record.
    pub output_tail_bytes: u32,
}

impl Default for Limits {
    /// What a container on a Linux device gets unless told otherwise. Go programs need tens of megabytes,
    /// so memory is generous; it is not used until touched.
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            table_elements: 100_000,
            stack_bytes: None,
            descriptors: 256,
            sockets: 64,
            timers: 64,
            subscriptions: 64,
            queue_messages: 1024,
            queue_bytes: 1 << 20,
            message_bytes: 256 << 10,
            store_bytes: 1 << 20,
            storage_bytes: 64 << 20,
            storage_files: 16_384,
            output_tail_bytes: 4096,
        }
    }
}
