import type { ReactElement } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { useStart } from '../../../client/react/tasks/use-start.ts'
import { useTask } from '../../../client/react/tasks/use-task.ts'
import { createTidingsClient } from '../../../client/tidings-client.ts'
import { exportReport, schema } from '../../../examples/react/tidings.gen.ts'

function Page(): ReactElement {
  const { start, isStarting, task } = useStart(exportReport)
  const { task: other } = useTask(exportReport, 'task_1')
  return (
    <button type="button" disabled={isStarting} onClick={() => void start({ reportId: 'r' })}>
      {task === null && other === null ? 'Nothing yet' : 'Something'}
    </button>
  )
}

test('the hooks of a kind are rendered on a server, which has no window', async () => {
  expect(typeof window).toBe('undefined')
  await using client = createTidingsClient({ url: 'http://127.0.0.1:9/graphql', schema })
  const html = renderToString(
    <TidingsProvider client={client}>
      <Page />
    </TidingsProvider>,
  )
  expect(html).toBe('<button type="button">Nothing yet</button>')
  expect(client.connection.getSnapshot().attempt).toBe(0)
})
