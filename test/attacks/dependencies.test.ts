import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const read = async (name: string): Promise<Record<string, Record<string, unknown>>> =>
  JSON.parse(await readFile(new URL(`../../${name}`, import.meta.url), 'utf8')) as Record<
    string,
    Record<string, unknown>
  >

test('every dependency has an exact version, and every required package a checksum', async () => {
  const manifest = await read('package.json')
  const versions = Object.entries({
    ...manifest['dependencies'],
    ...manifest['optionalDependencies'],
    ...manifest['devDependencies'],
  })
  expect(versions.length).toBeGreaterThan(50)
  expect(
    versions.filter(([, version]) => !/^(npm:(@[^@]+|[^@]+)@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version))),
  ).toEqual([])
  const { packages = {} } = await read('package-lock.json')
  const installed = Object.entries(packages).filter(([path]) => path !== '')
  expect(installed.length).toBeGreaterThan(200)
  // npm records no checksum of optional packages of other platforms.
  const unchecked = installed.filter(([, entry]) => {
    const { integrity, link, optional } = entry as Readonly<Record<'integrity' | 'link' | 'optional', unknown>>
    return integrity === undefined && link !== true && optional !== true
  })
  expect(unchecked.map(([path]) => path)).toEqual([])
})
