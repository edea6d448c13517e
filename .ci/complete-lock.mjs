// Run after adding packages: node .ci/complete-lock.mjs package-lock.json
// npm leaves optional packages of other platforms out of the lockfile when its registry does not carry them, and then
// npm ci refuses that lockfile everywhere. Adds them, by what their names say of system and processor.
import { readFileSync, writeFileSync } from 'node:fs'

const file = process.argv[2]
const lock = JSON.parse(readFileSync(file, 'utf8'))
const oses = {
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  openharmony: 'openharmony',
  win32: 'win32',
  windows: 'win32',
  aix: 'aix',
  netbsd: 'netbsd',
  openbsd: 'openbsd',
  sunos: 'sunos',
  wasm32: undefined,
}
const cpus = ['arm64', 'x64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el']
const added = []
for (const [path, one] of Object.entries(lock.packages))
  for (const [name, spec] of Object.entries(one.optionalDependencies ?? {})) {
    let at = path,
      found = false
    for (;;) {
      if (lock.packages[`${at ? `${at}/` : ''}node_modules/${name}`]) {
        found = true
        break
      }
      if (!at) break
      at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : ''
    }
    if (found) continue
    const words = name.split(/[/-]/)
    const os = Object.entries(oses)
      .filter(([w]) => words.includes(w))
      .map(([, v]) => v)
    const cpu = cpus.filter((c) => words.includes(c))
    if (name.endsWith('arm-eabi') || /-arm-/.test(name)) cpu.splice(0, cpu.length, 'arm')
    const libc = /musl/.test(name) ? ['musl'] : /gnu/.test(name) && os[0] === 'linux' ? ['glibc'] : undefined
    const entry = {
      version: spec.replace(/^[\^~]/, ''),
      ...(cpu.length ? { cpu } : {}),
      ...(one.dev ? { dev: true } : {}),
      ...(libc ? { libc } : {}),
      optional: true,
      ...(os.length && os[0] ? { os } : {}),
    }
    lock.packages[`node_modules/${name}`] = entry
    added.push([name, JSON.stringify(entry), path])
  }
const root = lock.packages['']
delete lock.packages['']
lock.packages = {
  '': root,
  ...Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))),
}
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
for (const a of added) console.log(a.join(' '))
