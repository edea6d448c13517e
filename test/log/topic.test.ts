import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTopic } from '../../src/log/topic.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(() => test[Symbol.asyncDispose]())

describe('createTopic', () => {
  it('creates the same topics many times at once, in any order and with repetitions, without a deadlock', async () => {
    const { pool } = test.database
    const names = Array.from({ length: 400 }, (_, index) => `many_${index}`)
    for (let round = 0; round < 5; round++) {
      const topics = names.map((name) => `${name}_${round}`)
      await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          createTopic(pool, ...(index % 2 === 0 ? topics : topics.toReversed()), topics[0] ?? ''),
        ),
      )
    }
    const { rows } = await pool.query(
      "select count(*)::int as count from tidings.topic where name like 'many!_%' escape '!'",
    )
    expect(rows).toEqual([{ count: 2_000 }])
  })
})
