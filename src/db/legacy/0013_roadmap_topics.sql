-- What happens to a roadmap, whichever task does it, is a topic of its own.
insert into topic (name) select 'roadmap:' || id from roadmap on conflict do nothing;
