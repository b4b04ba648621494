//! The macro that turns one readable list into an enum and its descriptions.

/// Declares the calls of one import module.
///
/// Each line reads like the import's declaration:
/// `"what it does." Variant = "import_name"(name: kind, …) -> result, pace [needs grant];`
macro_rules! calls {
    (
        $(#[$meta:meta])*
        pub enum $enum:ident as $wrap:ident in $module:literal {
            $(
                $summary:literal
                $variant:ident = $name:literal ( $($param:ident : $kind:ident),* $(,)? ) -> $result:ident,
                $pace:ident $(, needs $grant:ident)? ;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $enum {
            $( #[doc = $summary] $variant, )*
        }

        impl $enum {
            /// The description of this call.
            #[must_use]
            pub fn spec(self) -> &'static $crate::calls::CallSpec {
                // The table is in declaration order, so the discriminant is the index.
                &SPECS[self as usize]
            }

            /// What the documentation says of this call.
            #[must_use]
            pub fn description(self) -> &'static $crate::calls::Description {
                // In declaration order too.
                &DESCRIPTIONS[self as usize]
            }
        }

        pub(super) static SPECS: &[$crate::calls::CallSpec] = &[
            $( $crate::calls::CallSpec {
                call: $crate::calls::Call::$wrap($enum::$variant),
                module: $module,
                name: $name,
                parameters: &[ $( $crate::calls::macros::kind!($kind) ),* ],
                returns: $crate::calls::macros::returns!($result),
                pace: $crate::calls::Pace::$pace,
                needs: $crate::calls::macros::needs!($($grant)?),
            }, )*
        ];

        static DESCRIPTIONS: &[$crate::calls::Description] = &[
            $( $crate::calls::Description {
                summary: $summary,
                parameters: &[ $( stringify!($param) ),* ],
            }, )*
        ];
    };
}

macro_rules! kind {
    (i32) => {
        $crate::calls::ParameterKind::I32
    };
    (i64) => {
        $crate::calls::ParameterKind::I64
    };
    (f64) => {
        $crate::calls::ParameterKind::F64
    };
    (ptr) => {
        $crate::calls::ParameterKind::Pointer
    };
    (str) => {
        $crate::calls::ParameterKind::String
    };
    (len) => {
        $crate::calls::ParameterKind::Length
    };
    (fd) => {
        $crate::calls::ParameterKind::Descriptor
    };
}

macro_rules! returns {
    (nothing) => {
        $crate::calls::ReturnKind::None
    };
    (errno) => {
        $crate::calls::ReturnKind::Errno
    };
    (i32) => {
        $crate::calls::ReturnKind::I32
    };
    (i64) => {
        $crate::calls::ReturnKind::I64
    };
    (f64) => {
        $crate::calls::ReturnKind::F64
    };
}

macro_rules! needs {
    () => {
        None
    };
    ($grant:ident) => {
        Some($crate::grant::GrantKind::$grant)
    };
}

pub(super) use {calls, kind, needs, returns};
