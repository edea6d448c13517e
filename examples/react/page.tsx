import { type ReactElement, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createTidingsClient } from 'tidings/client'
import { ProgressBar, QueuePosition, TidingsProvider, useStart } from 'tidings/react'
import { exportReport, schema } from './tidings.gen.ts'
import 'tidings/styles.css'

const client = createTidingsClient({ url: `${location.origin}/graphql`, schema })

function Export({ pages }: { readonly pages: number }): ReactElement {
  const { start, isStarting, refusal, task } = useStart(exportReport)
  return (
    <section>
      <button
        type="button"
        disabled={isStarting}
        onClick={() => void start({ reportId: 'report_1', format: 'PDF', pages })}
      >
        Export {pages} pages
      </button>
      {refusal !== null && <p role="alert">{refusal.message}</p>}
      {task !== null && <ProgressBar task={task} label="Export" />}
      {task !== null && <QueuePosition queue={task.queue} />}
      {task?.status === 'COMPLETED' && <a href={task.result.url}>{task.result.pages} pages</a>}
      {task?.status === 'FAILED' && (
        <p role="alert">
          {task.error.code === 'QUOTA' ? `Try again after ${task.error.details?.resetsAt}.` : task.error.message}
        </p>
      )}
    </section>
  )
}

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no element #root')
createRoot(root).render(
  <StrictMode>
    <TidingsProvider client={client}>
      <Export pages={20} />
      <Export pages={200} />
      <Export pages={2_000} />
    </TidingsProvider>
  </StrictMode>,
)
