import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react'
import { Provider } from 'urql'
import type { TidingsClient } from '../tidings-client.ts'

const TidingsContext = createContext<TidingsClient | null>(null)

/** Gives a client to the hooks of this package, and its urql client to those of `urql`. */
export function TidingsProvider(props: {
  readonly client: TidingsClient
  readonly children?: ReactNode
}): ReactElement {
  const { client, children } = props
  return createElement(TidingsContext, { value: client }, createElement(Provider, { value: client.urql }, children))
}

/** The client of the nearest {@link TidingsProvider}. @throws Error when there is none */
export function useTidings(): TidingsClient {
  const client = useContext(TidingsContext)
  if (client === null) throw new Error('There is no <TidingsProvider client={…}> around this component; add one')
  return client
}
