//! What a record is: a row with an id and a tenant. Conditions on records, and pages of them.

use crate::sql::{Arg, Column, Row, Statement};
use crate::{Error, Id, TenantId};

/// Rows of a page at most.
pub(crate) const PAGE_ROWS_MAX: u32 = 1000;
/// Values of one [`Match::any_of`] at most.
const VALUES_MAX: usize = 1000;

/// A kind of row with an id, a tenant and an edition.
///
/// The edition rises with each change; a change of an older edition is a conflict. Only types of this crate are records.
pub trait Record: Sized + Send + Sync + 'static {
    /// Its id.
    type Id: Id + Column;
    /// What people call it: `device`.
    const WHAT: &'static str;
    #[doc(hidden)]
    const TABLE: &'static str;
    /// The columns by which it can be looked up; the first four are `id`, `tenant`, `edition` and `created_ms`.
    const COLUMNS: &'static [&'static str];
    /// The columns that never change.
    #[doc(hidden)]
    const FIXED: &'static [&'static str];

    /// Its id.
    fn id(&self) -> Self::Id;
    /// Whose it is.
    fn tenant(&self) -> TenantId;
    /// Which edition this is.
    fn edition(&self) -> u64;
    /// The tenant that must be in scope for it to be made.
    #[doc(hidden)]
    fn home(&self) -> TenantId;
    #[doc(hidden)]
    fn args(&self) -> Vec<Arg>;
    #[doc(hidden)]
    fn read(row: &Row, first: usize) -> Result<Self, Error>;
    /// The rows of others that it names: kind, table, id.
    #[doc(hidden)]
    fn references(&self) -> Vec<(&'static str, &'static str, Arg)>;
}

/// A condition on one column.
#[derive(Clone, Debug)]
pub struct Match {
    column: &'static str,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Equals(Arg),
    AnyOf(Vec<Arg>),
    AtMost(Arg),
    AtLeast(Arg),
    Null,
    NotNull,
}

impl Match {
    /// The column has this value.
    #[must_use]
    pub fn equals(column: &'static str, value: &impl Column) -> Self {
        Self {
            column,
            test: Test::Equals(value.arg()),
        }
    }

    /// The column has one of these values, of which there are 1000 at most.
    #[must_use]
    pub fn any_of<C: Column>(column: &'static str, values: &[C]) -> Self {
        Self {
            column,
            test: Test::AnyOf(values.iter().map(Column::arg).collect()),
        }
    }

    /// The column has this value or a smaller one.
    #[must_use]
    pub fn at_most(column: &'static str, value: &impl Column) -> Self {
        Self {
            column,
            test: Test::AtMost(value.arg()),
        }
    }

    /// The column has this value or a greater one.
    #[must_use]
    pub fn at_least(column: &'static str, value: &impl Column) -> Self {
        Self {
            column,
            test: Test::AtLeast(value.arg()),
        }
    }

    /// The column has no value.
    #[must_use]
    pub const fn null(column: &'static str) -> Self {
        Self {
            column,
            test: Test::Null,
        }
    }

    /// The column has a value.
    #[must_use]
    pub const fn not_null(column: &'static str) -> Self {
        Self {
            column,
            test: Test::NotNull,
        }
    }

    pub(crate) fn append<R: Record>(&self, statement: &mut Statement) -> Result<(), Error> {
        if !R::COLUMNS.contains(&self.column) {
            return Err(Error::Column {
                what: R::WHAT,
                column: self.column,
            });
        }
        statement.push(" AND ").push(self.column);
        match &self.test {
            Test::Equals(arg) => statement.push(" = ").bind_arg(arg.clone()),
            Test::AtMost(arg) => statement.push(" <= ").bind_arg(arg.clone()),
            Test::AtLeast(arg) => statement.push(" >= ").bind_arg(arg.clone()),
            Test::Null => statement.push(" IS NULL"),
            Test::NotNull => statement.push(" IS NOT NULL"),
            Test::AnyOf(args) => {
                limit("values of a filter", args.len(), VALUES_MAX)?;
                if args.is_empty() {
                    statement.push(" IS NULL AND 1 = 0")
                } else {
                    statement
                        .push(" IN (")
                        .bind_all(args.iter().cloned())
                        .push(")")
                }
            }
        };
        Ok(())
    }
}

/// Which part of a list is wanted. Lists are in the order of ids, that is of creation.
#[derive(Clone, Debug)]
pub struct Page {
    /// After this id; none: from the beginning.
    pub after: Option<String>,
    /// Rows at most, 1 to 1000; more are cut off, and 0 is 1.
    pub limit: u32,
    /// The newest first.
    pub is_backwards: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            after: None,
            limit: 100,
            is_backwards: false,
        }
    }
}

impl Page {
    /// The first so many.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub(crate) fn rows(&self) -> u32 {
        self.limit.clamp(1, PAGE_ROWS_MAX)
    }

    /// Appends what begins after the last page, and the order.
    pub(crate) fn append(&self, statement: &mut Statement, column: &str) {
        if let Some(after) = &self.after {
            statement.push(" AND ").push(column);
            statement
                .push(if self.is_backwards { " < " } else { " > " })
                .bind(after);
        }
        statement.push(" ORDER BY ").push(column);
        statement.push(if self.is_backwards {
            " DESC LIMIT "
        } else {
            " LIMIT "
        });
        // One more tells whether there is a next page.
        statement.bind(&(u64::from(self.rows()) + 1));
    }
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to give as `after` for the next part; none: this is the last.
    pub next: Option<String>,
}

impl<T> Listed<T> {
    /// Cuts off the row that was asked for only to see whether there are more.
    pub(crate) fn cut(mut items: Vec<T>, page: &Page, id: impl Fn(&T) -> String) -> Self {
        let rows = page.rows() as usize;
        let has_more = items.len() > rows;
        items.truncate(rows);
        let next = if has_more { items.last().map(id) } else { None };
        Self { items, next }
    }
}

pub(crate) fn limit(what: &'static str, given: usize, most: usize) -> Result<(), Error> {
    if given > most {
        return Err(Error::Limit {
            what,
            given: given as u64,
            most: most as u64,
        });
    }
    Ok(())
}

/// Declares a record: its struct, with the five fields that all have, and how it is stored.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $name:ident($id:ident) is $what:literal in $table:literal
        $(, names [$($reference:ident in $target:ident),*])?
        $(, fixed [$($fixed:ident),*])?
        $(, home $home:ident)?
        {
            $($(#[$field_meta:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            /// Its id.
            pub id: crate::$id,
            /// Whose it is; of a tenant, itself. Never changes.
            pub tenant: crate::TenantId,
            /// Rises with each change; 0 before it is kept.
            pub edition: u64,
            /// When it was made. Never changes.
            pub created_ms: i64,
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl crate::Record for $name {
            type Id = crate::$id;
            const WHAT: &'static str = $what;
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] =
                &["id", "tenant", "edition", "created_ms", $(stringify!($field)),*];
            const FIXED: &'static [&'static str] = &[$($(stringify!($fixed)),*)?];

            fn id(&self) -> crate::$id {
                self.id
            }

            fn tenant(&self) -> crate::TenantId {
                self.tenant
            }

            fn edition(&self) -> u64 {
                self.edition
            }

            fn home(&self) -> crate::TenantId {
                let home = self.tenant;
                $(let _ = home; let home = self.$home;)?
                home
            }

            fn args(&self) -> Vec<crate::sql::Arg> {
                use crate::sql::Column as _;
                vec![
                    self.id.arg(),
                    self.tenant.arg(),
                    self.edition.arg(),
                    self.created_ms.arg(),
                    $(self.$field.arg(),)*
                ]
            }

            fn read(row: &crate::sql::Row, first: usize) -> Result<Self, crate::Error> {
                let mut next = first..;
                let mut index = || next.next().unwrap_or(first);
                Ok(Self {
                    id: row.column(index())?,
                    tenant: row.column(index())?,
                    edition: row.column(index())?,
                    created_ms: row.column(index())?,
                    $($field: row.column(index())?,)*
                })
            }

            fn references(&self) -> Vec<(&'static str, &'static str, crate::sql::Arg)> {
                vec![$($((
                    <crate::$target as crate::Record>::WHAT,
                    <crate::$target as crate::Record>::TABLE,
                    crate::sql::Column::arg(&self.$reference),
                )),*)?]
            }
        }
    };
}

pub(crate) use record;
