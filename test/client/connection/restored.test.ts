import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TransportName } from '../../../client/transport/transport.ts'
import { emptyProgress, taskTopic } from '../../../src/tasks/model/task.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, watch } from '../support/watch.ts'

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterAll(() => site[Symbol.asyncDispose]())

let created = 0
/** Creates a task that no worker runs. */
async function createTask(): Promise<string> {
  const id = `task_restored_${++created}`
  const { pool } = site.engine.database
  await pool.query('insert into tidings.topic (name) values ($1)', [taskTopic(id)])
  await pool.query(
    `insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, created_at)
     values ($1, 'CREATE_ROADMAP', 'RETRYING', $2, '{}', 1, 3, $3, now(), now())`,
    [id, localDeveloper.userId, JSON.stringify(emptyProgress)],
  )
  return id
}

async function append(id: string, count: number, close = false): Promise<void> {
  const payload = { status: close ? 'CANCELED' : 'RUNNING', progress: emptyProgress }
  const type = close ? 'TaskCanceled' : 'TaskAdvanced'
  const events = Array.from({ length: count }, () => ({ type, payload }))
  expect(await site.engine.engine.appender.append({ topic: taskTopic(id), events, close })).toMatchObject({
    accepted: true,
  })
}

/**
 * Takes the topic of a task back to an older state, as restoring a backup under running servers
 * does.
 */
async function restore(id: string, seq: number): Promise<void> {
  const { pool } = site.engine.database
  await pool.query(
    `with kept as (update tidings.topic set seq = $2 where name = $1) delete from tidings.event where topic = $1 and seq > $2`,
    [taskTopic(id), seq],
  )
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

for (const transport of ['websocket', 'sse', 'polling'] satisfies TransportName[]) {
  test(`over ${transport}: a client receives all events of a log that went back`, async () => {
    const id = await createTask()
    await append(id, 10)
    await using client = site.client({ transports: [transport] })
    const { seqs, done } = watch(client, id)
    await eventually(() => expect(seqs).toEqual(range(1, 10)))
    await restore(id, 5)
    // It is noticed by the comparison with the log, which also runs on its own, or by a poll with a
    // cursor ahead.
    await site.engine.engine.feeds.check()
    await eventually(() => expect(seqs.slice(10)).toEqual([5]))
    await append(id, 6)
    await append(id, 1, true)
    await done
    expect(seqs.slice(10)).toEqual(range(5, 12))
  })

  test(`over ${transport}: a client that was disconnected meanwhile is notified, although the log has grown beyond its cursor`, async () => {
    const id = await createTask()
    await append(id, 10)
    await using client = site.client({ transports: [transport] })
    const { seqs, done } = watch(client, id)
    await eventually(() => expect(seqs).toEqual(range(1, 10)))
    // Another client stays connected, which lets the server notice that the log went back.
    const { reader, feeds } = site.engine.engine
    const attachment = await feeds.attach(taskTopic(id), { onEvents: () => undefined, onReset: () => undefined })
    const { epoch } = reader
    await site.stop()
    await restore(id, 5)
    await feeds.check()
    await append(id, 10)
    await site.start()
    await eventually(() => expect(seqs.slice(10)).toEqual([15]))
    await append(id, 1, true)
    await done
    expect(seqs.slice(10)).toEqual([15, 16])
    expect(reader.epoch).not.toBe(epoch)
    attachment?.detach()
  })
}
