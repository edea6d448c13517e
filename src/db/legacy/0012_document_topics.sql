-- What happens to a document beside its conversions is a topic of its own: shared, revoked, deleted.
insert into topic (name) select 'document:' || id from document on conflict do nothing;
