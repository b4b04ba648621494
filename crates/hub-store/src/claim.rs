//! Using claim codes.

use crate::sql::Statement;
use crate::{Audit, ClaimCode, Error, Record, Scope, Write};

impl Write {
    /// Uses a claim code once, if it has uses left, has not ended and was not taken back; the code, with what is left. Two that
    /// use the last use of a code at once: one gets it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] in every other case: who tries codes learns nothing.
    pub async fn use_claim_code(
        &mut self,
        scope: &Scope,
        hash: &[u8],
        now_ms: i64,
        audit: &Audit,
    ) -> Result<ClaimCode, Error> {
        let mut statement = Statement::new(
            "UPDATE claim_codes SET uses_left = uses_left - 1, edition = edition + 1 \
             WHERE uses_left > 0 AND revoked_ms IS NULL AND hash = ",
        );
        statement
            .bind(&hash.to_vec())
            .push(" AND expires_ms > ")
            .bind(&now_ms)
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        statement
            .push(" RETURNING ")
            .push(&ClaimCode::COLUMNS.join(", "));
        let row = self.connection().row(statement).await?;
        let code = ClaimCode::read(
            &row.ok_or(Error::NotFound {
                what: ClaimCode::WHAT,
            })?,
            0,
        )?;
        self.tell(code.tenant, audit);
        Ok(code)
    }
}
