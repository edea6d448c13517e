-- Quizzes and roadmaps are generated from the main content of documents: the text without navigation, footers, references and
-- the like, which the sections contain as well. Documents that are stored already, or by a server of the version before during
-- an upgrade, are main content as a whole until they are imported again.
alter table section add column is_main boolean not null default true;
-- The part of the body that is main content; null when it is the whole body.
alter table section add column main_body text;
