-- A hold grows while it is open, and gives one growth back if Slurm refuses it. In a migration of
-- its own: a value cannot be used in the transaction that adds it.
alter type accounting.entry_kind add value 'extended';
alter type accounting.entry_kind add value 'shortened';
