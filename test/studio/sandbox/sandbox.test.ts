import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { findIsolation, warnOfMissingIsolation } from '../../../src/studio/sandbox/isolation.ts'
import { startSandbox } from '../../../src/studio/sandbox/sandbox.ts'
import { createTestDirectory } from '../../support/directory.ts'
import type { IntruderReport, IntruderRequest } from './intruder.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const project = fileURLToPath(new URL('../../../', import.meta.url))

describe('a sandboxed process', () => {
  test('reads only code and packages, writes nothing, starts nothing, has no network and no secrets', async () => {
    const { missing } = await findIsolation()
    await using directory = await createTestDirectory()
    const secret = directory.join('password')
    await writeFile(secret, 'secret', { mode: 0o644 })
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const sandbox = await startSandbox<IntruderReport>({
      module: new URL('./intruder.ts', import.meta.url),
      maxHeapBytes: 134_217_728,
      readable: [folder],
    })
    const allowed = `${project}package.json`
    const files = [secret, `${project}README.md`, '/etc/passwd', '/proc/self/environ', `/proc/${process.pid}/environ`]
    const folders = [directory.path, project, '/']
    const request: IntruderRequest = {
      files: [allowed, ...files],
      folders,
      writable: directory.join('made'),
      port,
    }
    sandbox.process.send(request)
    const report = await sandbox.next()
    server.close()
    expect(sandbox.takeErrorText()).toBe('')
    if (report === null) throw new Error('The process sent no report')
    // The attempts work where they are allowed.
    expect(report[allowed]).toContain('did: ')
    for (const path of [...files, ...folders]) expect(report[path], path).toBe('ERR_ACCESS_DENIED')
    expect(report).toMatchObject({
      write: 'ERR_ACCESS_DENIED',
      program: 'ERR_ACCESS_DENIED',
      addon: 'ERR_DLOPEN_DISABLED',
    })
    expect(report['environment']?.replace(/NODE_CHANNEL\w+/g, '').trim()).toBe('')
    if (!missing.includes('network')) {
      expect(report['network']).not.toContain('did: ')
      expect(report['interfaces']).toBe('')
    }
    if (!missing.includes('user')) {
      expect(report['user']).not.toBe('0')
      expect(` ${report['groups']} `).not.toContain(' 0 ')
    }
  })

  test('is isolated as far as the system allows, and what is missing is logged at start', async () => {
    const lines: string[] = []
    await warnOfMissingIsolation(pino({}, { write: (line: string) => void lines.push(line) }))
    const { missing } = await findIsolation()
    expect(lines).toHaveLength(missing.length)
    if (missing.includes('network')) expect(lines.join('')).toContain('network')
    if (missing.includes('user')) expect(lines.join('')).toContain('run as root')
  })
})
