//! The head of a side table: what is where, in the module and in the table.

/// Declares the head: each field is a word, in this order.
macro_rules! head {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// What is where in the module and in the table.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Head {
            $($(#[$doc])* pub(crate) $field: u32,)*
        }

        /// How many words it has.
        pub(super) const FIELDS: usize = [$(stringify!($field)),*].len();

        impl Head {
            pub(super) const fn fields(&self) -> [u32; FIELDS] {
                [$(self.$field),*]
            }

            pub(super) const fn from_fields(fields: [u32; FIELDS]) -> Self {
                let [$($field),*] = fields;
                Self { $($field),* }
            }
        }
    };
}

head! {
    /// Bytes of the module.
    module_bytes,
    /// Bytes of the table.
    table_bytes,
    /// Where the parts of the table begin, in bytes.
    types,
    functions,
    elements,
    branches,
    data,
    /// How many there are.
    type_count,
    function_count,
    import_count,
    element_count,
    data_count,
    global_count,
    table_count,
    /// The contents of sections in the module; 0 where there is none.
    type_section,
    import_section,
    table_section,
    memory_section,
    global_section,
    export_section,
    element_section,
    data_section,
    /// The start function and 1, or 0.
    start,
}
