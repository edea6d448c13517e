import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { studioPlugins } from '../apps/plugins.ts'
import { createTidingsClient } from '../index.ts'
import { TidingsProvider } from '../react/index.ts'
import type { CheckResult, SelfTestOptions, SelfTestReport } from '../self-test/self-test.ts'
import { App } from './shell/app.tsx'
import { readToken } from './token.ts'
import './styles/tokens.css'
import './styles/base.css'
import './styles/parts.css'
import './styles/tasks.css'
import './styles/task-page.css'
import './styles/roadmap.css'
import './styles/home.css'
import './styles/prose.css'
import './styles/quiz.css'
import './styles/documents.css'
import './styles/confirm.css'
import './styles/document.css'
import './styles/new-project.css'
import './styles/project.css'
import './styles/analytics.css'
import './styles/connections.css'
import './styles/inbox.css'
import './styles/session.css'
import './styles/conversation.css'
import './styles/panel.css'

const url = new URL('/graphql', window.location.href).href
/** The server sets it with `LIVE_UPDATES=false`. */
const live = document.querySelector('meta[name="tidings-live-updates"]')?.getAttribute('content') !== 'false'
const client = createTidingsClient({ url, token: readToken, live, plugins: studioPlugins })

/**
 * For the console: `await tidings.selfTest()` measures this deployment from this browser. Loaded on
 * demand.
 */
async function selfTest(options: Partial<SelfTestOptions> = {}): Promise<SelfTestReport> {
  const { runSelfTest } = await import('../self-test/self-test.ts')
  const onCheck = ({ passed, name, figures }: CheckResult): void =>
    console.info(`${passed ? 'pass' : 'FAIL'}  ${name}: ${figures}`)
  return runSelfTest({ client: { url, token: readToken }, onCheck, ...options })
}
Object.assign(window, { tidings: { selfTest } })

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no element "root"')
createRoot(root).render(
  <StrictMode>
    <TidingsProvider client={client}>
      <App />
    </TidingsProvider>
  </StrictMode>,
)
