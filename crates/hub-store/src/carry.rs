//! All rows of a tenant, to be carried to another hub: as JSON, with their ids, whatever database they come from.
//!
//! A column is what it is in both databases: a number, a text, or bytes (`{"hex": "…"}`). Rows of an older or newer version of
//! the tables are refused, not guessed at. Sessions, leases and clocks are of one hub and stay there, and so do roles and
//! approvals of users of other tenants.

use serde_json::{Map, Value, json};

use crate::sql::{Arg, Column, Statement};
use crate::{DeviceId, Error, NewState, Read, Scope, TenantId, Write};

/// Rows of one page.
const ROWS: u32 = 1000;

/// A table, and what orders its rows.
struct Carried {
    table: &'static str,
    order: &'static str,
    and: &'static str,
    /// Columns that name rows of the tenant, and of which tables.
    names: &'static [(&'static str, &'static str)],
}

/// Accounts of the tenant itself.
const OWN_ACCOUNT: &str = " AND account IN (SELECT id FROM users WHERE users.tenant = ";

const fn carried(
    table: &'static str,
    order: &'static str,
    names: &'static [(&'static str, &'static str)],
) -> Carried {
    Carried {
        table,
        order,
        and: "",
        names,
    }
}

const DEVICE: &[(&str, &str)] = &[("device", "devices")];

/// In an order in which nothing names what does not exist yet.
const TABLES: &[Carried] = &[
    carried("tenants", "id", &[]),
    carried("users", "id", &[]),
    Carried {
        table: "role_bindings",
        order: "id",
        and: OWN_ACCOUNT,
        names: &[("account", "users")],
    },
    carried("claim_codes", "id", &[]),
    carried("devices", "id", &[("claim_code", "claim_codes")]),
    carried("device_labels", "device, label", DEVICE),
    carried("device_certs", "id", DEVICE),
    carried("expected_devices", "id", DEVICE),
    carried("device_states", "device", DEVICE),
    carried("device_status", "device", DEVICE),
    carried("last_seen", "device", DEVICE),
    carried("holders", "device", DEVICE),
    carried("log_requests", "id", DEVICE),
    carried("apps", "id", &[]),
    carried("app_versions", "id", &[("app", "apps")]),
    carried("deployments", "id", &[("app", "apps")]),
    carried(
        "deployment_revisions",
        "id",
        &[
            ("deployment", "deployments"),
            ("app_version", "app_versions"),
        ],
    ),
    carried("rollouts", "id", &[("deployment", "deployments")]),
    carried(
        "assignments",
        "device, deployment",
        &[
            ("device", "devices"),
            ("deployment", "deployments"),
            ("rollout", "rollouts"),
        ],
    ),
    carried(
        "rollout_devices",
        "rollout, device",
        &[("device", "devices"), ("rollout", "rollouts")],
    ),
    Carried {
        table: "approvals",
        order: "id",
        and: OWN_ACCOUNT,
        names: &[("account", "users")],
    },
    carried("secrets", "id", &[]),
    carried("secret_revisions", "id", &[("secret", "secrets")]),
    carried(
        "seals",
        "device, secret",
        &[("device", "devices"), ("secret", "secrets")],
    ),
    carried("audit", "sequence", &[]),
    carried("audit_heads", "tenant", &[]),
    carried("webhooks", "id", &[]),
    carried("keys", "id", &[]),
    carried("settings", "name", &[]),
    carried("events", "id", DEVICE),
];

/// The tables whose rows belong to a tenant, in the order in which they are written.
pub fn tenant_tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|carried| carried.table)
}

/// A type that columns have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Bytes,
}

fn known(table: &str) -> Result<&'static Carried, Error> {
    let found = TABLES.iter().find(|carried| carried.table == table);
    found.ok_or_else(|| nonsense(table, "there is no such table"))
}

fn nonsense(column: &str, reason: impl Into<String>) -> Error {
    Error::Corrupt {
        column: column.to_owned(),
        reason: reason.into(),
    }
}

impl Read {
    /// Reads a page of a tenant's rows of a table: those after the first so many. Use one [`crate::Store::snapshot`] for all.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the tenant is not in the scope; the database's.
    pub async fn tenant_rows(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        table: &str,
        after: u64,
    ) -> Result<Vec<Map<String, Value>>, Error> {
        self.require(scope, "tenant", "tenants", tenant.arg())
            .await?;
        let carried = known(table)?;
        let columns = self.columns(carried.table).await?;
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let mut statement = Statement::new("SELECT ");
        statement.push(&names.join(", ")).push(" FROM ");
        statement
            .push(carried.table)
            .push(" WHERE tenant = ")
            .bind(&tenant);
        if !carried.and.is_empty() {
            statement.push(carried.and).bind(&tenant).push(")");
        }
        statement.push(" ORDER BY ").push(carried.order);
        statement.push(" LIMIT ").bind(&ROWS);
        statement.push(" OFFSET ").bind(&after);
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| {
                let values = columns.iter().enumerate().map(|(index, (name, kind))| {
                    let value = match kind {
                        Kind::Int => json!(row.int_option(index)?),
                        Kind::Text => json!(row.text_option(index)?),
                        Kind::Bytes => match row.bytes_option(index)? {
                            Some(bytes) => json!({ "hex": hex(&bytes) }),
                            None => Value::Null,
                        },
                    };
                    Ok((name.clone(), value))
                });
                values.collect()
            })
            .collect()
    }

    /// The columns of a table.
    async fn columns(&mut self, table: &'static str) -> Result<Vec<(String, Kind)>, Error> {
        let is_postgres = self.connection().is_postgres();
        let mut statement = Statement::new(if is_postgres {
            "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = "
        } else {
            "SELECT name, type FROM pragma_table_info("
        });
        statement.bind(&table.to_owned());
        statement.push(if is_postgres {
            " ORDER BY ordinal_position"
        } else {
            ") ORDER BY cid"
        });
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| {
                let (name, kind): (String, String) = (row.column(0)?, row.column(1)?);
                let kind = match kind.to_ascii_lowercase().as_str() {
                    "bigint" => Kind::Int,
                    "bytea" | "blob" => Kind::Bytes,
                    _ => Kind::Text,
                };
                Ok((name, kind))
            })
            .collect()
    }
}

impl Write {
    /// Writes rows of a tenant as [`Read::tenant_rows`] gave them; tables in the order of [`tenant_tables`]. The tenant comes
    /// below this parent. The transaction needs an entry of the audit trail besides, which goes behind those that came.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if they are not rows of this tenant and of these tables; [`Error::Exists`] if some are here already;
    /// [`Error::NotFound`] if the parent is not in the scope.
    pub async fn put_tenant_rows(
        &mut self,
        scope: &Scope,
        (tenant, parent): (TenantId, TenantId),
        table: &str,
        rows: &[Map<String, Value>],
    ) -> Result<(), Error> {
        self.require(scope, "tenant", "tenants", parent.arg())
            .await?;
        let carried = known(table)?;
        let columns = self.columns(carried.table).await?;
        let mut args = Vec::with_capacity(rows.len());
        for row in rows {
            args.push(row_args(row, &columns, tenant)?);
        }
        match carried.table {
            "tenants" => {
                let position = columns.iter().position(|(name, _)| name == "parent");
                for row in &mut args {
                    if let Some(arg) = position.and_then(|position| row.get_mut(position)) {
                        *arg = parent.arg();
                    }
                }
            }
            // They are published, so that every node hears of them.
            "device_states" => return self.put_states(tenant, rows),
            _ => {}
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let count = args.len();
        self.bulk(carried.table, &names, args, "").await?;
        if carried.table == "tenants" && count > 0 {
            self.reach(tenant, parent).await?;
        }
        self.check_names(carried, tenant).await
    }

    /// Finds out that rows of a tenant name only rows of that tenant: what comes from elsewhere may say anything.
    async fn check_names(&mut self, carried: &Carried, tenant: TenantId) -> Result<(), Error> {
        for (column, target) in carried.names {
            let table = carried.table;
            let mut statement = Statement::new(&format!(
                "SELECT COUNT(*) FROM {table} JOIN {target} ON {target}.id = {table}.{column} \
                 WHERE {target}.tenant <> {table}.tenant AND {table}.tenant = "
            ));
            statement.bind(&tenant);
            if self.number(statement).await? > 0 {
                return Err(nonsense(
                    column,
                    format!("it names another tenant's row of {target}"),
                ));
            }
        }
        Ok(())
    }

    fn put_states(&mut self, tenant: TenantId, rows: &[Map<String, Value>]) -> Result<(), Error> {
        for row in rows {
            let value = |name: &str| row.get(name).unwrap_or(&Value::Null);
            let bytes = |name: &str| {
                let bytes = value(name)
                    .get("hex")
                    .and_then(Value::as_str)
                    .and_then(from_hex);
                bytes.ok_or_else(|| nonsense(name, "no bytes"))
            };
            let device = value("device")
                .as_str()
                .and_then(|id| id.parse::<DeviceId>().ok());
            let state = NewState {
                device: device.ok_or_else(|| nonsense("device", "no id"))?,
                version: value("version")
                    .as_u64()
                    .ok_or_else(|| nonsense("version", "no number"))?,
                digest: bytes("digest")?
                    .try_into()
                    .map_err(|_| nonsense("digest", "not 32 bytes"))?,
                payload: bytes("payload")?,
                at_ms: value("at_ms")
                    .as_i64()
                    .ok_or_else(|| nonsense("at_ms", "no number"))?,
            };
            self.states.push((Scope::authenticated(tenant), state));
        }
        Ok(())
    }
}

fn row_args(
    row: &Map<String, Value>,
    columns: &[(String, Kind)],
    tenant: TenantId,
) -> Result<Vec<Arg>, Error> {
    if row.len() != columns.len() {
        return Err(nonsense(
            "a row",
            "it has other columns: another version of the hub wrote it",
        ));
    }
    if row.get("tenant").and_then(Value::as_str) != Some(tenant.to_string().as_str()) {
        return Err(nonsense("tenant", "it is another tenant's"));
    }
    let args = columns.iter().map(|(name, kind)| {
        let value = row
            .get(name)
            .ok_or_else(|| nonsense(name, "it is missing: another version of the hub wrote it"))?;
        let arg = match (kind, value) {
            (Kind::Int, Value::Null) => Some(Arg::Int(None)),
            (Kind::Int, value) => value.as_i64().map(|value| Arg::Int(Some(value))),
            (Kind::Text, Value::Null) => Some(Arg::Text(None)),
            (Kind::Text, value) => value
                .as_str()
                .map(|value| Arg::Text(Some(value.to_owned()))),
            (Kind::Bytes, Value::Null) => Some(Arg::Bytes(None)),
            (Kind::Bytes, value) => {
                let bytes = value.get("hex").and_then(Value::as_str).and_then(from_hex);
                bytes.map(|bytes| Arg::Bytes(Some(bytes)))
            }
        };
        arg.ok_or_else(|| nonsense(name, "it is of another type"))
    });
    args.collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = hex.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    });
    pairs.collect()
}
