// @vitest-environment happy-dom
import { act, cleanup, renderHook } from '@testing-library/react'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { useRoute } from '../../../client/studio/use-route.ts'

beforeEach(() => window.history.replaceState(null, '', '/?page=documents'))
afterEach(cleanup)

test('an answer that comes after one has gone to another page leads nobody away', () => {
  const asking = renderHook(() => useRoute())
  const nav = renderHook(() => useRoute())
  const goThen = asking.result.current.go
  asking.unmount()
  act(() => nav.result.current.go({ page: 'sessions' }))
  act(() => goThen({ documentId: 'document_1' }))
  expect(window.location.search).toBe('?page=sessions')
})

test('an answer leads on from the page on which it was asked for, also when what asked is gone from it', () => {
  const { result, unmount } = renderHook(() => useRoute())
  unmount()
  act(() => result.current.go({ documentId: 'document_1' }))
  expect(window.location.search).toBe('?document=document_1')
})

test('what stays on every page leads on from each', () => {
  const { result } = renderHook(() => useRoute())
  act(() => result.current.go({ page: 'sessions' }))
  act(() => result.current.go({ sessionId: 'session_1' }))
  expect(result.current.route).toMatchObject({ sessionId: 'session_1', page: null })
})
