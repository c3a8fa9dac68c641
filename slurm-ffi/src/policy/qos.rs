//! QOS: one per project, and those of a crisis.

use std::ptr;

use slurm_wire::QosRow;

use super::{PolicyError, Writing, Written};
use crate::error::SlurmError;
use crate::limits::Difference;
use crate::qos::{Qos, QosTable};
use crate::sys;
use crate::text::Loan;

impl Writing<'_> {
    /// Makes a QOS, or sets everything of it that a row says.
    pub(crate) fn put_qos(self, wanted: &QosRow) -> Result<(), PolicyError> {
        self.carry_out(|it| {
            let table = it.qos()?;
            match table.find(&wanted.name) {
                Some(there) if there.row == *wanted => Ok(Written::Nothing),
                there => it.change_qos(there, wanted, &table),
            }
        })
    }

    fn change_qos(
        &self,
        there: Option<&Qos>,
        wanted: &QosRow,
        table: &QosTable,
    ) -> Result<Written, PolicyError> {
        let nothing = QosRow {
            name: wanted.name.clone(),
            description: String::new(),
            priority: 0,
            preempts: Default::default(),
            no_decay: false,
            deny_on_limit: false,
            limits: Default::default(),
        };
        let now = there.map_or(&nothing, |qos| &qos.row);
        let mut loan = Loan::default();
        let limits = Difference::between(&now.limits, &wanted.limits, self.names)?;
        let victims = table.numbers_of(&wanted.preempts)?;
        let victims = loan.lend_numbers("preempts", &victims)?;
        let description = if now.description == wanted.description {
            ptr::null()
        } else {
            loan.lend("description", wanted.description.as_str())?
        };
        let change = sys::shim_qos_change {
            name: loan.lend("qos", wanted.name.as_str())?,
            description,
            limits: limits.lend(&mut loan)?,
            victims: victims.as_ptr(),
            victim_count: victims.len(),
            set_victims: u32::from(now.preempts != wanted.preempts),
            priority: if now.priority == wanted.priority { sys::NO_VAL } else { wanted.priority },
            set_flags: u32::from(
                (now.no_decay, now.deny_on_limit) != (wanted.no_decay, wanted.deny_on_limit),
            ),
            flags: flags(wanted),
            old_flags: there.map_or(0, |qos| qos.flags),
        };
        let call = if there.is_some() { "slurmdb_qos_modify" } else { "slurmdb_qos_add" };
        let code = match there {
            // SAFETY: the connection is open and of this thread; `loan` and `victims` keep what
            // the change points to alive.
            Some(_) => unsafe { sys::shim_db_modify_qos(self.database.raw(), &change) },
            // SAFETY: the same.
            None => unsafe { sys::shim_db_add_qos(self.database.raw(), &change) },
        };
        SlurmError::check(call, code)?;
        Ok(Written::Difference)
    }
}

fn flags(row: &QosRow) -> u32 {
    let no_decay = if row.no_decay { sys::SHIM_QOS_NO_DECAY } else { 0 };
    let deny_on_limit = if row.deny_on_limit { sys::SHIM_QOS_DENY_ON_LIMIT } else { 0 };
    no_decay | deny_on_limit
}
