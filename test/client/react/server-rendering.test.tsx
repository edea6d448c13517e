import { Client, cacheExchange, fetchExchange } from '@urql/core'
import type { ReactElement } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { useStart } from '../../../client/react/tasks/use-start.ts'
import { useTask } from '../../../client/react/tasks/use-task.ts'
import { useOutbox } from '../../../client/react/use-connection.ts'
import { createTidingsClient, type TidingsClient } from '../../../client/tidings-client.ts'
import { tidingsExchange } from '../../../client/tidings-exchange.ts'
import { exportReport, schema } from '../../../examples/react/tidings.gen.ts'

function Page(): ReactElement {
  const { start, isStarting, task } = useStart(exportReport)
  const { task: other } = useTask(exportReport, 'task_1')
  const { pending } = useOutbox()
  return (
    <button type="button" disabled={isStarting} onClick={() => void start({ reportId: 'r' })}>
      {`${task === null && other === null ? 'Nothing yet' : 'Something'} ${pending.length}`}
    </button>
  )
}

const url = 'http://127.0.0.1:9/graphql'

test.each<[string, () => TidingsClient]>([
  ['a client', () => createTidingsClient({ url, schema })],
  [
    'the exchange of a urql client',
    () => {
      const tidings = tidingsExchange({ url })
      void new Client({ url, exchanges: [cacheExchange, tidings, fetchExchange] })
      return tidings
    },
  ],
])('the hooks of a kind are rendered with %s on a server, which has no window', async (_, create) => {
  expect(typeof window).toBe('undefined')
  await using client = create()
  const html = renderToString(
    <TidingsProvider client={client}>
      <Page />
    </TidingsProvider>,
  )
  expect(html).toBe('<button type="button">Nothing yet 0</button>')
  expect(client.connection.getSnapshot().attempt).toBe(0)
})
