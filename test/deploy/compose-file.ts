import { readFile } from 'node:fs/promises'
import { expect } from 'vitest'
import { parse } from 'yaml'
import { renderNginx } from '../../deploy/nginx/render.ts'

/** A service of a compose file. */
interface Service {
  readonly image: string
  readonly environment: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  readonly build?: { readonly context: string; readonly dockerfile?: string; readonly target?: string }
  readonly depends_on?: readonly string[] | Readonly<Record<string, { readonly condition: string }>>
  readonly networks?: { readonly default: { readonly ipv4_address: string } }
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
}

/** A compose file of `deploy`. */
interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>
  /** Returns a service. @throws Error when there is none */
  service(name: string): Service
  /** Substitutes as the container engine does: variables set by the operator, and defaults. */
  fillIn(text: string): string
  /** Reads a file, relative to the compose file. */
  read(path: string): Promise<string>
}

/** Reads and parses a compose file of `deploy`. */
export async function readCompose(name: string): Promise<ComposeFile> {
  const file = new URL(`../../deploy/${name}`, import.meta.url)
  const { services } = parse(await readFile(file, 'utf8'), { merge: true }) as Pick<ComposeFile, 'services'>
  return {
    services,
    service(wanted) {
      const found = services[wanted]
      if (found === undefined) throw new Error(`There is no service "${wanted}"`)
      return found
    },
    fillIn: (text) =>
      text.replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, variable: string, kind: string, value: string) =>
        kind === '-' ? value : `the-${variable}-that-somebody-has-made-up-for-it`,
      ),
    read: (path) => readFile(new URL(path, file), 'utf8'),
  }
}

/** Expects that the nginx of a compose file has the tested configuration, with these services as its servers. */
export async function expectNginx(
  { service, read }: Pick<ComposeFile, 'service' | 'read'>,
  servers: readonly string[],
): Promise<void> {
  const addresses = servers.map((name) => service(name).networks?.default.ipv4_address)
  const rendered = await renderNginx({
    servers: addresses.map((address) => `${address}:4000`),
    listen: '80',
    previewListen: '81',
    runDir: '/tmp',
    accessLog: '/dev/stdout',
  })
  // As the image does: only variables of the environment are replaced.
  const template = await read('./nginx/nginx.conf.template')
  const { environment } = service('nginx')
  const filled = template.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => environment[name] ?? whole)
  const words = (text: string): string => text.replaceAll(/\s+/g, ' ')
  expect(words(filled)).toBe(words(rendered))
}
