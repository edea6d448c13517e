// @vitest-environment happy-dom
import { act, cleanup, renderHook } from '@testing-library/react'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { useRoute } from '../../../client/studio/shell/use-route.ts'

beforeEach(() => window.history.replaceState(null, '', '/?page=documents'))
afterEach(cleanup)

test('a response that arrives after a navigation to another page does not navigate', () => {
  const asking = renderHook(() => useRoute())
  const nav = renderHook(() => useRoute())
  const goThen = asking.result.current.go
  asking.unmount()
  act(() => nav.result.current.go({ page: 'sessions' }))
  act(() => goThen({ documentId: 'document_1' }))
  expect(window.location.search).toBe('?page=sessions')
})

test('a response navigates from the page that sent the request, also after the requesting component is unmounted', () => {
  const { result, unmount } = renderHook(() => useRoute())
  unmount()
  act(() => result.current.go({ documentId: 'document_1' }))
  expect(window.location.search).toBe('?document=document_1')
})

test('a component on every page navigates from each page', () => {
  const { result } = renderHook(() => useRoute())
  act(() => result.current.go({ page: 'sessions' }))
  act(() => result.current.go({ sessionId: 'session_1' }))
  expect(result.current.route).toMatchObject({ sessionId: 'session_1', page: null })
})
