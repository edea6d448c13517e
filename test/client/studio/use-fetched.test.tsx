// @vitest-environment happy-dom
import { act, cleanup, renderHook } from '@testing-library/react'
import { type AnyVariables, CombinedError, createClient, type Exchange, gql, type OperationResult } from '@urql/core'
import type { ReactElement, ReactNode } from 'react'
import { Provider } from 'urql'
import { afterEach, expect, test } from 'vitest'
import { filter, map, pipe } from 'wonka'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { useFetched } from '../../../client/studio/use-fetched.ts'
import { createDrivenClient } from '../react/driven-client.ts'

afterEach(cleanup)

const query = gql<{ readonly name: string }, { readonly id: string }>`
  query ($id: ID!) {
    name(id: $id)
  }
`

test('keeps the data of a page when fetching it again fails, and not that of another page', () => {
  let isAway = false
  const answer: Exchange = () => (operations$) =>
    pipe(
      operations$,
      filter(({ kind }) => kind === 'query'),
      map((operation): OperationResult<unknown, AnyVariables> => {
        const common = { operation, stale: false, hasNext: false }
        if (isAway) return { ...common, data: undefined, error: new CombinedError({ graphQLErrors: ['Away'] }) }
        return { ...common, data: { name: (operation.variables as { id: string }).id } }
      }),
    )
  const urql = createClient({ url: 'http://localhost', exchanges: [answer] })
  const wrapper = ({ children }: { children: ReactNode }): ReactElement => (
    <TidingsProvider client={createDrivenClient()}>
      <Provider value={urql}>{children}</Provider>
    </TidingsProvider>
  )
  const { result, rerender } = renderHook(({ id }) => useFetched(query, { id }), { wrapper, initialProps: { id: 'a' } })
  expect([result.current.data, result.current.failure]).toEqual([{ name: 'a' }, null])
  isAway = true
  act(() => result.current.refetch())
  expect([result.current.data, result.current.failure]).toEqual([{ name: 'a' }, 'Away'])
  rerender({ id: 'b' })
  expect([result.current.data, result.current.failure]).toEqual([undefined, 'Away'])
})
