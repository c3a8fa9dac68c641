-- The cluster of a node, since one mimerd may have several. A token from before has none: it is on the
-- only cluster there is, and is made anew with `mimerd add-node --cluster` before there are two.
alter table broker.node_token add column cluster text;
