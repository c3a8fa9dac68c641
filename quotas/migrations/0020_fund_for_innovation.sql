-- What pays for small and medium-sized enterprises.
alter type quotas.fund_purpose add value 'innovation';
