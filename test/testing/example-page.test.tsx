// @vitest-environment happy-dom
import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'
import { hangMs } from '../support/patience.ts'

configure({ asyncUtilTimeout: hangMs })
afterEach(cleanup)

// Its test runs in this file.
await import('../../examples/testing/report.test.tsx')
