//! Rows of environments.

use quotas::Inconsistency;
use quotas::project::DataClass;
use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::environment::{Environment, EnvironmentError, NewEnvironment, SftpAddress};
use crate::signature::ManifestKey;

/// The same two words as in the crate that owns projects, as this schema writes them.
#[derive(Clone, Copy, Debug, sqlx::Type)]
#[sqlx(type_name = "staging.data_class", rename_all = "snake_case")]
enum DataClassWord {
    Open,
    Confidential,
}

struct EnvironmentRow {
    environment_id: Uuid,
    name: String,
    operator: String,
    host_organisation: String,
    sftp_host: String,
    sftp_port: i32,
    sftp_user: String,
    sftp_root: String,
    manifest_key: Vec<u8>,
    data_classes: Vec<DataClassWord>,
}

/// Makes an environment known. An equal repeat changes nothing.
pub async fn create(
    tx: &mut PgConnection,
    new: &NewEnvironment,
    stamp: &Stamp<'_>,
) -> Result<Environment, EnvironmentError> {
    new.check()?;
    let wanted = Environment {
        environment_id: new.environment_id,
        name: new.name.clone(),
        operator: new.operator.clone(),
        host_organisation: new.host_organisation.clone(),
        sftp: new.sftp.clone(),
        manifest_key: new.manifest_key,
        data_classes: new.data_classes.clone(),
    };
    let classes: Vec<DataClassWord> = wanted.data_classes.iter().map(|&it| it.into()).collect();
    let inserted = sqlx::query!(
        "insert into staging.environment (environment_id, name, operator, host_organisation,
             sftp_host, sftp_port, sftp_user, sftp_root, manifest_key, data_classes, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict do nothing",
        wanted.environment_id,
        wanted.name,
        wanted.operator,
        wanted.host_organisation,
        wanted.sftp.host,
        i32::from(wanted.sftp.port),
        wanted.sftp.user,
        wanted.sftp.root,
        &wanted.manifest_key.as_bytes()[..],
        &classes as &[DataClassWord],
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return match by_id(tx, wanted.environment_id).await? {
            Some(known) if known == wanted => Ok(known),
            Some(other) => Err(EnvironmentError::EnvironmentIdReused(other.environment_id)),
            None => Err(EnvironmentError::EnvironmentNameTaken(wanted.name)),
        };
    }
    let details = json!({ "name": wanted.name, "manifest_key": wanted.manifest_key });
    stamp.audit(tx, "environment.create", ("environment", wanted.environment_id), details).await?;
    Ok(wanted)
}

/// One environment.
pub async fn by_id(
    tx: &mut PgConnection,
    environment_id: Uuid,
) -> Result<Option<Environment>, sqlx::Error> {
    let row = sqlx::query_as!(
        EnvironmentRow,
        r#"select environment_id, name, operator, host_organisation, sftp_host, sftp_port,
               sftp_user, sftp_root, manifest_key, data_classes as "data_classes: Vec<DataClassWord>"
           from staging.environment where environment_id = $1"#,
        environment_id
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Environment::try_from).transpose()?)
}

/// One environment by the name permits write.
pub async fn by_name(
    tx: &mut PgConnection,
    name: &str,
) -> Result<Option<Environment>, sqlx::Error> {
    let row = sqlx::query_as!(
        EnvironmentRow,
        r#"select environment_id, name, operator, host_organisation, sftp_host, sftp_port,
               sftp_user, sftp_root, manifest_key, data_classes as "data_classes: Vec<DataClassWord>"
           from staging.environment where name = $1"#,
        name
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Environment::try_from).transpose()?)
}

/// Every environment, by name.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Environment>, sqlx::Error> {
    let rows = sqlx::query_as!(
        EnvironmentRow,
        r#"select environment_id, name, operator, host_organisation, sftp_host, sftp_port,
               sftp_user, sftp_root, manifest_key, data_classes as "data_classes: Vec<DataClassWord>"
           from staging.environment order by name"#
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| Ok(Environment::try_from(row)?)).collect()
}

impl TryFrom<EnvironmentRow> for Environment {
    type Error = Inconsistency;

    fn try_from(row: EnvironmentRow) -> Result<Self, Inconsistency> {
        let odd = |column| Inconsistency {
            table: "staging.environment",
            column,
            row: row.environment_id,
        };
        let key = row.manifest_key.try_into().map_err(|_| odd("manifest_key"))?;
        Ok(Self {
            environment_id: row.environment_id,
            name: row.name,
            operator: row.operator,
            host_organisation: row.host_organisation,
            sftp: SftpAddress {
                host: row.sftp_host,
                port: row.sftp_port.try_into().map_err(|_| odd("sftp_port"))?,
                user: row.sftp_user,
                root: row.sftp_root,
            },
            manifest_key: ManifestKey::new(key),
            data_classes: row.data_classes.into_iter().map(DataClass::from).collect(),
        })
    }
}

impl From<DataClass> for DataClassWord {
    fn from(class: DataClass) -> Self {
        match class {
            DataClass::Open => Self::Open,
            DataClass::Confidential => Self::Confidential,
        }
    }
}

impl From<DataClassWord> for DataClass {
    fn from(word: DataClassWord) -> Self {
        match word {
            DataClassWord::Open => Self::Open,
            DataClassWord::Confidential => Self::Confidential,
        }
    }
}
