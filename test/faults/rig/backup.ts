import { startProcess } from '../../support/processes.ts'
import { readTopics } from '../history/read-log.ts'
import type { RigRestoration } from './environment.ts'
import type { RigPostgres } from './postgres.ts'

/** The schema with the topics and events at the time of the restoration, which the backup does not contain. */
const formerSchema = 'rig_former'

const backupSchema = 'rig_backup'
/** Runs a block for each table of the product and of the rig's archive, in one snapshot of the database. */
const forEachTable = (block: string): string => `
  begin isolation level repeatable read;
  set local session_replication_role = replica;
  do $rig$ declare source record; columns text; begin
    for source in select schemaname, tablename, format('%I.%I', schemaname, tablename) as name,
        format('${backupSchema}.%I', schemaname || '.' || tablename) as copy from pg_tables
      where schemaname !~ '^(pg_|information_schema$|${backupSchema}$|${formerSchema}$)' loop
      select string_agg(quote_ident(column_name), ', ') into columns from information_schema.columns
        where table_schema = source.schemaname and table_name = source.tablename and is_generated = 'NEVER';
      ${block}
    end loop;
  end $rig$;
  commit`

/** Copies all tables, as a backup does. */
export async function backUp(postgres: RigPostgres): Promise<void> {
  await postgres.query(`drop schema if exists ${backupSchema} cascade; create schema ${backupSchema}`)
  await postgres.query(
    forEachTable(`execute format('create table %s as select %s from %s', source.copy, columns, source.name);`),
  )
}

/** Replaces the content of all tables by the backup. No process of the product runs. */
export async function restore(postgres: RigPostgres): Promise<RigRestoration> {
  await postgres.query(`drop schema if exists ${formerSchema} cascade; create schema ${formerSchema};
    create table ${formerSchema}.topic as select name, seq, closed, pruned_seq from tidings.topic
      union all select name, seq, closed, pruned_seq from rig.topic;
    create table ${formerSchema}.event as select topic, seq, type, at, payload from tidings.event
      union all select topic, seq, type, at, payload from rig.event`)
  const [meta] = await postgres.query<{ value: string }>(`select value from tidings.meta where key = 'epoch'`)
  await postgres.query(
    forEachTable(`execute format('delete from %s', source.name);
      execute format('insert into %s (%s) overriding system value select %s from %s', source.name, columns, columns, source.copy);`),
  )
  return {
    at: performance.now(),
    epoch: meta?.value ?? '',
    readTopics: (names) => readTopics((statement, values) => postgres.query(statement, values), names, [formerSchema]),
  }
}

/** Runs `npm run db:new-epoch`. */
export async function startNewEpoch({ url }: Pick<RigPostgres, 'url'>): Promise<void> {
  const program = startProcess(new URL('../../../src/main/new-epoch.ts', import.meta.url), [], { DATABASE_URL: url })
  const code = await program.ended
  if (code !== 0) throw new Error(`db:new-epoch ended with ${String(code)}`)
}
