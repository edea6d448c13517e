import { createContext, createElement, type ReactElement, type ReactNode, useContext, useMemo } from 'react'
import { Provider } from 'urql'
import type { TidingsClient } from '../tidings-client.ts'
import { defaultWords, type TidingsWords } from './components/component-words.ts'

const TidingsContext = createContext<TidingsClient | null>(null)
const WordsContext = createContext<TidingsWords>(defaultWords)

/**
 * Provides a client to the hooks of this package, and its urql client to the hooks of `urql`.
 *
 * @param props.words - texts that replace the English ones of the components, such as a
 * translation. Pass the same object on every render. Defaults to the English texts.
 * @example
 * <TidingsProvider client={client}><App /></TidingsProvider>
 */
export function TidingsProvider(props: {
  readonly client: TidingsClient
  readonly words?: Partial<TidingsWords>
  readonly children?: ReactNode
}): ReactElement {
  const { client, words, children } = props
  const allWords = useMemo(() => (words === undefined ? defaultWords : { ...defaultWords, ...words }), [words])
  // Not `<TidingsContext>` itself: a context is a component from React 19 on.
  return createElement(
    TidingsContext.Provider,
    { value: client },
    createElement(
      WordsContext.Provider,
      { value: allWords },
      createElement(Provider, { value: client.urql }, children),
    ),
  )
}

/**
 * Returns the client of the nearest {@link TidingsProvider}.
 * @throws Error when there is none
 * @example
 * const { urql } = useTidings()
 */
export function useTidings(): TidingsClient {
  const client = useContext(TidingsContext)
  if (client === null) throw new Error('There is no <TidingsProvider client={…}> around this component; add one')
  return client
}

/**
 * Returns the texts of the components below the nearest {@link TidingsProvider}; the English ones
 * without a provider.
 * @example
 * const words = useWords()
 * return <button type="button">{words.retry}</button>
 */
export function useWords(): TidingsWords {
  return useContext(WordsContext)
}
