-- The names of the glossary. A server of the version before logs that it cannot write its statistics, and serves on.
alter table server_census rename to server_statistics;
alter table server_statistics rename column census to statistics;
