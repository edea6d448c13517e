#!/bin/sh
# Runs once, on the first primary; $1 connects as its superuser.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$TIDINGS_PASSWORD" "$1" <<'SQL'
create role tidings login password :'password';
-- PgBouncer passes no such parameters of a connection on (docs/operations.md).
alter role tidings set statement_timeout = '4s';
alter role tidings set idle_in_transaction_session_timeout = '10s';
create database tidings owner tidings;
SQL
