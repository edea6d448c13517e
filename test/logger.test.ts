import { describe, expect, test } from 'vitest'
import { createLogger, redactSecrets, withLogFields } from '../src/logger.ts'

function record(options: { level: 'info' | 'silent'; production: boolean }) {
  const lines: string[] = []
  const logger = createLogger({ ...options, destination: { write: (line) => void lines.push(line) } })
  return { logger, lines }
}

describe('createLogger', () => {
  test('adds the fields of the current context, also asynchronously, and to no other entry', async () => {
    const { logger, lines } = record({ level: 'info', production: true })
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    await Promise.all(
      ['r1', 'r2'].map((requestId) =>
        withLogFields({ requestId }, async () => {
          await turn()
          logger.info(`of ${requestId}`)
        }),
      ),
    )
    logger.info('of nobody')
    expect(lines.map((line) => JSON.parse(line) as { msg: string; requestId?: string })).toMatchObject([
      { msg: 'of r1', requestId: 'r1' },
      { msg: 'of r2', requestId: 'r2' },
      { msg: 'of nobody' },
    ])
    expect(lines[2]).not.toContain('requestId')
  })

  test('writes one line of JSON per entry in production, with the fields of children', () => {
    const { logger, lines } = record({ level: 'info', production: true })
    logger.child({ requestId: 'r1' }).info({ taskId: 't1' }, 'started task')
    logger.debug('too small')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 30, requestId: 'r1', taskId: 't1', msg: 'started task' })
  })

  test('writes human-readable lines otherwise', () => {
    const { logger, lines } = record({ level: 'info', production: false })
    logger.info({ taskId: 't1' }, 'started task')
    expect(lines.join('')).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: started task \{"taskId":"t1"\}\n$/)
  })

  test('writes nothing when silent', () => {
    const { logger, lines } = record({ level: 'silent', production: true })
    logger.fatal('the end')
    expect(lines).toEqual([])
  })

  test.each([true, false])('redacts secrets wherever they are (production: %s)', (production) => {
    const { logger, lines } = record({ level: 'info', production })
    const secret = 'hunter2hunter2'
    logger.info(
      {
        headers: { authorization: `Bearer ${secret}`, cookie: `a=${secret}` },
        connectionParams: { anything: secret },
        payload: { connectionParams: { token: secret } },
        deep: { er: { still: { password: `${secret}"quoted`, accessToken: secret, JWT_SECRET: secret } } },
        DATABASE_URL: `postgres://user:${secret}@host:5432/name`,
      },
      `connecting to redis://:${secret}@host with Bearer ${secret}`,
    )
    logger.error(new Error(`cannot reach postgresql://user:${secret}@host/name`))
    const text = lines.join('')
    expect(text).not.toContain(secret)
    expect(text).toContain('postgresql://user:(hidden)@host/name')
  })
})

describe('redactSecrets', () => {
  test.each([
    [
      'postgres://tidings:p%40ss@localhost/tidings?host=%2Ftmp',
      'postgres://tidings:(hidden)@localhost/tidings?host=%2Ftmp',
    ],
    ['postgres://host:5432/name', 'postgres://host:5432/name'],
    ['http://127.0.0.1:4000/graphql?user=a@b', 'http://127.0.0.1:4000/graphql?user=a@b'],
    ['{"tokens":5,"maxTokens":"9","token":"x"}', '{"tokens":5,"maxTokens":"9","token":"(hidden)"}'],
    ['Task t_1 is done at 12:30:05', 'Task t_1 is done at 12:30:05'],
  ])('%s', (text, expected) => {
    expect(redactSecrets(text)).toBe(expected)
  })
})
