import { type ReactNode, useState } from 'react'
import { createTidingsClient } from 'tidings/client'
import { ProgressBar, TidingsProvider, useStart } from 'tidings/react'
import { exportReport, schema } from '../tidings.gen.ts'

function Export(): ReactNode {
  const { start, task } = useStart(exportReport)
  return (
    <main>
      <button type="button" onClick={() => void start({ reportId: 'report_1', pages: 20 })}>
        Export 20 pages
      </button>
      {task !== null && <ProgressBar task={task} label="Export" />}
      {task?.status === 'COMPLETED' && <a href={task.result.url}>{task.result.pages} pages</a>}
    </main>
  )
}

export default function LiveExport(): ReactNode {
  const [client] = useState(() =>
    createTidingsClient({ url: `${location.origin}/graphql`, schema, transports: ['sse', 'polling'] }),
  )
  return (
    <TidingsProvider client={client}>
      <Export />
    </TidingsProvider>
  )
}
