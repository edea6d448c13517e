import { type FormEvent, type ReactElement, useState } from 'react'
import { storeToken } from './token.ts'

/** The form for a token, shown where the server requires one. */
export function TokenForm(): ReactElement {
  const [token, setToken] = useState('')
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    storeToken(token.trim())
    window.location.reload()
  }
  return (
    <form className="token" onSubmit={submit}>
      <h1>Sign in</h1>
      <p className="note">Enter a token. It is stored in this tab only.</p>
      <input
        aria-label="Token"
        type="password"
        autoComplete="off"
        spellCheck={false}
        value={token}
        onChange={(event) => setToken(event.target.value)}
      />
      <button type="submit" className="primary">
        Continue
      </button>
    </form>
  )
}
