-- Documents of more formats, their pages, whom they are shared with, and full-text search in them.

alter table document drop constraint document_format_check;
alter table document add constraint document_format_check
  check (format in ('MARKDOWN', 'PLAIN_TEXT', 'HTML', 'PDF', 'DOCX'));
-- Where each page begins: number, label, sectionKey, offset. Empty for documents without pages.
alter table document add column pages jsonb not null default '[]';

-- The page a section begins on; null in documents without pages.
alter table section add column page integer;

-- What is searched: sections in pieces of some paragraphs, without markup. PostgreSQL cuts a tsvector off at 1 MB and makes
-- snippets by reading the whole text again, so neither works on sections, which may be books.
create table passage (
  document_id text not null references document (id) on delete cascade,
  position integer not null,
  section_key text not null,
  page integer,
  -- The section's heading for its first passage, '' for the others.
  heading text not null,
  text text not null,
  -- Nobody knows the language: words as they are, and stemmed as English.
  search tsvector not null generated always as (
    setweight(to_tsvector('simple', heading), 'A') || setweight(to_tsvector('english', heading), 'A') ||
    to_tsvector('simple', text) || to_tsvector('english', text)
  ) stored,
  primary key (document_id, position)
);
create index passage_search on passage using gin (search);
-- Documents imported before: their sections, each as one passage.
insert into passage (document_id, position, section_key, heading, text)
select document_id, position, key, heading, left(body, 50000) from section;

-- Who may read a document beside its owner.
create table document_share (
  document_id text not null references document (id) on delete cascade,
  user_id text not null,
  created_at timestamptz(3) not null default now(),
  primary key (document_id, user_id)
);
create index document_share_by_user on document_share (user_id, document_id);
