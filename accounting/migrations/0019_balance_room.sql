-- Every hold changes four balances. With room left in each page the new version stays beside the
-- old one and no index is touched.
alter table accounting.balance set (fillfactor = 50);
