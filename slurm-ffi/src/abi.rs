//! Both views of the shim's structs: the C compiler's and bindgen's.
//!
//! They come from two different compilers reading the same header. `tests/abi.rs` holds them
//! against each other.

use std::ffi::c_char;
use std::mem::offset_of;

use crate::sys;
use crate::text::Lender;

/// One struct (`shim_job`) or field (`shim_job.account`) and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name as in C.
    pub name: String,
    /// Offset in the struct, in bytes; 0 for a struct.
    pub offset_bytes: usize,
    /// Size in bytes.
    pub size_bytes: usize,
}

/// What the C compiler made of `shim.h`.
pub fn as_c_sees_it() -> Vec<Place> {
    let mut count = 0;
    // SAFETY: `count` is a live out-pointer; the table is a constant of the program.
    let first = unsafe { sys::shim_layout(&mut count) };
    // SAFETY: the shim returns the address of an array of exactly `count` initialised entries that
    // lives as long as the program.
    let table: &'static [sys::shim_field] = unsafe { std::slice::from_raw_parts(first, count) };
    // SAFETY: the names in the table are string literals.
    let lender = unsafe { Lender::of(table) };
    let place = |field: &sys::shim_field| Place {
        name: lender.copy(field.name as *const c_char).unwrap_or_default(),
        offset_bytes: field.offset,
        size_bytes: field.size,
    };
    table.iter().map(place).collect()
}

fn size_of_field<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! places {
    ($($kind:ident { $($field:ident),* $(,)? })*) => {
        vec![$(
            Place {
                name: stringify!($kind).to_owned(),
                offset_bytes: 0,
                size_bytes: size_of::<sys::$kind>(),
            },
            $(Place {
                name: concat!(stringify!($kind), ".", stringify!($field)).to_owned(),
                offset_bytes: offset_of!(sys::$kind, $field),
                size_bytes: size_of_field(|it: &sys::$kind| &it.$field),
            },)*
        )*]
    };
}

/// What bindgen made of `shim.h`: every struct whose fields Rust touches.
pub fn as_rust_sees_it() -> Vec<Place> {
    places! {
        shim_settings {
            release, cluster, accounting_storage_tres, mcs_plugin, mcs_parameters,
            job_submit_plugins, preempt_type, priority_type, accounting_storage_enforce,
            enforce_part_limits, private_data, prolog_flags, first_job_id, max_job_id,
            min_job_age_s, slurm_user_id, preempt_mode, preempt_exempt_s, priority_weight_qos,
        }
        shim_job {
            submitted_at, started_at, ended_at, admin_comment, account, partition, reason_text,
            tres_alloc, mcs_label, nodes, job_id, state, reason, priority, uid, restart_count,
            wait_status, gres_detail_count, time_limit_min, array_job_id, array_task_id,
        }
        shim_submission {
            admin_comment, account, partition, qos, reservation, array, name, tres_per_node,
            work_dir, std_out, std_err, script, environment, deadline, begin_at, memory_mib,
            environment_count, job_id, uid, gid, time_limit_min, cpu_count, whole_node,
        }
        shim_reservation { starts_at, ends_at, name, nodes, accounts, partition }
        shim_record {
            db_index, submitted_at, started_at, ended_at, cluster, admin_comment, account,
            partition, user, tres_alloc, nodes, job_id, uid, state, suspended_s, wait_status,
            array_job_id, array_task_id,
        }
        shim_limits { at_once, minutes, running_jobs, submitted_jobs }
        shim_association {
            cluster, account, parent, user, partition, limits, default_qos, is_default,
        }
        shim_qos { name, description, limits, flags, id, priority }
        shim_association_change {
            cluster, account, user, parent, limits, qos, qos_count, default_qos, is_default,
        }
        shim_qos_change {
            name, description, limits, victims, victim_count, set_victims, priority, set_flags,
            flags, old_flags,
        }
        shim_usage { seconds, account, user, tres }
        shim_tres { type_, name, id }
        shim_field { name, offset, size }
    }
}
