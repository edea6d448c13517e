import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { parseStudioConfig, studioSettings } from '../../src/studio/config.ts'

/** The fields of the manifests that are checked here. */
interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Labels }
  readonly data?: Readonly<Record<string, string>>
  readonly stringData?: Readonly<Record<string, string>>
  readonly resources?: readonly string[]
  readonly images?: readonly { readonly name: string }[]
  readonly spec: {
    readonly selector: Labels & { readonly matchLabels: Labels }
    readonly podSelector: { readonly matchLabels: Labels }
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: Pod }
    readonly ports: readonly { readonly name: string; readonly targetPort: string }[]
    readonly rules: readonly { readonly http: { readonly paths: readonly { readonly backend: Backend }[] } }[]
  }
}
type Labels = Readonly<Record<string, string>>
interface Backend {
  readonly service: { readonly name: string; readonly port: { readonly name: string } }
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}
interface Pod {
  readonly terminationGracePeriodSeconds: number
  readonly containers: readonly {
    readonly image: string
    readonly command?: readonly string[]
    readonly env: readonly { readonly name: string; readonly value: string }[]
    readonly envFrom: readonly Readonly<Record<string, { readonly name: string }>>[]
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
    readonly startupProbe: Probe
    readonly readinessProbe: Probe
    readonly livenessProbe: Probe
    readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } }
  }[]
}

const directory = new URL('../../deploy/kubernetes/', import.meta.url)
const files = (await readdir(directory)).sort()
const byFile = new Map(
  await Promise.all(
    files.map(async (file) => {
      const documents = parseAllDocuments(await readFile(new URL(file, directory), 'utf8'))
      if ('empty' in documents) throw new Error(`${file} is empty`)
      expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([])
      return [file, documents.map((document) => document.toJS() as Manifest)] as const
    }),
  ),
)
const manifests = [...byFile.values()].flat()
const all = (kind: string): readonly Manifest[] => manifests.filter((manifest) => manifest.kind === kind)
const one = (kind: string, name = 'tidings'): Manifest => {
  const manifest = all(kind).find(({ metadata }) => metadata.name === name)
  if (manifest === undefined) throw new Error(`There is no ${kind} "${name}"`)
  return manifest
}
const containerOf = (role: string) => {
  const pod = one('Deployment', `tidings-${role}`).spec.template.spec
  const [container] = pod.containers
  if (container === undefined) throw new Error('It has no container')
  return { pod, container }
}
const isSubset = (labels: Labels, of: Labels): boolean =>
  Object.entries(labels).every(([key, value]) => of[key] === value)

test('every file but the kustomization and the example of the secret is applied, each object once', () => {
  const [kustomization] = byFile.get('kustomization.yaml') ?? []
  expect([...(kustomization?.resources ?? []), 'kustomization.yaml', 'secret.example.yaml'].sort()).toEqual(files)
  const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata?.name ?? ''}`)
  expect(new Set(names).size).toBe(names.length)
  for (const { container } of ['server', 'worker'].map(containerOf))
    expect(kustomization?.images?.map(({ name }) => name)).toEqual([container.image])
})

test.each(['server', 'worker'])('the settings of the %s exist and are accepted in production', (role) => {
  const { container } = containerOf(role)
  expect(container.envFrom).toEqual([{ configMapRef: { name: 'tidings' } }, { secretRef: { name: 'tidings' } }])
  const values = {
    ...one('ConfigMap').data,
    ...one('Secret').stringData,
    ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
  }
  for (const name of Object.keys(values)) expect(studioSettings).toHaveProperty(name)
  const config = parseStudioConfig({ ...values, NODE_ENV: 'production', HOST: '0.0.0.0', PORT: '4000' })
  expect(config).toMatchObject({ ROLE: role, METRICS: 'direct', TRUST_PROXY: true })
  expect(container.command).toEqual(role === 'worker' ? ['node', 'src/worker.ts'] : undefined)
  // The image sets PORT, and previews are on the next one.
  expect(container.ports.map(({ containerPort }) => containerPort)).toEqual(role === 'server' ? [4000, 4001] : [4000])
})

test.each(['server', 'worker'])(
  'a %s has time to hand over its clients and tasks, and the health checks it needs',
  (role) => {
    const { pod, container } = containerOf(role)
    const [, seconds = '0'] = container.lifecycle?.preStop.exec.command ?? []
    const drainSeconds = Number(one('ConfigMap').data?.['DRAIN_MS']) / 1_000
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) + drainSeconds + 2)
    const { startupProbe, readinessProbe, livenessProbe } = container
    expect([startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
      '/health/live',
      '/health/ready',
      '/health/live',
    ])
    for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe])
      expect(container.ports.map(({ name }) => name)).toContain(httpGet.port)
  },
)

test('selectors, services and the ingress refer to pods and ports that exist', () => {
  const pods = all('Deployment').map(({ spec }) => spec.template)
  for (const { spec } of all('Deployment'))
    expect(isSubset(spec.selector.matchLabels, spec.template.metadata.labels)).toBe(true)
  for (const { spec, metadata } of [...all('PodDisruptionBudget'), ...all('NetworkPolicy')]) {
    const labels = spec.podSelector?.matchLabels ?? spec.selector.matchLabels
    expect(
      pods.some((template) => isSubset(labels, template.metadata.labels)),
      metadata.name,
    ).toBe(true)
  }
  expect(all('PodDisruptionBudget')).toHaveLength(pods.length)
  for (const { spec } of all('Service')) {
    const [template, ...others] = pods.filter(({ metadata }) => isSubset(spec.selector, metadata.labels))
    expect(others).toEqual([])
    const ports = template?.spec.containers.flatMap((container) => container.ports.map(({ name }) => name))
    for (const { targetPort } of spec.ports) expect(ports).toContain(targetPort)
  }
  const backends = all('Ingress').flatMap(({ spec }) =>
    spec.rules.flatMap(({ http }) => http.paths.map(({ backend }) => backend)),
  )
  expect(backends.map(({ service }) => service.port.name)).toEqual(['http', 'previews'])
  for (const { service } of backends)
    expect(one('Service', service.name).spec.ports.map(({ name }) => name)).toContain(service.port.name)
})
