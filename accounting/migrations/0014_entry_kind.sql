-- The movements of a grant after its opening, and what clears an overrun. In a migration of its
-- own: a value cannot be used in the transaction that adds it.
alter type accounting.entry_kind add value 'given_back';
alter type accounting.entry_kind add value 'expired';
alter type accounting.entry_kind add value 'transferred';
alter type accounting.entry_kind add value 'carried_over';
alter type accounting.entry_kind add value 'over_allocated';
alter type accounting.entry_kind add value 'cleared';
alter type accounting.entry_kind add value 'written_off';
