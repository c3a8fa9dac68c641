//! `mimer-agent check`: what NVML offers on this node, GPU by GPU.

use std::fmt::Write;

use agent_wire::Reading;

use crate::config::Config;
use crate::gpu::Part;
use crate::library::{Handle, Library, LibraryError};
use crate::metrics::reason_text;

/// Loads NVML, probes every GPU once, and returns the table for a person.
pub fn report(config: &Config) -> Result<String, LibraryError> {
    let library = Library::open(&config.nvml_library)?;
    let inventory = library.inventory(config.simulated)?;
    let mut text = format!(
        "NVML {} · driver {}{}\n\n",
        config.nvml_library.display(),
        library.driver_version(),
        if config.simulated { " · SIMULATED: nothing below was measured" } else { "" },
    );
    let uuid_width = widest(&inventory.handles, |handle| handle.gpu.uuid.len(), "uuid");
    let name_width = widest(&inventory.handles, |handle| handle.gpu.name.len(), "name");
    let mut line = |minor: &str, part: &str, uuid: &str, name: &str, cells: [&str; 5]| {
        let [energy, utilization, memory, power, processes] = cells;
        // Writing into a String cannot fail.
        writeln!(
            text,
            "{minor:>5}  {part:<5}  {uuid:<uuid_width$}  {name:<name_width$}  {energy:<13}  \
             {utilization:<13}  {memory:<13}  {power:<13}  {processes}"
        )
        .unwrap_or_default();
    };
    let heads = ["energy", "utilization", "memory", "power", "processes"];
    line("minor", "part", "uuid", "name", heads);
    for handle in &inventory.handles {
        let part = match handle.gpu.part {
            Part::Board => "gpu",
            Part::MigInstance => "mig",
        };
        let cells = [
            handle.energy_mj(),
            handle.utilization_pct(),
            handle.memory_mib(),
            handle.power_mw(),
            handle.process_count(),
        ];
        let minor = handle.gpu.minor.to_string();
        line(&minor, part, &handle.gpu.uuid, &handle.gpu.name, cells.map(offered));
    }
    for unreadable in &inventory.unreadable {
        writeln!(text, "{unreadable}: {}", unreadable.source).unwrap_or_default();
    }
    Ok(text)
}

fn offered(reading: Reading) -> &'static str {
    reason_text(reading).unwrap_or("yes")
}

fn widest(handles: &[Handle<'_>], width: impl Fn(&Handle<'_>) -> usize, head: &str) -> usize {
    handles.iter().map(width).max().unwrap_or(0).max(head.len())
}
