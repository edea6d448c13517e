import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { TidingsProvider } from '../react/provider.ts'
import { createTidingsClient } from '../tidings-client.ts'
import { App } from './app.tsx'
import { readToken } from './token.ts'
import './styles/tokens.css'
import './styles/base.css'
import './styles/parts.css'
import './styles/tasks.css'
import './styles/roadmap.css'
import './styles/home.css'
import './styles/prose.css'

const client = createTidingsClient({ url: new URL('/graphql', window.location.href).href, token: readToken })
const root = document.getElementById('root')
if (root === null) throw new Error('The page has no element "root"')
createRoot(root).render(
  <StrictMode>
    <TidingsProvider client={client}>
      <App />
    </TidingsProvider>
  </StrictMode>,
)
