//! Manifests that were signed: signing again would give other bytes, and with them another digest.

use crate::sql::{Column, Statement};
use crate::{Error, Read, Scope, TenantId, Write};

/// A manifest that was signed. Its envelope is among the blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedManifest {
    /// The SHA-256 of what was signed, and with which key.
    pub content: [u8; 32],
    /// The digest of the envelope.
    pub digest: [u8; 32],
    /// The bytes of the envelope.
    pub bytes: u32,
}

impl Read {
    /// Reads what became of a content when it was signed; none: it never was.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn signed_manifest(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        content: [u8; 32],
    ) -> Result<Option<SignedManifest>, Error> {
        let mut statement = Statement::new("SELECT digest, bytes FROM manifests WHERE tenant = ");
        statement.bind(&tenant).push(" AND content = ");
        statement.bind(&content).push(" AND ");
        scope.condition(&mut statement, "tenant");
        let Some(row) = self.connection().row(statement).await? else {
            return Ok(None);
        };
        Ok(Some(SignedManifest {
            content,
            digest: row.column(0)?,
            bytes: row.column(1)?,
        }))
    }
}

impl Write {
    /// Keeps what became of a content when it was signed; the first one stays.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the tenant is not in the scope; the database's.
    pub async fn put_signed_manifest(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        manifest: &SignedManifest,
    ) -> Result<(), Error> {
        self.require(scope, "tenant", "tenants", tenant.arg())
            .await?;
        let row = vec![
            tenant.arg(),
            manifest.content.arg(),
            manifest.digest.arg(),
            manifest.bytes.arg(),
        ];
        let columns = ["tenant", "content", "digest", "bytes"];
        let update = " ON CONFLICT (tenant, content) DO NOTHING";
        self.bulk("manifests", &columns, vec![row], update)
            .await
            .map(drop)
    }
}
