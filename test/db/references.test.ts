import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'

test('every foreign key has an index on the referencing side: deleting a row scans no other table', async () => {
  await using test = await createTestDatabase()
  const { rows } = await test.database.pool.query<{ reference: string; is_indexed: boolean }>(
    `select c.conrelid::regclass || '.' || a.attname as reference,
       exists (
         select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1]
           and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname))
       ) as is_indexed
     from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
     where c.contype = 'f' and c.connamespace in ('tidings'::regnamespace, 'studio'::regnamespace)`,
  )
  expect(rows.length).toBeGreaterThan(20)
  expect(rows.filter((row) => !row.is_indexed).map(({ reference }) => reference)).toEqual([])
})
