//! Leases with fencing tokens: one process writes, and a process that was given up writes nothing.

use crate::column::{Columns, int};
use crate::error::StoreError;
use crate::store::{Store, Transaction};

/// The right to write under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    name: String,
    holder: String,
    token: i64,
}

impl Store {
    /// Takes a lease that is free, expired, or this holder's own from before a restart. Times are
    /// in milliseconds of the callers' clock.
    ///
    /// # Errors
    /// [`StoreError::LeaseHeld`] while another holder has it.
    pub async fn acquire(&self, name: &str, holder: &str, now: u64, ttl: u64) -> Result<Lease, StoreError> {
        let mut transaction = self.write_unfenced().await?;
        let row = sqlx::query("SELECT holder, token, expires_at FROM leases WHERE name = ?")
            .bind(name)
            .fetch_optional(transaction.connection())
            .await?;
        let mut token = 1;
        if let Some(row) = &row {
            let columns = Columns(row);
            let (other, until) = (columns.text("holder")?, columns.uint("expires_at")?);
            if other != holder && until > now {
                return Err(StoreError::LeaseHeld { name: name.into(), holder: other, until });
            }
            token = columns.signed("token")? + 1;
        }
        sqlx::query("INSERT OR REPLACE INTO leases (name, holder, token, expires_at) VALUES (?, ?, ?, ?)")
            .bind(name)
            .bind(holder)
            .bind(token)
            .bind(int("expires_at", now.saturating_add(ttl))?)
            .execute(transaction.connection())
            .await?;
        transaction.commit().await?;
        Ok(Lease { name: name.into(), holder: holder.into(), token })
    }

    /// Extends a lease.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another process has taken it over.
    pub async fn renew(&self, lease: &Lease, now: u64, ttl: u64) -> Result<(), StoreError> {
        let mut transaction = self.write(lease).await?;
        sqlx::query("UPDATE leases SET expires_at = ? WHERE name = ?")
            .bind(int("expires_at", now.saturating_add(ttl))?)
            .bind(&lease.name)
            .execute(transaction.connection())
            .await?;
        transaction.commit().await
    }
}

impl Lease {
    pub(crate) async fn check(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let token: Option<i64> = sqlx::query_scalar("SELECT token FROM leases WHERE name = ?")
            .bind(&self.name)
            .fetch_optional(transaction.connection())
            .await?;
        if token == Some(self.token) {
            Ok(())
        } else {
            Err(StoreError::LeaseLost { name: self.name.clone(), token: self.token })
        }
    }
}
